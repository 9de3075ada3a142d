// A program that starts others: a server and a client as child processes, with nothing but its own environment. The
// client is started through a shell and in another folder.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import record from './lib/record.cjs';

const file = (name) => fileURLToPath(new URL(name, import.meta.url));
const collect = (child) => {
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part) => {
    text += part;
  });
  return (word) =>
    text
      .split('\n')
      .find((line) => line.startsWith(`${word} `))
      ?.slice(word.length + 1);
};

const server = spawn(process.execPath, [file('net-echo-server.mjs')], { stdio: ['ignore', 'pipe', 'inherit'] });
const fromServer = collect(server);
while (fromServer('ready') === undefined) {
  await once(server.stdout, 'data');
}
const parameters = { ...JSON.parse(fromServer('ready')), connections: [{ label: 'from the child', bytes: 100000 }] };
const client = spawn('sh', ['-c', '"$0" "$@"', process.execPath, file('talk-client.mjs'), JSON.stringify(parameters)], {
  cwd: tmpdir(),
  stdio: ['ignore', 'pipe', 'inherit'],
});
const fromClient = collect(client);
const [code] = await once(client, 'close');
server.kill('SIGTERM');
const [serverCode] = await once(server, 'close');
record.fact('codes', [code, serverCode]);
record.fact('client', JSON.parse(fromClient('log')));
record.fact('server', JSON.parse(fromServer('log')));
