// Is killed in the callback in which it hears of its connection.
import net from 'node:net';
import record from './lib/record.cjs';

net.connect({ port: record.parameters().port, host: '127.0.0.1' }, () => process.kill(process.pid, 'SIGKILL'));
