// Named points of a hand-over: at one of them a process, this one or another, is killed or stopped. A preload of its own: the
// methods are those of the build that the switch of this process uses.
import { HandOver } from '../../../../dist/switch/duplicate-offer.js';
import { Claim } from '../../../../dist/switch/duplicate-claim.js';
import { Session } from '../../../../dist/session/session.js';

const POINTS = {
  'claim seen': [Session, 'suspend', 'before'],
  'SUSPEND sent': [Session, 'suspend', 'after'],
  'SUSPENDED came': [HandOver, 'onSilent', 'before'],
  'DUPLICATE sent': [HandOver, 'onSilent', 'after'],
  'DUPLICATED came': [HandOver, 'onDuplicated', 'before'],
  'state taken': [Session, 'takeState', 'after'],
  'parcel sent': [Session, 'leave', 'before'],
  gone: [HandOver, 'onDuplicated', 'after'],
  'hello sent': [Claim, 'start', 'after'],
  attached: [Claim, 'decide', 'before'],
  'before the RESUME': [Session, 'restoreState', 'before'],
  'RESUME sent': [Session, 'restoreState', 'after'],
};

/** Sends `pid()` the signal when this process comes to the point for the first time; `told` hears of it before. */
export const strikeAt = (point, pid, signal, told) => {
  const [owner, method, when] = POINTS[point];
  const original = owner.prototype[method];
  let done = false;
  const strike = () => {
    if (done) return;
    done = true;
    told(point);
    process.kill(pid(), signal);
  };
  owner.prototype[method] = function (...args) {
    if (when === 'before') strike();
    const result = original.apply(this, args);
    if (when === 'after') strike();
    return result;
  };
};
