/** Providers that are wrong in one way each, and which requirement each of them breaks: memory and transfers. */
import {
  beginOverlapped,
  createOverlapped,
  type LPFN_WSPDEREGISTERMEMORY,
  type LPFN_WSPDEREGISTERRDMAMEMORY,
  type LPFN_WSPRDMAREAD,
  type LPFN_WSPREGISTERRDMAMEMORY,
  MEM_READWRITE,
  type MessageReceiver,
  OVERLAPPED_POLL,
  type OwnedReceive,
  type SOCKET,
  WSA_IO_PENDING,
  type WSAOVERLAPPED,
  WSAEINVAL,
  WSAID_DEREGISTERMEMORY,
  WSAID_DEREGISTERRDMAMEMORY,
  WSAID_RDMAREAD,
  WSAID_REGISTERRDMAMEMORY,
  WSAID_SD_OWNEDRECEIVE,
  type WSPUPCALLTABLEEX,
} from '../../../src/spi/index.js';
import type { Fault } from './faults.js';
import { failed, type Tampering } from './tamper.js';

const OWNED = { ownsReceiveBuffers: true };

/** Completes operations by notification in a way of its own. */
function completing(
  how: (real: WSPUPCALLTABLEEX) => WSPUPCALLTABLEEX['lpWPUCompleteOverlappedRequest'],
): () => Tampering {
  return () => ({ upcalls: (real) => ({ lpWPUCompleteOverlappedRequest: how(real) }) });
}

/** Puts something off by so many turns of the promise queue. */
function hopping(turns: number, act: () => void): void {
  if (turns === 0) act();
  else void Promise.resolve().then(() => hopping(turns - 1, act));
}

/** Attaches receivers in a way of its own. */
function receiving(wrap: (receiver: MessageReceiver) => MessageReceiver): () => Tampering {
  return () => ({
    extensions: {
      [WSAID_SD_OWNEDRECEIVE]: (real: OwnedReceive): OwnedReceive => ({
        ...real,
        SdpSetReceiver: (s, receiver, lpErrno) =>
          real.SdpSetReceiver(s, receiver === null ? null : wrap(receiver), lpErrno),
      }),
    },
  });
}

export const MEMORY_FAULTS: readonly Fault[] = [
  {
    what: 'deregisters handles that it has never given out',
    breaks: 'MEM-15',
    tampering: () => ({
      extensions: {
        [WSAID_DEREGISTERMEMORY]:
          (real: LPFN_WSPDEREGISTERMEMORY): LPFN_WSPDEREGISTERMEMORY =>
          (s, handle, lpErrno) =>
            real(s, handle, lpErrno) !== 0 && lpErrno.value !== WSAEINVAL ? -1 : 0,
      },
    }),
  },
  {
    what: 'does not tell the size of a descriptor',
    breaks: 'MEM-16',
    tampering: () => ({
      extensions: {
        [WSAID_REGISTERRDMAMEMORY]:
          (real: LPFN_WSPREGISTERRDMAMEMORY): LPFN_WSPREGISTERRDMAMEMORY =>
          (s, buffer, bytes, flags, descriptor, length, lpErrno) => {
            const room = length.value;
            const result = real(s, buffer, bytes, flags, descriptor, length, lpErrno);
            if (result !== 0) length.value = room;
            return result;
          },
      },
    }),
  },
  {
    what: 'leaves memory within the peer’s reach after it was deregistered',
    breaks: 'MEM-19',
    tampering: () => ({
      extensions: {
        [WSAID_DEREGISTERRDMAMEMORY]: (): LPFN_WSPDEREGISTERRDMAMEMORY => () => 0,
      },
    }),
  },
  {
    what: 'gives every right, whichever was asked for',
    breaks: 'MEM-10',
    tampering: () => ({
      extensions: {
        [WSAID_REGISTERRDMAMEMORY]:
          (real: LPFN_WSPREGISTERRDMAMEMORY): LPFN_WSPREGISTERRDMAMEMORY =>
          (s, buffer, bytes, flags, ...rest) =>
            real(s, buffer, bytes, flags === 1 || flags === 2 ? MEM_READWRITE : flags, ...rest),
      },
    }),
  },
];

