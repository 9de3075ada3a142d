/** The shm SAN service provider (D3, D5): connections between processes of one host, through shared memory. */
export type { ShmEvent } from './options.js';
export { createShmProvider, SHM_PROVIDER_ID } from './provider.js';
