/** The session protocol (SESS-1 … SESS-17): see docs/SESSION_PROTOCOL.md. */
export * from './negotiate.js';
export { completeOperation, Operation } from './operation.js';
export * from './posted/index.js';
export { SendOperation } from './send-operation.js';
export { countShutdowns, isDeliveringLate, tellFirstShutdown } from './session-delivery.js';
export { PAYLOAD_BYTES_MAX } from './send-side.js';
export { Session } from './session.js';
export { URGENT_BLOCKS_MAX } from './session-urgent.js';
export type { IncomingState, OutgoingState, SessionState, Unread, UrgentState, Word } from './suspension-state.js';
export type { SuspendOwner } from './suspension.js';
export { type SessionIo, type SessionUser, WRITE_DONE, WRITE_PENDING } from './types.js';
export { EXIT_BYTES_MAX } from './wire.js';
export type { TransferWay } from './transfer/outgoing.js';
