export const POST = async (request) => {
  const name = (await request.formData()).get('name');
  const response = await fetch(`${process.env.API}/items`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name }),
  });
  return Response.json({ status: response.status });
};
