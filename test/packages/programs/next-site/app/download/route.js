export const dynamic = 'force-dynamic';
export const GET = async () => {
  const { body } = await fetch(`${process.env.API}/download`, { cache: 'no-store' });
  return new Response(body, { headers: { 'content-type': 'application/octet-stream' } });
};
export const PUT = ({ body }) => fetch(`${process.env.API}/upload`, { method: 'PUT', body, duplex: 'half' });
