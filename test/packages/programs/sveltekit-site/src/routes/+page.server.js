import { env } from '$env/dynamic/private';

export const load = async ({ fetch }) => {
  const [items, who] = await Promise.all(
    ['items', 'who'].map(async (path) => (await fetch(`${env.API}/${path}`)).json()),
  );
  return { items, ip: who.ip, later: fetch(`${env.API}/items`).then((response) => response.json()) };
};
export const actions = {
  default: async ({ request, fetch }) => {
    const name = (await request.formData()).get('name');
    const response = await fetch(`${env.API}/items`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name }),
    });
    return { status: response.status };
  },
};
