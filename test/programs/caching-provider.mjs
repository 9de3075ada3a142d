// A provider module that caches registrations and writes down what its cache callback is asked.
import { createLoopbackProvider } from '../../dist/providers/loopback/index.js';
import { SIO_GET_EXTENSION_FUNCTION_POINTER, WSAID_MEMORYREGISTRATIONCACHECALLBACK } from '../../dist/spi/index.js';

const provider = createLoopbackProvider({ name: 'caching', addresses: ['192.0.2.1'], cacheRegistrations: true });
/** @type {{ told: unknown[][] }} */
const place = Object.assign(globalThis, { told: [] });

export const { protocolInfo } = provider;

/** @type {typeof provider.WSPStartupEx} */
export const WSPStartupEx = (version, data, info, upcalls, table) => {
  const result = provider.WSPStartupEx(version, data, info, upcalls, table);
  const ioctl = table.lpWSPIoctl;
  table.lpWSPIoctl = (s, code, input, output, ...rest) => {
    const answer = ioctl(s, code, input, output, ...rest);
    if (code !== SIO_GET_EXTENSION_FUNCTION_POINTER || input !== WSAID_MEMORYREGISTRATIONCACHECALLBACK) return answer;
    const callback = /** @type {Function} */ (output.value);
    output.value = (
      /** @type {bigint} */ address,
      /** @type {number} */ size,
      /** @type {{ value: number }} */ errno,
    ) => {
      const code = callback(address, size, errno);
      place.told.push([Number(address), size, code === 0 ? 0 : errno.value]);
      return code;
    };
    return answer;
  };
  return result;
};
