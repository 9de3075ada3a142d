// Descriptors that a program is started with, as inetd and socket activation do it: 3 is a TCP connection, 4 a listening
// socket, 5 a Unix socket, 6 a TCP socket that is bound and not connected.
import net from 'node:net';
import record from '../lib/record.cjs';

const closed = (socket) => record.until(socket, 'close');

const inherited = record.watch('connection', new net.Socket({ fd: 3 }));
record.fact('connection', [inherited.connecting, inherited.readyState, inherited instanceof net.Socket]);
inherited.write('hello');
await record.until(inherited, 'data');
record.fact('names', record.addresses(inherited));
inherited.end();
await closed(inherited);

const pipe = new net.Socket({ fd: 5, readable: true, writable: true });
pipe.end('through a Unix socket');
record.fact('pipe', String(await pipe.toArray()));

const server = net.createServer({ allowHalfOpen: true }, (socket) =>
  record.watch(`accepted ${++count}`, socket).pipe(socket),
);
let count = 0;
server.listen({ fd: 4 });
await record.until(server, 'listening');
const { port, address } = server.address();
record.fact('listening at', address);
record.ready({ port });
const own = record.watch('connected to it', net.connect(port, address));
own.end('by way of the listener');
await closed(own);

const bound = record.watch('bound before', new net.Socket({ fd: 6 }));
record.fact('bound', [bound.connecting, bound.readyState, bound.pending]);
bound.connect(port, address);
bound.end('by way of a socket that was there');
await closed(bound);
server.close();

const attempts = [{ fd: 99 }, { fd: -1 }, { fd: 'x' }, { fd: 2_000_000_000 }];
record.fact(
  'wrong',
  attempts.map((options) => {
    try {
      new net.Socket(options).on('error', () => {}).destroy();
      return 'taken';
    } catch (error) {
      return error.code ?? error.name;
    }
  }),
);
