// What comes between the callbacks that Node's own parsers make for one chunk: each client sends several requests in one
// write. Of each story: what the program saw, in which order. { hooks }: with async hooks. { alone }: it is the client, too.
// { tls: folder } names the key and certificate.
import { createHook } from 'node:async_hooks';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { SCENARIOS, send } from './lib/chunks.mjs';
import record from './lib/record.cjs';

const { hooks, alone, tls: folder } = record.parameters();
const options = { key: readFileSync(`${folder}/key.pem`), cert: readFileSync(`${folder}/cert.pem`) };
if (hooks === true) createHook({ init() {} }).enable();

let story = [];
process.on('uncaughtException', (error) => story.push(`uncaught ${error.message}`));
const note = (text) => {
  story.push(text);
  process.nextTick(() => story.push(`tick of ${text}`));
  Promise.resolve().then(() => story.push(`microtask of ${text}`));
};

const serve1 = (failing, secure) => {
  let count = 0;
  const server = secure ? https.createServer(options) : http.createServer();
  server.on('request', (request, response) => {
    const number = ++count;
    note(`request ${number}`);
    request.on('data', (data) => note(`data ${number} ${data}`));
    request.on('end', () => {
      note(`end ${number}`);
      response.end('answer');
    });
    if (failing === 'first' && number === 1) fail('request 1');
  });
  return server;
};

const serve2 = (failing, secure) => {
  const server = secure ? http2.createSecureServer(options) : http2.createServer();
  server.on('session', (session) => {
    session.on('error', (error) => story.push(`session ${error.code}`));
    // At the first stream: those of the same chunk are not to be seen any more.
    if (failing === 'destroy') session.once('stream', () => session.destroy());
  });
  server.on('stream', (stream) => {
    const { id } = stream;
    note(`stream ${id}${stream.destroyed ? ', destroyed' : ''}`);
    stream.on('error', (error) => story.push(`error ${id} ${error.code}`));
    stream.on('data', (data) => {
      note(`data ${id} ${data}`);
      if (failing === 'data' && id === 1) fail('data 1');
    });
    stream.on('aborted', () => note(`aborted ${id}`));
    if (failing === 'tick') fail(`stream ${id}`);
  });
  return server;
};

const fail = (text) => {
  throw new Error(text);
};

const servers = [];
let left = SCENARIOS.length;
for (const { name, protocol, failing, secure } of SCENARIOS) {
  const server = protocol === 1 ? serve1(failing, secure) : serve2(failing, secure);
  server.on('connection', (socket) => {
    // One after the other: the client waits for the end of one before it begins the next.
    story = [];
    record.fact(name, story);
    socket.on('error', () => {});
    socket.on('close', () => {
      if (alone === true) server.close();
      if (--left === 0 && alone !== true) process.removeAllListeners('uncaughtException');
    });
  });
  server.listen(0, '127.0.0.1');
  await record.until(server, 'listening');
  servers.push(server);
}
const ports = servers.map((server) => server.address().port);
if (alone === true) await send(ports);
else {
  record.ready({ ports });
  // It listens until then: one that was ending already might be ended by the signal instead.
  record.onStop(() => servers.forEach((server) => server.close()));
}
