// A hostile peer, told what to do: "play NAME" says "played {name, error}" when it is done. { port, tool }
import { floods } from './lib/floods.mjs';
import { wrongRecords } from './lib/wrong-records.mjs';
import { wrongTransfers } from './lib/wrong-transfers.mjs';
import { wrongSetup } from './lib/wrong-setup.mjs';
import { obey, parameters, say } from './lib/talk.mjs';

const acts = { ...wrongSetup, ...wrongRecords, ...wrongTransfers, ...floods };
const alive = setInterval(() => {}, 1000);

obey({
  async play(...words) {
    const name = words.join(' ');
    try {
      await acts[name](parameters.port);
      say('played', { name, error: null });
    } catch (error) {
      say('played', { name, error: String(error.stack) });
    }
  },
  quit() {
    clearInterval(alive);
    process.stdin.destroy();
  },
});
say('ready', {
  setup: Object.keys(wrongSetup),
  records: Object.keys(wrongRecords),
  transfers: Object.keys(wrongTransfers),
  floods: Object.keys(floods),
});
