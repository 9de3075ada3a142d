// What is put on a socket that is there already: TLS in all its ways, and servers that are given a connection. (Sockets that
// tls.connect makes for itself are not among them.)
import { readFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import { Duplex } from 'node:stream';
import tls from 'node:tls';
import record from '../lib/record.cjs';
import { runCases } from './lib/cases.mjs';

const { tls: folder } = record.parameters();
const key = readFileSync(`${folder}/key.pem`);
const cert = readFileSync(`${folder}/cert.pem`);
const secureContext = tls.createSecureContext({ key, cert });
const trusting = { ca: cert, servername: 'localhost' };
const message = record.bytes('layers', 150_000);

/** Sends the message, waits for it to come back, ends. */
/** `torn`: how the layers below let go of each other at the end comes by chance, on TCP too; an error then is not noted. */
const exchange = async (end, socket, torn = false) => {
  const parts = [];
  let length = 0;
  socket.on('data', (part) => {
    parts.push(part);
    length += part.length;
    if (length === message.length) socket.end();
  });
  socket.on('error', ({ code }) => {
    if (!torn || length < message.length) end.note('error', code);
  });
  socket.write(message);
  await record.until(socket, 'close');
  end.note(length, record.sha256(Buffer.concat(parts)) === record.sha256(message));
};

const echo = (socket) => socket.on('error', () => {}).pipe(socket);
const secured = (socket) => [socket.authorized ?? null, socket.getProtocol(), socket.encrypted, socket.remoteAddress];

/** A raw listener that puts TLS on what it accepts. */
const serveTls = (end) =>
  net.createServer((socket) => {
    end.watch(socket, { read: false, bytes: false });
    const secure = new tls.TLSSocket(socket, { isServer: true, secureContext });
    secure.on('secure', () => end.note(secured(secure)));
    echo(secure);
  });

/** A socket that is connected. */
const connected = async (end) => {
  const socket = net.connect(end.target);
  await record.until(socket, 'connect');
  return socket;
};

await runCases({
  'new tls.TLSSocket(socket)': {
    serve: serveTls,
    async connect(end) {
      const socket = await connected(end);
      const secure = new tls.TLSSocket(socket, { isServer: false, ...trusting });
      end.note(secure.connecting, secure.remoteAddress, secure instanceof net.Socket);
      secure.on('secure', () => end.note(secure.getProtocol(), secure.getPeerCertificate().subject.CN));
      await exchange(end, secure);
      end.note(socket.destroyed);
    },
  },
  'tls.connect({ socket })': {
    serve: serveTls,
    async connect(end) {
      const socket = await connected(end);
      const secure = tls.connect({ socket, ...trusting }, () => end.note(secured(secure)));
      await exchange(end, secure);
      end.note(socket.destroyed);
    },
  },
  STARTTLS: {
    serve: (end) =>
      net.createServer((socket) => {
        end.watch(socket, { read: false, bytes: false });
        socket.write('220 ready\r\n');
        socket.once('data', (line) => {
          end.note(String(line));
          socket.write('220 go ahead\r\n');
          echo(new tls.TLSSocket(socket, { isServer: true, secureContext }));
        });
      }),
    async connect(end) {
      const socket = await connected(end);
      end.note(String(await record.until(socket, 'data')));
      socket.write('STARTTLS\r\n');
      end.note(String(await record.until(socket, 'data')));
      const secure = tls.connect({ socket, ...trusting }, () => end.note(secured(secure)));
      await exchange(end, secure);
    },
  },
  'TLS on a stream over a socket': {
    serve: serveTls,
    async connect(end) {
      const socket = await connected(end);
      const stream = Duplex.from({ readable: socket, writable: socket });
      const secure = tls.connect({ socket: stream, ...trusting }, () => end.note(secure.authorized));
      await exchange(end, secure, true);
    },
  },
  'TLS in TLS': {
    serve: (end) =>
      net.createServer((socket) => {
        const outer = new tls.TLSSocket(socket, { isServer: true, secureContext });
        const inner = new tls.TLSSocket(outer, { isServer: true, secureContext });
        for (const layer of [socket, outer]) layer.on('error', () => {});
        inner.on('secure', () => end.note(inner.getProtocol()));
        echo(inner);
      }),
    async connect(end) {
      const outer = tls.connect({ socket: await connected(end), ...trusting });
      const inner = tls.connect({ socket: outer, ...trusting }, () => end.note(secured(inner)));
      await exchange(end, inner);
    },
  },
  'a tls.Server that is given a socket': {
    serve(end) {
      const secure = tls.createServer({ key, cert }, (socket) => {
        end.note(secured(socket));
        echo(socket);
      });
      return net.createServer({ pauseOnConnect: true }, (socket) => secure.emit('connection', socket));
    },
    async connect(end) {
      const secure = tls.connect({ socket: await connected(end), ...trusting });
      await exchange(end, secure);
    },
  },
  'an http.Server that is given a socket': {
    // As one port for several protocols does it: the first bytes decide.
    serve(end) {
      const site = http.createServer((request, response) => {
        response.sendDate = false;
        response.end(`${request.method} ${request.url} ${request.socket.remoteAddress}`);
      });
      const secure = https.createServer({ key, cert }, site.listeners('request')[0]);
      return net.createServer((socket) => {
        end.watch(socket, { read: false, bytes: false, skip: ['finish', 'end', 'timeout'] });
        socket.once('data', (first) => {
          socket.pause();
          socket.unshift(first);
          end.note(first[0]);
          (first[0] === 22 ? secure : site).emit('connection', socket);
          process.nextTick(() => socket.resume());
        });
      });
    },
    async connect(end) {
      const headers = { connection: 'close' };
      const answer = async (request) => {
        const response = await record.until(request, 'response');
        end.note(response.statusCode, String(await response.toArray()));
      };
      const raw = await connected(end);
      await answer(http.get({ createConnection: () => raw, headers }));
      const secure = tls.connect({ socket: await connected(end), ...trusting });
      await answer(https.get({ createConnection: () => secure, headers }));
    },
  },
  'HTTP/2 over a given socket': {
    serve(end) {
      const site = http2.createServer((request, response) => response.end(`${request.method} ${request.url}`));
      return net.createServer((socket) => {
        end.note('connection');
        site.emit('connection', socket);
      });
    },
    async connect(end) {
      const socket = await connected(end);
      const session = http2.connect('http://given', { createConnection: () => socket });
      for (const path of ['/one', '/two']) {
        const stream = session.request({ ':path': path });
        stream.end();
        end.note(String(await stream.toArray()));
      }
      end.note(session.socket.remoteAddress, session.destroyed);
      session.close();
      await record.until(session, 'close');
    },
  },
});
