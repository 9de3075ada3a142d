/** The composition root: puts the parts together, once per isolate. */
export { currentRuntime, type SocketRoute, startRuntime, type Status } from './runtime.js';
