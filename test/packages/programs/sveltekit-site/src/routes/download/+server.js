import { env } from '$env/dynamic/private';

export const GET = async () => {
  const { body } = await fetch(`${env.API}/download`);
  return new Response(body, { headers: { 'content-type': 'application/octet-stream' } });
};
export const PUT = ({ request }) => fetch(`${env.API}/upload`, { method: 'PUT', body: request.body, duplex: 'half' });
