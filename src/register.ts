/** Importing it puts the switch under this isolate's sockets. register.cjs loads it, bundled into one file (scripts/bundle.mjs). */
import { startRuntime } from './runtime/index.js';

startRuntime();
