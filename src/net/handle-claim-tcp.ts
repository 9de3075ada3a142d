/** A session whose bytes go by a TCP handle after all: for a socket that was to come over the SAN and is relayed instead. */
import type { TcpHandle } from './node-shapes.js';
import type { SanSession } from './port.js';
import { codeOf, SocketSession } from './socket-session.js';

/** Takes the handle over. */
export function tcpSession(tcp: TcpHandle): SanSession {
  return new TcpSession(tcp);
}

class TcpSession extends SocketSession {
  readonly phase = 'relayed';

  constructor(tcp: TcpHandle) {
    super(tcp);
    const { socket } = this;
    socket.pause();
    socket.on('data', (bytes: Buffer) => {
      this.user?.onData(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length);
    });
    socket.on('end', () => this.user?.onEnd(false));
    socket.on('error', (error) => this.user?.onReset(codeOf(error)));
  }

  startReading(): void {
    this.socket.resume();
  }

  stopReading(): void {
    this.socket.pause();
  }
}
