// ssh2 as a client: commands, a shell, files there and back, a forwarded connection that carries HTTP (three processes).
import http from 'node:http';
import ssh2 from 'ssh2';
import record from '../../programs/lib/record.cjs';
import './lib/strict-facts.mjs';

const { port, ssh } = record.parameters();
const options = { host: '127.0.0.1', port: ssh, username: 'user', password: 'secret' };
const call = (target, name, ...args) =>
  new Promise((resolve, reject) => {
    target[name](...args, (error, value) => (error ? reject(error) : resolve(value)));
  });
/** Everything of a channel until it closes. */
const finished = async (channel) => {
  const out = [];
  const errors = [];
  channel.on('data', (data) => out.push(data));
  channel.stderr.on('data', (data) => errors.push(data));
  const exit = record.until(channel, 'exit');
  await record.until(channel, 'close');
  return [await exit, Buffer.concat(out).toString(), Buffer.concat(errors).toString()];
};
/** Runs a command. Its end may come together with the word that it runs: the listeners have to be there within the callback. */
const exec = (command, input) =>
  new Promise((resolve, reject) => {
    client.exec(command, (error, channel) => {
      if (error) {
        reject(error);
      } else {
        resolve(finished(channel));
        channel.end(input);
      }
    });
  });

const wrong = new ssh2.Client();
wrong.on('error', ({ level }) => record.fact('wrong password', level));
const refused = record.until(wrong, 'close');
wrong.connect({ ...options, password: 'wrong' });
await refused;

const client = new ssh2.Client();
const ready = record.until(client, 'ready');
client.connect(options);
await ready;
record.fact('command', await exec('anything'));
record.fact('refused', await exec('no').catch(({ message }) => message));
const data = record.bytes('exec', 4000000);
const [, hash] = await exec('hash', data);
record.fact('piped into a command', hash === record.sha256(data));
const shell = await call(client, 'shell');
const said = finished(shell);
shell.write('quiet words, ');
shell.end('and more');
record.fact('shell', await said);

const sftp = await call(client, 'sftp');
for (const size of [1, 32768, 3000000]) {
  const file = record.bytes(size, size);
  await call(sftp, 'writeFile', `/file-${size}`, file);
  const back = await call(sftp, 'readFile', `/file-${size}`);
  record.fact(`file of ${size}`, record.sha256(back) === record.sha256(file));
}
record.fact('no such file', await call(sftp, 'readFile', '/none').catch(({ code }) => code));

/** A GET over a connection that the SSH server makes. */
const get = async (path) => {
  const socket = await call(client, 'forwardOut', '127.0.0.1', 1, '127.0.0.1', port);
  return new Promise((resolve, reject) => {
    const request = http.get({ path, host: '127.0.0.1', createConnection: () => socket }, (response) => {
      response.toArray().then((chunks) => resolve([response.statusCode, record.sha256(Buffer.concat(chunks))]), reject);
    });
    request.on('error', reject);
  });
};
record.fact('forwarded', await Promise.all([get('/items'), get('/download'), get('/none')]));
record.fact(
  'not forwarded',
  await call(client, 'forwardOut', '127.0.0.1', 1, '127.0.0.1', 1).catch(({ reason }) => reason),
);
const crowd = await Promise.all(Array.from({ length: 10 }, (_, i) => exec(`job ${i}`)));
record.fact('crowd', crowd);
const closed = record.until(client, 'close');
client.end();
await closed;
