// What async hooks see of two conversations within one process: every resource of a socket with what triggered it, how often
// each context was entered, and whether anything began, ran or ended that was never announced. Garbage is collected at the end,
// for an end may be told as late as that.
'use strict';
const { createHook, executionAsyncResource } = require('node:async_hooks');
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');

const LOOKED_AT = /^(TCP(SERVER|CONNECT)?WRAP|SHUTDOWNWRAP|HTTP(INCOMINGMESSAGE|CLIENTREQUEST))$/;
const seen = new Map();
const resources = new Set();
const unannounced = [];
const reused = [];
let hooked = false;

const of = (what, id) => {
  const known = seen.get(id);
  if (known === undefined) unannounced.push(`${what} ${id}`);
  return known;
};
createHook({
  init(id, type, trigger, resource) {
    seen.set(id, { type, name: '', trigger, before: 0, after: 0, destroyed: 0, resource });
    if (resources.has(resource)) reused.push(type);
    resources.add(resource);
  },
  before(id) {
    const known = of('before', id);
    if (known === undefined) return;
    known.before++;
    if (LOOKED_AT.test(known.type) && known.type.startsWith('TCP') && executionAsyncResource() === known.resource)
      hooked = true;
  },
  after(id) {
    const known = of('after', id);
    if (known !== undefined) known.after++;
  },
  destroy(id) {
    const known = of('destroy', id);
    if (known !== undefined) known.destroyed++;
  },
}).enable();

const http = require('node:http');
const net = require('node:net');
const record = require('./lib/record.cjs');

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');

const raw = () =>
  new Promise((resolve) => {
    const server = net.createServer((socket) => socket.on('data', () => socket.end('x')));
    server.listen(0, '127.0.0.1', () => {
      const socket = net.connect(server.address().port, '127.0.0.1', () => socket.write('hello'));
      socket.resume().on('close', () => server.close(resolve));
    });
  });

const web = () =>
  new Promise((resolve) => {
    const server = http.createServer((_request, response) => response.end('x'));
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const ask = (times) => {
      const { port } = server.address();
      http.get({ host: '127.0.0.1', port, agent }, (response) => {
        response.resume().on('end', () => {
          if (times > 1) return void setImmediate(ask, times - 1);
          agent.destroy();
          server.close(resolve);
        });
      });
    };
    server.listen(0, '127.0.0.1', () => ask(2));
  });

const finish = () => {
  // Numbered by type in their order, as ids are not comparable.
  const counts = new Map();
  for (const known of seen.values()) {
    const number = (counts.get(known.type) ?? 0) + 1;
    counts.set(known.type, number);
    known.name = `${known.type} ${number}`;
  }
  const lines = [...seen.values()]
    .filter(({ type }) => LOOKED_AT.test(type))
    .map(({ name, trigger, before, after, destroyed }) => {
      const parent = seen.get(trigger);
      const from = parent !== undefined && LOOKED_AT.test(parent.type) ? parent.name : 'another';
      return `${name} of ${from}, ${before === after ? 'balanced' : `${before} and ${after}`}, destroyed ${destroyed}`;
    });
  record.fact('resources', lines);
  record.fact('unannounced', unannounced);
  record.fact('used again', reused);
  record.fact('the resource is the one that was announced', hooked);
};

void (async () => {
  await raw();
  await web();
  for (let times = 0; times < 3; times++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  finish();
})();
