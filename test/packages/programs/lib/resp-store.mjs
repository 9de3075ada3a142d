// A server that speaks Redis' protocol from a Node process: as much of it as the clients of this folder ask for. npm has
// clients and parsers for the protocol but no server that is kept up, and what a test of sockets needs is a Node process
// that answers them. Requests are parsed by `redis-parser`, replies are RESP 2.
import net from 'node:net';
import Parser from 'redis-parser';

const OK = Symbol('OK');
const QUEUED = Symbol('QUEUED');
/** The reply was written already, or comes later. */
const LATER = Symbol('LATER');

/** A reply in RESP 2, as the buffers to be written. Errors are Error objects; null is the null bulk string. */
const encode = (value, out = []) => {
  if (value === OK || value === QUEUED) {
    out.push(Buffer.from(`+${value.description}\r\n`));
  } else if (value instanceof Error) {
    out.push(Buffer.from(`-${value.message}\r\n`));
  } else if (typeof value === 'number') {
    out.push(Buffer.from(`:${value}\r\n`));
  } else if (value === null) {
    out.push(Buffer.from('$-1\r\n'));
  } else if (Array.isArray(value)) {
    out.push(Buffer.from(`*${value.length}\r\n`));
    for (const element of value) {
      encode(element, out);
    }
  } else {
    const bulk = Buffer.isBuffer(value) ? value : Buffer.from(String(value));
    out.push(Buffer.from(`$${bulk.length}\r\n`), bulk, Buffer.from('\r\n'));
  }
  return out;
};

export class RespServer {
  #data = new Map();
  #channels = new Map();
  #waiting = new Map();
  #clients = new Set();
  #ids = 0;
  server = net.createServer((socket) => this.#serve(socket));

  #serve(socket) {
    const client = { socket, id: ++this.#ids, name: '', queue: null, channels: new Set() };
    this.#clients.add(client);
    const parser = new Parser({
      returnBuffers: true,
      returnReply: (request) => this.#answer(client, request),
      returnError: (error) => socket.destroy(error),
      returnFatalError: (error) => socket.destroy(error),
    });
    socket.on('data', (chunk) => {
      socket.cork();
      parser.execute(chunk);
      process.nextTick(() => socket.uncork());
    });
    socket.on('error', () => {
      // Its client is gone; 'close' follows.
    });
    socket.on('close', () => {
      this.#clients.delete(client);
      for (const channel of client.channels) {
        this.#channels.get(channel)?.delete(client);
      }
    });
  }

  #reply(client, value) {
    if (value !== LATER) {
      for (const piece of encode(value)) {
        client.socket.write(piece);
      }
    }
  }

  #answer(client, [command, ...args]) {
    const name = command.toString().toLowerCase();
    if (client.queue !== null && name !== 'exec' && name !== 'discard') {
      client.queue.push([name, args]);
      this.#reply(client, QUEUED);
      return;
    }
    this.#reply(client, this.#run(client, name, args));
  }

  #run(client, name, args) {
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    return command === undefined
      ? new Error(`ERR unknown command '${name}'`)
      : command.call(this, client, args, (queued, its) => this.#run(client, queued, its));
  }

  get data() {
    return this.#data;
  }

  get clients() {
    return this.#clients;
  }

  /** The list of a key, made when there is none. */
  list(key) {
    const list = this.#data.get(String(key)) ?? [];
    this.#data.set(String(key), list);
    return list;
  }

  subscribe(client, channel) {
    client.channels.add(channel);
    const subscribers = this.#channels.get(channel) ?? new Set();
    this.#channels.set(channel, subscribers.add(client));
    this.#reply(client, ['subscribe', channel, client.channels.size]);
  }

  unsubscribe(client, channel) {
    client.channels.delete(channel);
    this.#channels.get(channel)?.delete(client);
    this.#reply(client, ['unsubscribe', channel, client.channels.size]);
  }

  publish(channel, message) {
    const subscribers = this.#channels.get(channel) ?? new Set();
    for (const client of subscribers) {
      this.#reply(client, ['message', channel, message]);
    }
    return subscribers.size;
  }

  /** The first of a list, now or when there is one. */
  blockingPop(client, key) {
    const list = this.list(key);
    if (list.length > 0) {
      return [key, list.shift()];
    }
    this.#waiting.set(key, [...(this.#waiting.get(key) ?? []), client]);
    return LATER;
  }

  pushed(key) {
    const waiting = this.#waiting.get(key) ?? [];
    const list = this.list(key);
    while (waiting.length > 0 && list.length > 0) {
      this.#reply(waiting.shift(), [key, list.shift()]);
    }
  }
}

/** name → what it answers. `this` is the server; keys and channels are strings, values are buffers. */
const COMMANDS = {
  ping: () => Buffer.from('PONG'),
  hello: () => new Error('NOPROTO unsupported protocol version'),
  info: () => 'redis_version:7.0.0\r\nloading:0\r\n',
  select: () => OK,
  client(client, [what, ...its]) {
    switch (String(what).toLowerCase()) {
      case 'id':
        return client.id;
      case 'kill':
        for (const other of this.clients) {
          if (other.id === Number(its.at(-1))) {
            other.socket.destroy();
          }
        }
        return OK;
      default:
        return OK;
    }
  },
  set(_client, [key, value]) {
    this.data.set(String(key), value);
    return OK;
  },
  get(_client, [key]) {
    return this.data.get(String(key)) ?? null;
  },
  del(_client, keys) {
    return keys.filter((key) => this.data.delete(String(key))).length;
  },
  incr(_client, [key]) {
    const next = Number(this.data.get(String(key)) ?? 0) + 1;
    if (!Number.isInteger(next)) {
      return new Error('ERR value is not an integer or out of range');
    }
    this.data.set(String(key), Buffer.from(String(next)));
    return next;
  },
  rpush(_client, [key, ...values]) {
    const length = this.list(key).push(...values);
    this.pushed(String(key));
    return length;
  },
  lrange(_client, [key, from, to]) {
    const end = Number(to);
    return this.list(key).slice(Number(from), end === -1 ? undefined : end + 1);
  },
  blpop(client, [key]) {
    return this.blockingPop(client, String(key));
  },
  hset(_client, [key, ...pairs]) {
    const hash = this.data.get(String(key)) ?? new Map();
    this.data.set(String(key), hash);
    const before = hash.size;
    for (let i = 0; i < pairs.length; i += 2) {
      hash.set(String(pairs[i]), pairs[i + 1]);
    }
    return hash.size - before;
  },
  hgetall(_client, [key]) {
    return [...(this.data.get(String(key)) ?? [])].flat();
  },
  multi(client) {
    client.queue = [];
    return OK;
  },
  exec(client, _args, run) {
    const queue = client.queue ?? [];
    client.queue = null;
    return queue.map(([name, args]) => run(name, args));
  },
  subscribe(client, channels) {
    for (const channel of channels) {
      this.subscribe(client, String(channel));
    }
    return LATER;
  },
  unsubscribe(client, channels) {
    for (const channel of channels.length > 0 ? channels : [...client.channels]) {
      this.unsubscribe(client, String(channel));
    }
    return LATER;
  },
  publish(_client, [channel, message]) {
    return this.publish(String(channel), message);
  },
  quit(client) {
    client.socket.end('+OK\r\n');
    return LATER;
  },
};
