// What a browser asks vite's dev server for: the page, its modules and their packages, the socket for updates, what the
// proxy brings; and a file that is edited meanwhile.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import record from '../../programs/lib/record.cjs';
import './lib/strict-facts.mjs';

const { vite, root } = record.parameters();
const origin = `http://127.0.0.1:${vite}`;
const get = async (path, headers = {}) => {
  const response = await fetch(new URL(path, origin), { headers });
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    etag: response.headers.get('etag'),
    text: await response.text(),
  };
};
/** Where a module imports something from, as vite rewrote it. */
const imported = (text, name) =>
  text
    .match(new RegExp(`from\\s*"([^"]*${name}[^"]*)"|import\\s*"([^"]*${name}[^"]*)"`))
    ?.slice(1)
    .find(Boolean);

const page = await get('/', { accept: 'text/html' });
record.fact('page', [page.status, page.type, page.text.includes('/@vite/client')]);
const client = await get('/@vite/client');
record.fact('client', [client.status, client.type]);
const token = client.text.match(/wsToken = "([^"]+)"/)?.[1];
const main = await get('/main.js');
record.fact('main', [main.status, main.type]);
const word = await get(imported(main.text, 'word'));
record.fact('module', [word.status, word.text.includes('"first"') || word.text.includes("'first'")]);
const style = await get(imported(main.text, 'style'));
record.fact('style', [style.status, style.text.includes('rebeccapurple')]);
const ms = await get(imported(main.text, 'ms.js'));
record.fact('package', [ms.status, ms.text.includes('export default')]);
record.fact('not modified', (await get('/main.js', { 'if-none-match': main.etag })).status);
record.fact('none', (await get('/none.js', { accept: 'text/javascript' })).status);

const socket = new WebSocket(`ws://127.0.0.1:${vite}/?token=${token}`, 'vite-hmr');
const waiting = [];
const seen = [];
socket.on('message', (data) => {
  const message = JSON.parse(data);
  const next = waiting.findIndex(({ type }) => type === message.type);
  if (next === -1) {
    seen.push(message);
  } else {
    waiting.splice(next, 1)[0].resolve(message);
  }
});
/** The next message of this type, also if it has come already. */
const says = (type) =>
  new Promise((resolve) => {
    const early = seen.findIndex((message) => message.type === type);
    if (early === -1) {
      waiting.push({ type, resolve });
    } else {
      resolve(seen.splice(early, 1)[0]);
    }
  });
record.fact('connected', await says('connected'));
/** Edits the module until vite tells of it and serves it: a file watcher may take two writes in a row for one. */
const edit = async (word) => {
  let message;
  says('update').then((update) => {
    message = update;
  });
  for (let i = 0; ; i++) {
    if (i % 40 === 0) {
      writeFileSync(join(root, 'word.js'), `export const word = '${word}';\n`);
    }
    await record.delay(50);
    if (message !== undefined) {
      const [{ type, path, acceptedPath, timestamp }] = message.updates;
      const { text } = await get(`${acceptedPath}?t=${timestamp}`);
      if (text.includes(word)) {
        return [type, path, acceptedPath];
      }
    }
  }
};
record.fact('edited', await edit('second'));
const broken = await get('/broken.js');
record.fact('broken module', [broken.status, (await says('error')).err.plugin]);
// As it was: the next client finds it so.
record.fact('edited back', await edit('first'));

const proxied = await get('/api/items');
record.fact('proxied', [proxied.status, proxied.type]);
const download = await fetch(`${origin}/api/download`);
record.fact('download', record.sha256(Buffer.from(await download.arrayBuffer())));
const data = record.bytes('upload', 3000000);
const upload = await fetch(`${origin}/api/upload`, { method: 'PUT', body: data });
record.fact('upload', (await upload.json()).sha256 === record.sha256(data));
const crowd = await Promise.all(Array.from({ length: 60 }, (_, i) => get(i % 2 === 0 ? '/main.js' : '/api/items')));
record.fact(
  'crowd',
  crowd.every(({ text }, i) => text === (i % 2 === 0 ? crowd[0].text : proxied.text)),
);
const closed = record.until(socket, 'close');
socket.close();
await closed;
