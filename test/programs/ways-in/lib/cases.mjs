// A program of several cases, both ends of each side by side. It is started as the server ({ role: 'server' }), which
// makes a listener per case, and once more as the client ({ role: 'client', ports }); or once for both ends
// ({ role: 'both' }). What an end notes under its case must be the same on every route.
import net from 'node:net';
import record from '../../lib/record.cjs';

/** One end of one case. */
class End {
  #notes = [];
  #label;
  #watched = 0;

  constructor(name, role, host) {
    this.name = name;
    this.host = host;
    this.port = 0;
    this.#label = `${name} (${role})`;
    record.fact(this.#label, this.#notes);
  }

  /** Where the case's listener is: what net.connect takes. */
  get target() {
    return { port: this.port, host: this.host };
  }

  /** Keeps a line, or any value that JSON can hold. */
  note(...values) {
    this.#notes.push(values.length === 1 ? values[0] : values);
  }

  /** record.watch() under a name of this case. */
  watch(socket, options) {
    return record.watch(`${this.#label} ${++this.#watched}`, socket, options);
  }

  /** Connects to the case's listener. */
  connect(options = {}, watching = {}) {
    return this.watch(net.connect({ ...this.target, ...options }), watching);
  }

  /** Notes what a call throws, or gives back: objects by their class alone. */
  attempt(label, call) {
    try {
      const value = call() ?? null;
      this.note(label, typeof value === 'object' ? (value?.constructor.name ?? null) : value);
    } catch (error) {
      this.note(label, error.code ?? String(error));
    }
  }
}

/** The listener of a case that has none of its own. */
const serveDefault = ({ server = {}, accept }, end) =>
  net.createServer(server, (socket) => {
    if (accept === undefined) end.watch(socket);
    else accept(socket, end);
  });

const serveCase = async (name, definition, host) => {
  const end = new End(name, 'server', host);
  const server = await (definition.serve?.(end) ?? serveDefault(definition, end));
  if (!server.listening) {
    server.listen({ port: 0, host, ...definition.listen });
    await record.until(server, 'listening');
  }
  end.port = server.address().port;
  return { server, end, definition };
};

/**
 * definitions: { name: { server: options, accept(socket, end) } | { serve(end): a server }, with { listen: options,
 * connect(end, portOf): the client's part, stop(end): the server's at the end } }. One after another where `together` is
 * false.
 */
export const runCases = async (definitions, { together = true } = {}) => {
  const { role = 'both', ports: given = {}, host = '127.0.0.1' } = record.parameters();
  const ports = { ...given };
  const served = [];
  if (role !== 'client') {
    const serve = ([name, definition]) => serveCase(name, definition, host);
    for (const { server, end, definition } of await Promise.all(Object.entries(definitions).map(serve))) {
      ports[end.name] = end.port;
      served.push(() => {
        definition.stop?.(end);
        if (server.listening) server.close();
        server.closeAllConnections?.();
      });
    }
    if (role === 'server') record.onStop(() => served.forEach((stop) => stop()));
    record.ready({ ports });
  }
  if (role === 'server') return;
  const talk = async ([name, { connect }]) => {
    const end = new End(name, 'client', host);
    end.port = ports[name];
    await connect(end, (other) => ports[other]);
  };
  const entries = Object.entries(definitions);
  if (together) await Promise.all(entries.map(talk));
  else for (const entry of entries) await talk(entry);
  for (const stop of served) stop();
};
