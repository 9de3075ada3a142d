// What HTTP makes of sockets (issue: every way in is covered; D1).
import { waysIn } from '../../support/ways-in.js';

waysIn('ways through HTTP', {
  file: 'http.mjs',
  cases: {
    'an http.Agent subclass': 'san',
    'an http.Agent subclass that answers later': 'san',
    'an http.Agent subclass with addRequest and keepSocketAlive': 'san',
    'http.request with createConnection': 'san',
    'HTTP upgrade': 'san',
    'HTTP CONNECT': 'san',
    'behind a proxy': 'san',
    'the undici inside Node': 'san',
  },
});
