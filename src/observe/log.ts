/**
 * The debug log: a subscriber of the diagnostics channels and nothing else. Writes to stderr, only when asked to, by the
 * setting `log` or by NODE_DEBUG=sockets-direct (which is the level `debug`).
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { writeSync } from 'node:fs';
import { debuglog } from 'node:util';
import { threadId } from 'node:worker_threads';
import type { LogLevel } from '../config/index.js';
import { channels } from './diagnostics.js';
import type { ErrorMessage, LinkMessage, ListenerMessage, RouteMessage } from './diagnostics.js';
import type { Endpoint } from './snapshot.js';

type Render = (message: unknown) => string;

/** `127.0.0.1:80`, `[::1]:80`; `-` for null. */
export function formatEndpoint(endpoint: Endpoint | null): string {
  if (endpoint === null) return '-';
  return endpoint.address.includes(':')
    ? `[${endpoint.address}]:${endpoint.port}`
    : `${endpoint.address}:${endpoint.port}`;
}

function how(message: { readonly provider: string | null; readonly reason: string | null }): string {
  return message.reason === null ? (message.provider ?? '-') : `tcp (${message.reason})`;
}

function renderError(message: unknown): string {
  const { component, code, message: text } = message as ErrorMessage;
  return `error ${component} ${code}: ${text}`;
}

function renderLink(message: unknown): string {
  const { event, link, provider, peerPid, peerUid, error, copying } = message as LinkMessage;
  const why = error ?? (copying === null ? null : `data are copied twice: ${copying}`);
  return `link ${event} ${provider}#${link} pid ${peerPid} uid ${peerUid}${why === null ? '' : `: ${why}`}`;
}

function renderListener(message: unknown): string {
  const { event, id, local } = message as ListenerMessage;
  return `listener ${event} #${id} ${formatEndpoint(local)} ${how(message as ListenerMessage)}`;
}

function renderRoute(message: unknown): string {
  const { id, side, local, remote } = message as RouteMessage;
  return `route ${side} #${id} ${formatEndpoint(local)} > ${formatEndpoint(remote)} ${how(message as RouteMessage)}`;
}

const RENDERERS: readonly {
  readonly from: readonly LogLevel[];
  readonly name: string | symbol;
  readonly render: Render;
}[] = [
  { from: ['error', 'info', 'debug'], name: channels.error.name, render: renderError },
  { from: ['info', 'debug'], name: channels.link.name, render: renderLink },
  { from: ['info', 'debug'], name: channels.listener.name, render: renderListener },
  { from: ['debug'], name: channels.route.name, render: renderRoute },
];

function writeLine(text: string): void {
  try {
    // Not process.stderr: touching it would open the program's stream, and in a worker it only works through the parent.
    writeSync(2, `SOCKETS-DIRECT ${process.pid}/${threadId}: ${text}\n`);
  } catch {
    // stderr is closed or a full non-blocking pipe: a debug log must not disturb the program.
  }
}

/**
 * Start logging at `level`, or at `debug` when NODE_DEBUG names `sockets-direct`.
 * @param write takes one line without its end. For tests.
 * @returns stops the log.
 */
export function startLog(level: LogLevel, write: (line: string) => void = writeLine): () => void {
  const effective = debuglog('sockets-direct').enabled ? 'debug' : level;
  const stops = RENDERERS.filter(({ from }) => from.includes(effective)).map(({ name, render }) => {
    const listener = (message: unknown): void => {
      write(render(message));
    };
    subscribe(name, listener);
    return (): void => {
      unsubscribe(name, listener);
    };
  });
  return () => {
    for (const stop of stops) stop();
  };
}
