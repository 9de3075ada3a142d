// What keeps a program alive (issue: every way in is covered; D12: references are ours to provide).
import { waysIn } from '../../support/ways-in.js';

waysIn('references', {
  file: 'alive.mjs',
  cases: {
    'an unreferenced socket': 'san',
    'a referenced socket': 'san',
    'a socket, unreferenced and referenced again': 'san',
    'a socket, unreferenced before it is connected': 'san',
    'an unreferenced socket with a timeout': 'san',
    'an unreferenced socket with a write under way': 'san',
    'an agent that keeps a socket': 'san',
    'a fetch that is over': 'san',
    'an accepted socket': 'san',
    'an accepted socket, unreferenced': 'san',
    'a listener, unreferenced': 'san',
  },
});
