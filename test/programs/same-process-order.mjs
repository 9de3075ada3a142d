// Both ends in one process: what comes before what, where nothing on the way takes a time of its own.
import net from 'node:net';
import record from './lib/record.cjs';

// Callbacks of setImmediate come between what is sent and its answer, and right after 'connect' and 'connection'.
{
  const story = [];
  const note = (text) => {
    story.push(text);
    setImmediate(() => story.push(`after ${text}`));
    process.nextTick(() => story.push(`tick of ${text}`));
  };
  const listener = net.createServer((socket) => {
    note('connection');
    socket.on('data', () => {
      note('request');
      socket.write('answer');
    });
    socket.on('end', () => socket.end());
  });
  listener.listen(0, '127.0.0.1');
  await record.until(listener, 'listening');
  const client = net.connect(listener.address().port, '127.0.0.1', () => {
    note('connect');
    client.write('request');
  });
  let answers = 0;
  client.on('data', () => {
    note('answer');
    if (++answers < 4) client.write('request');
    else client.end();
  });
  await record.until(client, 'close');
  listener.close();
  record.fact('callbacks between events', story);
}

// What happens on one connection is heard of before what happens later on another, an end before data too.
for (const ending of ['end', 'destroy']) {
  const story = [];
  const peers = [];
  const listener = net.createServer((socket) => {
    const number = peers.push(socket);
    for (const event of ['data', 'end']) socket.on(event, () => story.push(`${event} ${number}`));
  });
  listener.listen(0, '127.0.0.1');
  await record.until(listener, 'listening');
  const clients = [];
  for (let i = 0; i < 2; i++) {
    const client = net.connect(listener.address().port, '127.0.0.1');
    clients.push(client);
    await record.until(client, 'connect');
  }
  while (peers.length < 2) await new Promise(setImmediate);
  const [first, second] = clients;
  first[ending]();
  second.write('later');
  await record.until(peers[1], 'data');
  record.fact(`the order over two connections: ${ending}`, story);
  for (const socket of [...clients, ...peers]) socket.destroy();
  listener.close();
  await record.until(listener, 'close');
}

// Who closes in the middle of what has come resets, also when the rest has not been looked at yet.
{
  const listener = net.createServer((socket) => socket.once('data', () => socket.destroy()));
  listener.listen(0, '127.0.0.1');
  await record.until(listener, 'listening');
  const client = net.connect(listener.address().port, '127.0.0.1', () => client.write(Buffer.alloc(1 << 20)));
  client.on('error', () => undefined).resume();
  const hadError = await new Promise((resolve) => client.on('close', resolve));
  record.fact('closed with unread data', hadError);
  listener.close();
}
