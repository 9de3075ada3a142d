// supertest as tests use it: an express application in the same process, a listener for each request, an agent with cookies.
import { createHash } from 'node:crypto';
import http from 'node:http';
import express from 'express';
import request from 'supertest';
import record from '../../programs/lib/record.cjs';
import './lib/strict-facts.mjs';

const app = express();
app.use(express.json());
app.get('/hello', (_request, response) => response.json({ hello: 'world' }));
app.post('/sum', ({ body }, response) => response.status(201).json({ sum: body.reduce((a, b) => a + b, 0) }));
app.get('/download', (_request, response) => {
  response.type('application/octet-stream').send(record.bytes('download', 1000000));
});
app.put('/upload', (incoming, response) => {
  const hash = createHash('sha256');
  incoming.on('data', (chunk) => hash.update(chunk));
  incoming.on('end', () => response.json({ sha256: hash.digest('hex') }));
});
app.get('/enter', (_request, response) => response.cookie('who', 'me').redirect('/inside'));
app.get('/inside', ({ headers }, response) => response.send(headers.cookie ?? 'nobody'));
app.get('/torn', ({ socket }) => socket.destroy());

await request(app).get('/hello').expect('content-type', /json/).expect(200, { hello: 'world' });
await request(app).post('/sum').send([1, 2, 3]).expect(201, { sum: 6 });
const { body } = await request(app).get('/download').responseType('blob').expect(200);
record.fact('download', body.equals(record.bytes('download', 1000000)));
const data = record.bytes('upload', 1000000);
const upload = await request(app).put('/upload').type('application/octet-stream').send(data);
record.fact('upload', upload.body.sha256 === record.sha256(data));
record.fact('none', (await request(app).get('/none')).status);
record.fact('torn', await request(app).get('/torn').catch(record.describeError));
record.fact(
  'expectation',
  await request(app)
    .get('/hello')
    .expect(418)
    .catch(({ message }) => message),
);
const agent = request.agent(app);
record.fact('redirected', (await agent.get('/enter').redirects(1)).text);
record.fact('cookie', [(await agent.get('/inside')).text, (await request(app).get('/inside')).text]);

// One server for many requests at once.
const server = http.createServer(app).listen(0, '127.0.0.1');
await record.until(server, 'listening');
const crowd = await Promise.all(Array.from({ length: 50 }, () => request(server).get('/hello')));
record.fact(
  'crowd',
  crowd.every(({ body: { hello } }) => hello === 'world'),
);
server.close();
