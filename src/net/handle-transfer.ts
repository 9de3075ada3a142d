/**
 * A SAN socket goes to another thread: `postMessage(value, [socket])`, since Node 24. As with `child.send` the end of a relay
 * travels in its place, and the receiving thread's switch asks for the connection itself (handle-passing.ts,
 * handle-claim.ts). Nobody says that a message has been received; but who has no switch must not wait for ever.
 */
import { Server, Socket } from 'node:net';
import { namesOf, type Names, takeNames } from './handle-names.js';
import { Relay, type RelayTools } from './handle-relay.js';
import { HybridHandle } from './handle.js';
import type { NodeInternals } from './internals.js';
import type { TcpHandle } from './node-shapes.js';
import type { PatchSet } from './patch.js';

/** As they are at load: a program’s fake timers, put in place later, must not stop a connection. */
const { setImmediate, setTimeout } = globalThis;

/**
 * How long the receiver may take to ask, in ms. Who comes later is relayed: that costs speed, nothing else. Who has no switch
 * gets no bytes until then: a thread without `execArgv` and environment of its own has one.
 */
const CLAIM_MS_MAX = 2000;

/** Under what the names travel, beside what Node sends of a socket. */
const NAMES = 'sockets-direct';

/** What Node sends of a socket or server, and to whom. */
interface Transferred {
  readonly data: { handle?: unknown; [NAMES]?: unknown };
}
type Owner = { _handle?: unknown };
type TransferList = (this: Owner) => unknown[];
type Transfer = (this: Owner) => Transferred;
type Receive = (this: object, data: { handle?: unknown; [NAMES]?: unknown } | null | undefined) => unknown;

/** Nodes before 24 have none of these. */
function symbolOf(prototype: object, description: string): symbol | undefined {
  return Object.getOwnPropertySymbols(prototype).find((key) => key.description === description);
}

/** The sending side, for sockets. Not needed before the first hybrid handle is there. */
export function guardTransfer(patches: PatchSet, tools: RelayTools): void {
  const listKey = symbolOf(Socket.prototype, 'messaging_transfer_list_symbol');
  const transferKey = symbolOf(Socket.prototype, 'messaging_transfer_symbol');
  if (listKey === undefined || transferKey === undefined) return;
  const opened = new WeakMap<HybridHandle, Relay>();

  patches.method<TransferList>(
    Socket.prototype,
    listKey,
    (original) =>
      function transferList(this: Owner) {
        const list = original.call(this);
        const handle = this._handle;
        if (!(handle instanceof HybridHandle)) return list;
        const relay = opened.get(handle) ?? (handle.canTransfer ? Relay.open(tools, handle.connection, 'move') : null);
        // Node's own refusal, which it has for sockets without a handle.
        if (relay === null) return original.call({ _handle: null });
        if (!opened.has(handle)) setImmediate(abortUnused, opened, handle);
        opened.set(handle, relay);
        return list.map((entry) => (entry === handle ? relay.travelling : entry));
      },
  );

  patches.method<Transfer>(
    Socket.prototype,
    transferKey,
    (original) =>
      function transfer(this: Owner) {
        const handle = this._handle;
        const relay = handle instanceof HybridHandle ? opened.get(handle) : undefined;
        if (!(handle instanceof HybridHandle) || relay === undefined) return original.call(this);
        const result = original.call(this);
        opened.delete(handle);
        result.data.handle = relay.travelling;
        result.data[NAMES] = namesOf(handle.connection);
        handle.moveOut(relay);
        // Node has the descriptor now, and the socket has let go of its handle without closing it. The relay holds the loop.
        setTimeout(closeShell, CLAIM_MS_MAX, handle).unref();
        return result;
      },
  );
}

/** The message could not be sent after all. */
function abortUnused(opened: WeakMap<HybridHandle, Relay>, handle: HybridHandle): void {
  const relay = opened.get(handle);
  opened.delete(handle);
  relay?.abort();
}

function closeShell(handle: HybridHandle): void {
  handle.close();
}

/** A server is gone to another thread, and its companion must not answer for it any more. */
export function watchServers(patches: PatchSet, onGone: (handle: object) => void): void {
  const key = symbolOf(Server.prototype, 'messaging_transfer_symbol');
  if (key === undefined) return;
  patches.method<Transfer>(
    Server.prototype,
    key,
    (original) =>
      function transfer(this: Owner) {
        const handle = this._handle;
        const result = original.call(this);
        if (typeof handle === 'object' && handle !== null) onGone(handle);
        return result;
      },
  );
}

/** What a thread is to have in the place of a TCP handle that has come: see handle-claim.ts. */
export type ClaimTransferred = (tcp: TcpHandle, names: Names | null) => unknown;

/** The receiving side. */
export function receiveTransfers(patches: PatchSet, { TCP }: NodeInternals, claim: ClaimTransferred): void {
  const key = symbolOf(Socket.prototype, 'messaging_deserialize_symbol');
  if (key === undefined) return;
  patches.method<Receive>(
    Socket.prototype,
    key,
    (original) =>
      function receive(this: object, data) {
        const tcp = data?.handle;
        if (!(tcp instanceof TCP)) return original.call(this, data);
        return original.call(this, { ...data, handle: claim(tcp, takeNames(data?.[NAMES])) });
      },
  );
}
