import { packageTest } from './support/package-test.mjs';

packageTest('socket.io', ['socket.io', 'socket.io-client'], {
  programs: ['socket-io-server.mjs', 'socket-io-client.mjs'],
});
