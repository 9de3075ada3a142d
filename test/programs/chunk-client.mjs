// Sends what chunk-server.mjs is to tell.
import { send } from './lib/chunks.mjs';
import record from './lib/record.cjs';

await send(record.parameters().ports);
