// A socket.io server: acknowledgements, binary, rooms, a namespace with middleware. The client: socket-io-client.mjs.
import http from 'node:http';
import { Server } from 'socket.io';
import record from '../../programs/lib/record.cjs';

const server = http.createServer();
const io = new Server(server, { serveClient: false, maxHttpBufferSize: 8 << 20, httpCompression: false });
io.on('connection', (socket) => {
  socket.on('echo', (data, answer) => answer(data));
  socket.on('join', (room, answer) => {
    socket.join(room);
    answer([...socket.rooms].length);
  });
  socket.on('tell', (room, text) => io.to(room).emit('told', text));
  socket.on('flood', (count) => {
    for (let i = 0; i < count; i++) socket.emit('drop', i, Buffer.alloc(100, i));
  });
});
io.of('/guarded').use((socket, next) =>
  next(socket.handshake.auth.word === 'please' ? undefined : new Error('say please')),
);
server.listen(0, '127.0.0.1', () => record.ready({ port: server.address().port }));
record.onStop(() => io.close());
