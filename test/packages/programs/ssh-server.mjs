// ssh2 as a server: a shell, commands, port forwarding and a file system in memory. The client: ssh-client.mjs.
import { createHash } from 'node:crypto';
import net from 'node:net';
import ssh2 from 'ssh2';
import record from '../../programs/lib/record.cjs';

const { STATUS_CODE } = ssh2.utils.sftp;
const { private: hostKey } = ssh2.utils.generateKeyPairSync('ed25519');
const target = record.parameters().port;

const exec = (accept, reject, { command }) => {
  if (command === 'no') {
    reject();
    return;
  }
  const stream = accept();
  if (command === 'hash') {
    const hash = createHash('sha256');
    stream.on('data', (data) => hash.update(data));
    stream.on('end', () => {
      stream.write(hash.digest('hex'));
      stream.exit(0);
      stream.end();
    });
  } else {
    stream.write(`did ${command}`);
    stream.stderr.write('and failed');
    stream.exit(3);
    stream.end();
  }
};

/** Files by name, kept until the server ends. */
const files = new Map();
const sftp = (accept) => {
  const session = accept();
  const handles = [];
  session.on('OPEN', (id, name, flags) => {
    if (flags & ssh2.utils.sftp.OPEN_MODE.WRITE) {
      files.set(name, Buffer.alloc(0));
    }
    if (files.has(name)) {
      session.handle(id, Buffer.from([handles.push(name) - 1]));
    } else {
      session.status(id, STATUS_CODE.NO_SUCH_FILE);
    }
  });
  session.on('WRITE', (id, handle, offset, data) => {
    const name = handles[handle[0]];
    let file = files.get(name);
    if (file.length < offset + data.length) {
      file = Buffer.concat([file, Buffer.alloc(offset + data.length - file.length)]);
      files.set(name, file);
    }
    data.copy(file, offset);
    session.status(id, STATUS_CODE.OK);
  });
  session.on('READ', (id, handle, offset, length) => {
    const data = files.get(handles[handle[0]]).subarray(offset, offset + length);
    if (data.length === 0) {
      session.status(id, STATUS_CODE.EOF);
    } else {
      session.data(id, data);
    }
  });
  const attributes = (id, handle) =>
    session.attrs(id, {
      mode: 0o100644,
      uid: 0,
      gid: 0,
      size: files.get(handles[handle[0]]).length,
      atime: 0,
      mtime: 0,
    });
  session.on('FSTAT', attributes);
  session.on('CLOSE', (id) => session.status(id, STATUS_CODE.OK));
};

const server = new ssh2.Server({ hostKeys: [hostKey] }, (client) => {
  client.on('authentication', (context) => {
    if (context.method === 'password' && context.username === 'user' && context.password === 'secret') {
      context.accept();
    } else {
      context.reject(['password']);
    }
  });
  client.on('session', (accept) => {
    const session = accept();
    session.on('pty', (acceptPty) => acceptPty?.());
    session.on('shell', (acceptShell) => {
      const shell = acceptShell();
      shell.on('data', (data) => shell.write(data.toString().toUpperCase()));
      shell.on('end', () => {
        shell.exit(0);
        shell.end();
      });
    });
    session.on('exec', exec);
    session.on('sftp', sftp);
  });
  client.on('tcpip', (accept, reject, { destPort, destIP }) => {
    if (destPort !== target) {
      reject();
      return;
    }
    const out = net.connect(destPort, destIP, () => {
      const stream = accept();
      stream.pipe(out).pipe(stream);
    });
    out.on('error', () => reject());
  });
  client.on('error', () => {
    // A client that went without a word; 'close' follows.
  });
});
server.on('error', (error) => record.fact('error', error.message));
server.listen(0, '127.0.0.1', () => record.ready({ ssh: server.address().port }));
record.onStop(() => server.close());
