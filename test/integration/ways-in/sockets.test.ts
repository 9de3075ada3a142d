// What a program can say when it makes a socket, and how (issue: every way in is covered; D1, TC-17).
import { waysIn } from '../../support/ways-in.js';

waysIn('ways to make a socket', {
  file: 'socket-options.mjs',
  cases: {
    highWaterMark: 'san',
    allowHalfOpen: 'san',
    pauseOnConnect: 'san',
    onread: 'san',
    'noDelay and keepAlive': 'san',
    typeOfService: 'san',
    signal: 'san',
    family: 'san',
    lookup: 'san',
    autoSelectFamily: 'san',
    'localAddress and localPort': 'san',
    timeout: 'san',
    'resetAndDestroy and destroySoon': 'san',
    BlockList: 'san',
    'createConnection, all its forms': 'san',
    'socket.connect on a hand-made socket': 'san',
  },
});
