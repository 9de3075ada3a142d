// Gives itself out for another: learns the isolate id of the listener on `honest`, then says HELLO to the one on `port`
// under that id. Whatever is then sent to it over that link was meant for the honest one.
import { PACKET, RawLink, reach } from './lib/raw.mjs';
import { obey, parameters, say } from './lib/talk.mjs';

const { honest, port } = parameters;
const own = await RawLink.to(honest);
const { packet } = await own.packet(PACKET.welcome);
const link = new RawLink(reach(port));
link.hello({ isolate: packet.isolate });
await link.packet(PACKET.welcome);
link.attach();
say('ready', { isolate: packet.isolate });
obey({ report: () => say('report', { records: link.records.map(({ kind }) => kind) }) });
setInterval(() => {}, 1000);
