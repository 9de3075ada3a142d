/** Posted receive (SESS-11 … SESS-14): providers that do not own receive buffers. */
export { POSTED_BUFFER_BYTES, POSTED_BUFFERS } from './buffers.js';
export { type PostedClock, PostedReceive } from './posted-receive.js';
