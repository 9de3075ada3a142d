/** Providers that are wrong in one way each, and which requirement each of them breaks: start, sockets, closing. */
import {
  CF_ACCEPT,
  FD_CONNECT,
  type LPCONDITIONPROC,
  type SOCKADDR,
  type SOCKET_ADDRESS_LIST,
  SIO_ADDRESS_LIST_QUERY,
  WINSOCK_VERSION_2_2,
  WSA_OPERATION_ABORTED,
  WSAECONNREFUSED,
  WSAEFAULT,
  WSAEINPROGRESS,
  type WSAEVENT,
  WSAEWOULDBLOCK,
} from '../../../src/spi/index.js';
import type { Kind } from './loopback.js';
import { failed, type Tampering } from './tamper.js';

/** One broken provider. */
export interface Fault {
  readonly what: string;
  /** The requirement that it breaks. */
  readonly breaks: string;
  readonly kind?: Kind;
  /** Made anew for every pair of instances, so that both sides can share what they need. */
  readonly tampering: () => Tampering;
}

/** What `WSPAccept` gives to a condition function. */
type Decision = Parameters<LPCONDITIONPROC>;

export const LIFE_FAULTS: readonly Fault[] = [
  {
    what: 'starts for any version',
    breaks: 'SP-5',
    tampering: () => ({ version: WINSOCK_VERSION_2_2 }),
  },
  {
    what: 'cleans up at the first of two WSPCleanup',
    breaks: 'SP-11',
    tampering: () => ({
      procs: (real) => ({
        lpWSPCleanup(lpErrno) {
          const result = real.lpWSPCleanup(lpErrno);
          while (real.lpWSPCleanup({ value: 0 }) === 0);
          return result;
        },
      }),
    }),
  },
  {
    what: 'throws at a descriptor that it does not know',
    breaks: 'CLOSE-9',
    tampering: () => ({
      procs: (real) => ({
        lpWSPSend(s, ...rest) {
          const result = real.lpWSPSend(s, ...rest);
          if (result !== 0 && rest[7].value === 10038) throw new TypeError(`no socket ${s}`);
          return result;
        },
      }),
    }),
  },
  {
    what: 'lists addresses with ports',
    breaks: 'ADDR-8',
    tampering: () => ({
      procs: (real) => ({
        lpWSPIoctl(s, code, input, output, ...rest) {
          const result = real.lpWSPIoctl(s, code, input, output, ...rest);
          if (code === SIO_ADDRESS_LIST_QUERY && result === 0) {
            for (const { lpSockaddr } of (output.value as SOCKET_ADDRESS_LIST).Address) lpSockaddr.sin_port = 7;
          }
          return result;
        },
      }),
    }),
  },
  {
    what: 'asks for no handle of the switch’s at an accept, but gives out the one of the listener',
    breaks: 'ACC-4',
    tampering: (): Tampering => {
      let accepting = false;
      let last = -1;
      return {
        upcalls: (real) => ({
          lpWPUCreateSocketHandle(...args) {
            if (!accepting) last = real.lpWPUCreateSocketHandle(...args);
            return last;
          },
        }),
        procs: (real) => ({
          lpWSPAccept(...args) {
            accepting = true;
            const result = real.lpWSPAccept(...args);
            accepting = false;
            return result;
          },
        }),
      };
    },
  },
  {
    what: 'signals a connect from inside WSPConnect',
    breaks: 'CONN-5',
    tampering: (): Tampering => {
      const events = new Map<number, WSAEVENT | null>();
      return {
        procs: (real, upcalls) => ({
          lpWSPEventSelect(s, hEvent, mask, lpErrno) {
            if ((mask & FD_CONNECT) !== 0) events.set(s, hEvent);
            return real.lpWSPEventSelect(s, hEvent, mask, lpErrno);
          },
          lpWSPConnect(s, ...rest) {
            const result = real.lpWSPConnect(s, ...rest);
            const event = events.get(s);
            if (event) upcalls.lpWPUSetEvent(event, { value: 0 });
            return result;
          },
        }),
      };
    },
  },
  {
    what: 'takes more requests than the backlog',
    breaks: 'LIST-7',
    tampering: () => ({
      procs: (real) => ({ lpWSPListen: (s, backlog, lpErrno) => real.lpWSPListen(s, backlog * 4, lpErrno) }),
    }),
  },
  {
    what: 'tells the peer that it is accepted before the condition function has decided',
    breaks: 'ACC-3',
    tampering: () => ({
      procs: (real) => ({
        lpWSPAccept(s, addr, addrlen, condition, data, lpErrno) {
          const seen: Decision[] = [];
          const early: LPCONDITIONPROC = (...args) => (seen.push(args), CF_ACCEPT);
          const accepted = real.lpWSPAccept(
            s,
            addr,
            addrlen,
            typeof condition === 'function' ? early : condition,
            data,
            lpErrno,
          );
          const request = seen.at(0);
          if (accepted < 0 || request === undefined) return accepted;
          const [caller, callerData, , , callee, , , callbackData] = request;
          const room = { len: 256, buf: new Uint8Array(256) };
          if (condition(caller, callerData, null, null, callee, room, null, callbackData) === CF_ACCEPT)
            return accepted;
          real.lpWSPCloseSocket(accepted, { value: 0 });
          return failed(lpErrno, WSAECONNREFUSED);
        },
      }),
    }),
  },
  {
    what: 'forgets whom it has accepted: the address of the peer is the listener’s',
    breaks: 'ACC-9',
    tampering: () => ({
      procs: (real) => ({
        lpWSPAccept(s, addr, addrlen, condition, data, lpErrno) {
          const local: SOCKADDR = { sa_family: 2, sin_port: 0, sin_addr: '0.0.0.0' };
          return real.lpWSPAccept(s, addr === null ? null : local, addrlen, condition, data, lpErrno);
        },
      }),
    }),
  },
  {
    what: 'answers WSAEINPROGRESS',
    breaks: 'SP-22',
    tampering: () => ({
      procs: (real) => ({
        lpWSPBind(s, name, length, lpErrno) {
          const result = real.lpWSPBind(s, name, length, lpErrno);
          if (result !== 0 && lpErrno.value === WSAEFAULT) lpErrno.value = WSAEINPROGRESS;
          return result;
        },
      }),
    }),
  },
  {
    what: 'answers WSAEWOULDBLOCK to WSPCloseSocket of a connected socket',
    breaks: 'CLOSE-2',
    tampering: (): Tampering => {
      const connected = new Set<number>();
      return {
        procs: (real) => ({
          lpWSPRecv(s, ...rest) {
            connected.add(s);
            return real.lpWSPRecv(s, ...rest);
          },
          lpWSPCloseSocket(s, lpErrno) {
            if (connected.delete(s)) return failed(lpErrno, WSAEWOULDBLOCK);
            return real.lpWSPCloseSocket(s, lpErrno);
          },
        }),
      };
    },
  },
  {
    what: 'leaves what is pending unfinished at WSPCloseSocket',
    breaks: 'CLOSE-4',
    tampering: () => ({
      upcalls: (real) => ({
        lpWPUCompleteOverlappedRequest: (s, overlapped, error, bytes, lpErrno) =>
          error === WSA_OPERATION_ABORTED
            ? 0
            : real.lpWPUCompleteOverlappedRequest(s, overlapped, error, bytes, lpErrno),
      }),
    }),
  },
  {
    what: 'never calls WPUCloseSocketHandle',
    breaks: 'CLOSE-6',
    tampering: () => ({ upcalls: () => ({ lpWPUCloseSocketHandle: () => 0 }) }),
  },
  {
    what: 'calls WPUCloseSocketHandle first, and completes afterwards',
    breaks: 'CLOSE-6',
    tampering: () => ({
      upcalls: (real) => ({
        lpWPUCompleteOverlappedRequest(s, overlapped, error, bytes, lpErrno) {
          if (error === WSA_OPERATION_ABORTED) real.lpWPUCloseSocketHandle(s, lpErrno);
          return real.lpWPUCompleteOverlappedRequest(s, overlapped, error, bytes, lpErrno);
        },
      }),
    }),
  },
];
