import { packageTest } from './support/package-test.mjs';

// Three hops; the proxies keep connections to what is behind them. The second chain has each server alone with the switch.
packageTest('http-proxy and @fastify/http-proxy', ['http-proxy', '@fastify/http-proxy'], {
  programs: ['api-server.mjs', 'fastify-proxy-server.mjs', 'http-proxy-server.mjs', 'fetch-client.mjs'],
  parameters: { proxied: true },
  keeps: true,
  alone: false,
});
packageTest('WebSocket through http-proxy', ['http-proxy', 'ws'], {
  programs: ['ws-server.mjs', 'http-proxy-server.mjs', 'ws-client.mjs'],
});
