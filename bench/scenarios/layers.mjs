/**
 * What is between a scenario and its connection: nothing, or TLS. The client trusts the certificate, made anew for each
 * run, which comes to it with the server's address.
 */
import nodeHttp from 'node:http';
import nodeHttps from 'node:https';
import net from 'node:net';
import tls from 'node:tls';

/**
 * @typedef {object} Layer
 * @property {string} prefix of names
 * @property {string} title what the README calls it, behind the scenario's own title
 * @property {'connect'|'secureConnect'} connected the client's event
 * @property {() => Promise<{ key?: string, cert?: string }>} identity what the server makes for the run
 * @property {(identity: object, listener: (socket: net.Socket) => void) => net.Server} createServer
 * @property {(identity: object, listener: nodeHttp.RequestListener) => net.Server} createHttpServer
 * @property {(target: any) => net.Socket} connect
 */

/** @type {Layer} */
export const PLAIN = {
  prefix: '',
  title: '',
  connected: 'connect',
  identity: () => Promise.resolve({}),
  createServer: (_identity, listener) => net.createServer(listener),
  createHttpServer: (_identity, listener) => nodeHttp.createServer(listener),
  connect: (target) => net.connect(target),
};

/** Compiled by `npm run build:test`, which `npm run bench:protocols` does; nothing else of the bench needs it. */
const CERTIFICATE = new URL('../../out/test/support/certificate.js', import.meta.url);

/** @type {Layer} */
export const TLS = {
  prefix: 'tls-',
  title: ' over TLS',
  connected: 'secureConnect',
  identity: async () => (await import(CERTIFICATE.href)).makeCertificate(),
  createServer: (identity, listener) => tls.createServer(identity, listener),
  createHttpServer: (identity, listener) => nodeHttps.createServer(identity, listener),
  connect: (target) => tls.connect({ ...target, servername: 'localhost' }),
};