export const TRANSFER_FAULTS: readonly Fault[] = [
  {
    what: 'completes an operation from inside the call that starts it',
    breaks: 'XFER-21',
    tampering: (): Tampering => {
      const early = new Set<WSAOVERLAPPED>();
      let handleOf = (_s: SOCKET): SOCKET => -1;
      return {
        upcalls(real) {
          const created: SOCKET[] = [];
          handleOf = () => created.at(-1) ?? -1;
          return {
            lpWPUCreateSocketHandle(...args) {
              const handle = real.lpWPUCreateSocketHandle(...args);
              created.push(handle);
              return handle;
            },
            lpWPUCompleteOverlappedRequest: (s, overlapped, ...rest) =>
              early.delete(overlapped) ? 0 : real.lpWPUCompleteOverlappedRequest(s, overlapped, ...rest),
          };
        },
        procs: (real, upcalls) => ({
          lpWSPRecv(s, buffers, count, bytes, flags, overlapped, routine, thread, lpErrno) {
            const result = real.lpWSPRecv(s, buffers, count, bytes, flags, overlapped, routine, thread, lpErrno);
            if (result !== 0 && lpErrno.value === WSA_IO_PENDING) {
              early.add(overlapped);
              upcalls.lpWPUCompleteOverlappedRequest(handleOf(s), overlapped, 0, 0, { value: 0 });
            }
            return failed(lpErrno, lpErrno.value);
          },
        }),
      };
    },
  },
  {
    what: 'completes every operation twice',
    breaks: 'XFER-23',
    tampering: completing((real) => (...args) => {
      real.lpWPUCompleteOverlappedRequest(...args);
      return real.lpWPUCompleteOverlappedRequest(...args);
    }),
  },
  {
    what: 'notifies the end of a polled operation',
    breaks: 'XFER-22',
    tampering: (): Tampering => {
      const told = new Set<WSAOVERLAPPED>();
      let upcall: WSPUPCALLTABLEEX['lpWPUCompleteOverlappedRequest'] = () => 0;
      let handle = -1;
      return {
        upcalls: (real) => {
          upcall = real.lpWPUCompleteOverlappedRequest;
          return {
            lpWPUCreateSocketHandle: (...args) => (handle = real.lpWPUCreateSocketHandle(...args)),
          };
        },
        procs: (real) => ({
          lpWSPGetOverlappedResult(s, overlapped, ...rest) {
            const done = real.lpWSPGetOverlappedResult(s, overlapped, ...rest);
            if (done && (overlapped.hEvent & OVERLAPPED_POLL) !== 0 && !told.has(overlapped)) {
              told.add(overlapped);
              upcall(handle, overlapped, 0, overlapped.InternalHigh, { value: 0 });
            }
            return done;
          },
        }),
      };
    },
  },
  {
    what: 'completes with a number that is not the switch’s handle',
    breaks: 'SOCK-8',
    tampering: completing((real) => (s, ...rest) => {
      real.lpWPUCompleteOverlappedRequest(1, ...rest);
      return real.lpWPUCompleteOverlappedRequest(s, ...rest);
    }),
  },
  {
    what: 'writes Internal before the result',
    breaks: 'XFER-27',
    tampering: (): Tampering => {
      const shadows = new Map<WSAOVERLAPPED, WSAOVERLAPPED>();
      return {
        procs: (real) => ({
          lpWSPRecv(s, buffers, count, bytes, flags, overlapped, ...rest) {
            if ((overlapped.hEvent & OVERLAPPED_POLL) === 0)
              return real.lpWSPRecv(s, buffers, count, bytes, flags, overlapped, ...rest);
            const shadow = createOverlapped(true);
            shadows.set(overlapped, shadow);
            beginOverlapped(overlapped);
            return real.lpWSPRecv(s, buffers, count, bytes, flags, shadow, ...rest);
          },
          lpWSPGetOverlappedResult(s, overlapped, bytes, wait, flags, lpErrno) {
            const shadow = shadows.get(overlapped) ?? overlapped;
            const done = real.lpWSPGetOverlappedResult(s, shadow, bytes, wait, flags, lpErrno);
            if (done && shadow !== overlapped) {
              overlapped.Internal = 0;
              overlapped.InternalHigh = shadow.InternalHigh;
            }
            return done;
          },
        }),
      };
    },
  },
  {
    what: 'says of a pending operation that it has ended',
    breaks: 'XFER-26',
    tampering: () => ({
      procs: (real) => ({
        lpWSPGetOverlappedResult(s, overlapped, bytes, wait, flags, lpErrno) {
          const done = real.lpWSPGetOverlappedResult(s, overlapped, bytes, wait, flags, lpErrno);
          return done || (lpErrno.value === 996 && !wait);
        },
      }),
    }),
  },
  {
    what: 'cuts long messages short',
    breaks: 'XFER-33',
    tampering: () => ({
      procs: (real) => ({
        lpWSPSend(s, buffers, ...rest) {
          const [first] = buffers;
          const cut = first !== undefined && first.len > 4000 ? [{ len: 4000, buf: first.buf }] : buffers;
          return real.lpWSPSend(s, cut, ...rest);
        },
      }),
    }),
  },
  {
    what: 'drops a message for which nobody has posted a buffer',
    breaks: 'SESS-6',
    tampering: (): Tampering => {
      let posted = 0;
      return {
        procs: (real) => ({
          lpWSPRecv(...args) {
            posted++;
            return real.lpWSPRecv(...args);
          },
          lpWSPSend(s, buffers, count, bytes, ...rest) {
            if (posted > 0) return real.lpWSPSend(s, buffers, count, bytes, ...rest);
            bytes.value = buffers.reduce((sum, { len }) => sum + len, 0);
            return 0;
          },
        }),
      };
    },
  },
  {
    what: 'lets sends overtake an RDMA read',
    breaks: 'OBS-13',
    tampering: () => ({
      extensions: {
        [WSAID_RDMAREAD]:
          (real: LPFN_WSPRDMAREAD): LPFN_WSPRDMAREAD =>
          (s, buffers, count, descriptor, length, offset, bytes, flags, overlapped, routine, thread, lpErrno) => {
            const [first] = buffers;
            if (first === undefined || first.len < 50_000) {
              return real(
                s,
                buffers,
                count,
                descriptor,
                length,
                offset,
                bytes,
                flags,
                overlapped,
                routine,
                thread,
                lpErrno,
              );
            }
            beginOverlapped(overlapped);
            hopping(200, () => {
              real(s, buffers, count, descriptor, length, offset, bytes, flags, overlapped, routine, thread, {
                value: 0,
              });
            });
            return failed(lpErrno, WSA_IO_PENDING);
          },
      },
    }),
  },
  {
    what: 'tells an owned receiver of the end twice',
    breaks: 'CLOSE-3',
    kind: OWNED,
    tampering: receiving((receiver) => ({
      onMessage: (...args) => receiver.onMessage(...args),
      onRunEnd: () => receiver.onRunEnd(),
      onDisconnect(error) {
        receiver.onDisconnect(error);
        receiver.onDisconnect(error);
      },
    })),
  },
  {
    what: 'goes on with a run that the owned receiver has ended',
    breaks: 'SESS-14',
    kind: OWNED,
    tampering: receiving((receiver) => ({
      onMessage: (...args) => (receiver.onMessage(...args), 0),
      onRunEnd: () => receiver.onRunEnd(),
      onDisconnect: (error) => receiver.onDisconnect(error),
    })),
  },
];
