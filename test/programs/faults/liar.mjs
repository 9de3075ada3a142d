// Connects under names that are not its own: { port } of a listener at 127.0.0.1. Says which were taken.
import { connectPayload, KIND, message, RawLink, TYPE } from './lib/raw.mjs';
import { parameters, say } from './lib/talk.mjs';

const { port } = parameters;
const at = (sin_addr, sin_port, sa_family = 2) => ({ sa_family, sin_addr, sin_port });
const lies = {
  'the truth': {},
  'a source elsewhere': { local: at('192.0.2.1', 40000) },
  'a source elsewhere, IPv6': { local: at('2001:db8::1', 40000, 23), remote: at('::1', port, 23) },
  'no source': { local: at('0.0.0.0', 40000) },
  'no source port': { local: at('127.0.0.1', 0) },
  'a destination elsewhere': { remote: at('192.0.2.1', port) },
  'another of our addresses': { remote: at('127.0.0.2', port) },
  'another port': { remote: at('127.0.0.1', port === 80 ? 81 : 80) },
};
const link = await RawLink.to(port);
const answers = {};
for (const [i, [name, changes]] of Object.entries(lies).entries()) {
  const connection = i * 2;
  link.put(KIND.connect, connection, connectPayload(port, changes));
  const { kind } = await link.until(() => link.records.find((record) => record.connection === connection), name);
  answers[name] = kind === KIND.accept ? 'accepted' : 'refused';
  if (kind === KIND.accept) link.put(KIND.message, connection, message(TYPE.confirm));
}
say('answers', { answers });
setInterval(() => {}, 1000);
