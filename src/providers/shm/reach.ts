/**
 * Whether the memory of a link's peer can be reached (D5, D7): asked of the kernel when the link is set up, by reading
 * what the peer says stands there. Yama, containers, PID namespaces and other users are refused; then data are copied
 * through the ring, and the refusal is there for people to see.
 */
import { type Addon, randomBytes } from '../../proxy-driver/index.js';
import { PROOF_BYTES, type Proof } from './control-packets.js';

/** What we can do to the peer's registered memory by ourselves. */
export interface Reach {
  readonly read: boolean;
  readonly write: boolean;
  /** Why not, in words; empty if both. */
  readonly refusal: string;
}

export const OUT_OF_REACH: Reach = { read: false, write: false, refusal: 'the link is not open' };
const SWITCHED_OFF: Reach = { read: false, write: false, refusal: 'switched off in this process' };
const KEPT_OUT: Reach = { read: false, write: false, refusal: 'switched off in the other process' };

const REFUSALS: Readonly<Record<number, string>> = {
  1: 'the system does not permit it (EPERM): another user, Yama, a container, or a process that may not be traced',
  2: 'there is no /proc in which to look for the other process (ENOENT)',
  3: 'the other process has no number here (ESRCH): another PID namespace',
  14: 'the other process has no such memory (EFAULT)',
  18: 'the other process is in another PID namespace (EXDEV)',
  24: 'out of descriptors (EMFILE)',
  38: 'the system has no such call (ENOSYS)',
  74: 'the number is of a process that we do not talk with (EBADMSG)',
};

/** What the peer of a new link is to find in our memory. */
export function makeProof(addon: Addon, link: number, rdma: boolean): Proof {
  const bytes = randomBytes(addon, PROOF_BYTES);
  return { address: rdma ? addon.linkProve(link, bytes) : 0, bytes };
}

/** Tries whether the peer's memory is within reach. */
export function probe(addon: Addon, link: number, proof: Proof, rdma: boolean): Reach {
  if (!rdma) return SWITCHED_OFF;
  if (proof.address === 0) return KEPT_OUT;
  const result = addon.linkProbe(link, proof.address, proof.bytes);
  if (result === 3) return { read: true, write: true, refusal: '' };
  if (result > 0) return { read: true, write: false, refusal: 'the system permits reading only' };
  return { read: false, write: false, refusal: REFUSALS[-result] ?? `the system says no (error ${-result})` };
}
