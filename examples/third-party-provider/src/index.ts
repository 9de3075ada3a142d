/** The module that is installed: the provider with its sockets in a folder of this user's (SP-1). */
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createUnixSan } from './provider.js';

const folder = join(process.env['XDG_RUNTIME_DIR'] ?? tmpdir(), `unix-san-${process.geteuid?.() ?? 0}`);
mkdirSync(folder, { recursive: true, mode: 0o700 });

export const { WSPStartupEx, protocolInfo } = createUnixSan(folder);
