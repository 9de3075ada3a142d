/** The preload's ESM side: importing it puts the switch under this isolate's sockets. Loaded by register.cjs. */
import { startRuntime } from './runtime/index.js';

startRuntime();
