/** All cases, in the order in which a provider's author meets them. */
import type { ConformanceCase } from '../case.js';
import { ACCEPTING } from './accepting.js';
import { CACHING } from './caching.js';
import { CLOSING } from './closing.js';
import { CONNECT_DATA } from './connect-data.js';
import { CONNECTING } from './connecting.js';
import { CONTROL_CODES } from './control-codes.js';
import { DUPLICATING } from './duplicating.js';
import { EARLY } from './early.js';
import { ENDING } from './ending.js';
import { EVENTS } from './events.js';
import { EXTENSIONS } from './extensions.js';
import { LIFE } from './life.js';
import { LISTENING } from './listening.js';
import { MEMORY } from './memory.js';
import { MESSAGES } from './messages.js';
import { MODULE } from './module.js';
import { OPERATIONS } from './operations.js';
import { OPTIONS } from './options.js';
import { OWNED_RECEIVE } from './owned-receive.js';
import { RDMA } from './rdma.js';
import { RDMA_ACCESS } from './rdma-access.js';
import { RDMA_MEMORY } from './rdma-memory.js';
import { SOCKETS } from './sockets.js';
import { STARTING } from './starting.js';

export const CASES: readonly ConformanceCase[] = [
  ...MODULE,
  ...STARTING,
  ...EXTENSIONS,
  ...CONTROL_CODES,
  ...SOCKETS,
  ...OPTIONS,
  ...EVENTS,
  ...CONNECTING,
  ...CONNECT_DATA,
  ...LISTENING,
  ...ACCEPTING,
  ...MESSAGES,
  ...OPERATIONS,
  ...EARLY,
  ...MEMORY,
  ...RDMA_MEMORY,
  ...RDMA,
  ...RDMA_ACCESS,
  ...CACHING,
  ...CLOSING,
  ...ENDING,
  ...OWNED_RECEIVE,
  ...DUPLICATING,
  ...LIFE,
];
