/** Programs that once came out differently on the SAN, made as small as they go, and what was wrong. */
import type { ConnectOptions, Round, ServerSpec, SocketProgram } from './program.js';

interface Regression {
  /** What must be. */
  readonly name: string;
  readonly program: SocketProgram;
}

const PLAIN: ConnectOptions = { host: '127.0.0.1' };

const connect = (reading: ServerSpec['reading'] = 'flow'): Round => ({
  side: 'client',
  on: 'c0',
  steps: [{ do: 'connect', server: 0, options: PLAIN, reading, then: [] }],
});

const server = (spec: Partial<ServerSpec> = {}): ServerSpec => ({
  host: '127.0.0.1',
  options: {},
  reading: 'flow',
  greeting: [],
  ...spec,
});

const regression = (name: string, own: Partial<ServerSpec>, rounds: readonly Round[]): Regression => ({
  name,
  program: { name, servers: [server(own)], rounds },
});

export const REGRESSIONS: readonly Regression[] = [
  regression(
    'a socket that writes to a peer that is closed hears of its end, and not of a reset',
    { reading: 'idle' },
    [
      connect('idle'),
      { side: 'client', on: 'c0', steps: [{ do: 'destroy' }], together: true },
      { side: 'server', on: 's0', steps: [{ do: 'write', bytes: 2, form: 'latin1' }] },
      { side: 'server', on: 's0', steps: [{ do: 'start-reading', reading: 'flow' }] },
    ],
  ),
  regression('a reset that follows its FIN breaks the pipe for the next write', { options: { allowHalfOpen: true } }, [
    connect(),
    { side: 'client', on: 'c0', steps: [{ do: 'end', bytes: 0 }] },
    { side: 'client', on: 'c0', steps: [{ do: 'reset' }] },
    { side: 'server', on: 's0', steps: [{ do: 'write', bytes: 1, form: 'utf16le' }] },
  ]),
  regression('a write to a peer that is closed is taken once, and not twice', { options: { allowHalfOpen: true } }, [
    connect(),
    { side: 'client', on: 'c0', steps: [{ do: 'destroy' }] },
    { side: 'server', on: 's0', steps: [{ do: 'write', bytes: 10, form: 'buffer' }] },
    { side: 'server', on: 's0', steps: [{ do: 'write', bytes: 20, form: 'buffer' }] },
  ]),
  regression('bytesWritten counts a buffer that could not be written', { options: { allowHalfOpen: true } }, [
    connect(),
    { side: 'client', on: 'c0', steps: [{ do: 'end', bytes: 0 }] },
    { side: 'client', on: 'c0', steps: [{ do: 'reset' }] },
    { side: 'server', on: 's0', steps: [{ do: 'write', bytes: 7, form: 'buffer' }] },
  ]),
  regression(
    'bytesWritten does not count a short string that could not be written',
    { options: { allowHalfOpen: true } },
    [
      connect(),
      { side: 'client', on: 'c0', steps: [{ do: 'end', bytes: 0 }] },
      { side: 'client', on: 'c0', steps: [{ do: 'reset' }] },
      { side: 'server', on: 's0', steps: [{ do: 'write', bytes: 7, form: 'utf8' }] },
    ],
  ),
  ...(
    [
      ['that wait for who has not read yet', { options: { pauseOnConnect: true } }],
      ['behind what filled the buffer', { options: { highWaterMark: 10 } }],
    ] as const
  ).map(([what, own]) =>
    regression(`a reset with bytes ${what} is told as an end, as libuv sees it`, { reading: 'idle', ...own }, [
      connect(),
      { side: 'client', on: 'c0', steps: [{ do: 'write', bytes: 100, form: 'buffer' }] },
      { side: 'client', on: 'c0', steps: [{ do: 'write', bytes: 200, form: 'buffer' }] },
      { side: 'client', on: 'c0', steps: [{ do: 'reset' }] },
      { side: 'server', on: 's0', steps: [{ do: 'start-reading', reading: 'flow' }, { do: 'resume' }] },
    ]),
  ),
  regression(
    'a reset that is told as an end is still one for the write behind it',
    { reading: 'idle', options: { pauseOnConnect: true } },
    [
      connect(),
      { side: 'client', on: 'c0', steps: [{ do: 'write', bytes: 1, form: 'buffer' }] },
      { side: 'client', on: 'c0', steps: [{ do: 'reset' }] },
      { side: 'server', on: 's0', steps: [{ do: 'cork' }, { do: 'write', bytes: 64, form: 'utf8' }] },
      { side: 'server', on: 's0', steps: [{ do: 'resume' }] },
    ],
  ),
  regression(
    'a reset with bytes that wait is a reset for who writes instead of reading',
    { reading: 'idle', options: { pauseOnConnect: true } },
    [
      connect(),
      { side: 'client', on: 'c0', steps: [{ do: 'write', bytes: 100, form: 'buffer' }] },
      { side: 'client', on: 'c0', steps: [{ do: 'reset' }] },
      { side: 'server', on: 's0', steps: [{ do: 'write', bytes: 7, form: 'utf8' }] },
    ],
  ),
];
