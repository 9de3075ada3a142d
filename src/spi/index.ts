/**
 * `sockets-direct/spi`: the Winsock service provider interface with the SAN extensions, as a contract between the switch
 * and its providers. Published names and values; imports nothing. docs/SPI.md tells provider authors how to use it.
 */

export * from './address.js';
export * from './error-table.js';
export * from './errors.js';
export * from './events.js';
export * from './extensions.js';
export * from './guid.js';
export * from './ioctl.js';
export * from './options.js';
export * from './overlapped.js';
export * from './owned-receive.js';
export * from './proc-table.js';
export type * from './proc-types.js';
export * from './protocol-info.js';
export type * from './qos.js';
export * from './sd-options.js';
export * from './types.js';
export * from './upcalls.js';
