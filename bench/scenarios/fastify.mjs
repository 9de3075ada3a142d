/** A JSON API on fastify, asked by undici: keep-alive connections, one request under way on each. */
import { listen } from './common.mjs';
import { fromPackages, socketsToCome } from './packages.mjs';
import { requests } from './requests.mjs';

const ITEMS = Array.from({ length: 100 }, (_, id) => ({
  id,
  name: `item ${id}`,
  price: id * 1.25,
  tags: ['one', 'two', `tag-${id}`],
  stock: { here: id % 7, there: id % 11 },
}));

export function fastify(connections) {
  return requests({
    name: `fastify-${connections}`,
    title: `JSON API on fastify by undici, ${connections} connection${connections === 1 ? '' : 's'}`,
    atOnce: connections,

    async server(context) {
      const app = fromPackages('fastify')();
      app.get('/items/:id', (request) => ITEMS[Number(request.params.id)]);
      await app.ready();
      listen(context, app.server);
    },

    async open({ target }) {
      const { Pool } = fromPackages('undici');
      const sockets = socketsToCome();
      const pool =
        target.path === undefined
          ? new Pool(`http://${target.host}:${target.port}`, { connections })
          : new Pool('http://localhost', { connections, socketPath: target.path });
      let id = 0;
      const ask = async () => {
        const wanted = id++ % ITEMS.length;
        const { statusCode, body } = await pool.request({ method: 'GET', path: `/items/${wanted}` });
        const item = await body.json();
        if (statusCode !== 200 || item.id !== wanted) throw new Error(`answer ${statusCode}: ${JSON.stringify(item)}`);
      };
      return { ask, sockets };
    },
  });
}
