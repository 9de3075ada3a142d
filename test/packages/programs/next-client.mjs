// A browser's requests to next-server.mjs: pages, their data as React asks for them, a form, a download and an upload through
// both servers.
import record from '../../programs/lib/record.cjs';
import './lib/strict-facts.mjs';

const { ssr } = record.parameters();
const origin = `http://127.0.0.1:${ssr}`;
const get = async (path, headers = {}) => {
  const response = await fetch(origin + path, { headers });
  return [response.status, response.headers.get('content-type'), await response.text()];
};
/** Builds differ in the names they give to files. */
const list = (html) => html.match(/<li>[^<]*<\/li>/g) ?? [];
const before = list((await get('/'))[2]).length;
for (let i = 0; i < 20; i++) {
  const body = new URLSearchParams({ name: `item ${i} \u20ac` });
  const response = await fetch(`${origin}/items`, { method: 'POST', body });
  const answer = await response.json();
  if (answer.status !== 201) throw new Error(`the form was answered with ${JSON.stringify(answer)}`);
}
const [status, type, html] = await get('/');
record.fact('page', [status, type, list(html).slice(before), html.match(/asked by [^<]*/)[0]]);
record.fact('streamed', html.includes(`${before + 20} in all`));
const [dataStatus, dataType, data] = await get('/', { rsc: '1' });
record.fact('data', [dataStatus, dataType, data.includes('item 19 \u20ac')]);
record.fact('none', (await get('/none')).slice(0, 2));
const download = await fetch(`${origin}/download`);
record.fact('download', record.sha256(Buffer.from(await download.arrayBuffer())));
const body = record.bytes('upload', 3000000);
const upload = await fetch(`${origin}/download`, {
  method: 'PUT',
  headers: { 'content-type': 'application/octet-stream' },
  body,
});
record.fact('upload', (await upload.json()).sha256 === record.sha256(body));
const crowd = await Promise.all(Array.from({ length: 60 }, () => get('/')));
record.fact(
  'crowd',
  crowd.every(([, , text]) => list(text).length === before + 20),
);
