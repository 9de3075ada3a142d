// Short exchanges with an echo server over connections made with the given options:
// { connections: [{ label, names, ...options of net.connect }], together: true }. Failures are recorded like successes.
import net from 'node:net';
import record from './lib/record.cjs';

const { connections, together = false, host, port } = record.parameters();

/** A resolver that knows one name, with these addresses in this order. */
const resolver =
  (addresses) =>
  (_name, { all }, done) => {
    const known = addresses.map((address) => ({ address, family: net.isIP(address) }));
    process.nextTick(() => (all ? done(null, known) : done(null, known[0].address, known[0].family)));
  };

const talk = async ({ label, bytes = 1000, names, ...options }) => {
  if (names !== undefined) {
    Object.assign(options, { host: 'a.name', lookup: resolver(names) });
  }
  const socket = net.connect({ port, ...(host === undefined ? {} : { host }), ...options });
  record.watch(label, socket);
  const message = record.bytes(label, bytes);
  let received = 0;
  socket.on('error', (error) => {
    record.fact(`${label} error`, {
      code: error.code,
      syscall: error.syscall,
      address: error.address,
      port: error.port,
      message: error.message.replace(/\d{4,5}\b/g, 'PORT'),
      parts: error.errors?.map(({ code, address }) => [code, address]),
    });
  });
  socket.on('data', (chunk) => {
    received += chunk.length;
    if (received === message.length) {
      socket.end();
    }
  });
  socket.write(message);
  await record.until(socket, 'close');
  record.fact(`${label} sent`, record.sha256(message));
};

if (together) {
  await Promise.all(connections.map(talk));
} else {
  for (const connection of connections) {
    await talk(connection);
  }
}
