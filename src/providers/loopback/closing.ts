/** How sockets end: WSPCloseSocket (CLOSE-1 … CLOSE-10), and the death of a process. */
import { type LPWSPCLOSESOCKET, WSA_OPERATION_ABORTED } from '../../spi/index.js';
import { finish } from './completion.js';
import { abandon, neverAnswered } from './connecting.js';
import type { LoopbackInstance } from './instance.js';
import { closeListener } from './listening.js';
import type { Finished, LoopbackSocket } from './socket-record.js';

const errno = { value: 0 };

/** Never fails with `WSAEWOULDBLOCK`: what has not been sent by then is not (CLOSE-2). */
export function makeCloseSocket(instance: LoopbackInstance): LPWSPCLOSESOCKET {
  return (s, lpErrno) => {
    const socket = instance.find(s, lpErrno);
    if (socket === null) return -1;
    closeSocket(socket);
    return 0;
  };
}

export function closeSocket(socket: LoopbackSocket): void {
  const { instance } = socket;
  if (socket.state === 'listening') closeListener(socket);
  const pending = detach(socket);
  // CLOSE-4, CLOSE-5, then CLOSE-6: the last up-call.
  for (const { pieces, overlapped } of pending) {
    finish(socket, { pieces, overlapped, error: WSA_OPERATION_ABORTED, bytes: 0 });
  }
  socket.memory.clear();
  instance.upcalls.lpWPUCloseSocketHandle(socket.handle, errno);
}

/** Takes a socket out of the provider; what it had pending is the caller's to end. */
function detach(socket: LoopbackSocket): Finished[] {
  const { instance } = socket;
  abandon(socket);
  const pending: Finished[] = [];
  if (socket.out !== null) {
    // The connector's end holds the pair of names; its peer may keep its end for as long as it likes.
    instance.network.release(socket.local, socket.remote);
    pending.push(...socket.out.hangUp());
  }
  pending.push(...socket.received.splice(0));
  for (const request of socket.posted.splice(0)) pending.push({ ...request, error: 0, bytes: 0 });
  socket.state = 'closed';
  socket.receiver = null;
  socket.inbound = [];
  instance.sockets.delete(socket.descriptor);
  return pending;
}

/** The process dies: no more up-calls; what its peers hold already they keep, and they learn that it is gone. */
export function crash(instance: LoopbackInstance): void {
  instance.crashed = true;
  for (const socket of [...instance.sockets.values()]) {
    for (const request of socket.queue.splice(0)) neverAnswered(request);
    detach(socket);
    socket.memory.clear();
  }
  instance.pinner.close();
  instance.network.leave(instance);
}
