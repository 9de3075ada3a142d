import { createElement as h, Suspense } from 'react';

export const dynamic = 'force-dynamic';

const ask = async (path) => (await fetch(`${process.env.API}/${path}`)).json();

async function Later() {
  return h('p', null, `${(await ask('items')).length} in all`);
}

export default async function Page() {
  const [items, who] = await Promise.all(['items', 'who'].map(ask));
  const list = items.map(({ name }, i) => h('li', { key: i }, name));
  return h('main', null, h('ul', null, list), h('p', null, `asked by ${who.ip}`), h(Suspense, null, h(Later)));
}
