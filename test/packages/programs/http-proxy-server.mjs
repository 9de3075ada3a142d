// A proxy on http-proxy (node-http-proxy), requests and WebSocket upgrades, with a pool to what is behind it.
import http from 'node:http';
import httpProxy from 'http-proxy';
import record from '../../programs/lib/record.cjs';

const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
const proxy = httpProxy.createProxyServer({ target: `http://127.0.0.1:${record.parameters().port}`, agent });
const web = http.createServer((request, response) => {
  proxy.web(request, response, {}, () => {
    if (!response.headersSent) response.writeHead(502).end();
    else response.destroy();
  });
});
const upgrading = httpProxy.createProxyServer({ target: `http://127.0.0.1:${record.parameters().port}` });
web.on('upgrade', (request, socket, head) => upgrading.ws(request, socket, head, {}, () => socket.destroy()));
web.listen(0, '127.0.0.1', () => record.ready({ port: web.address().port }));
record.onStop(() => {
  web.close();
  web.closeIdleConnections();
  agent.destroy();
});
