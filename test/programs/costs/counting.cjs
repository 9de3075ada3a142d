// Preloaded before the switch: counts what a message costs, by what every byte and every wait has to go through.
'use strict';
const { createHook } = require('node:async_hooks');
const { PerformanceObserver } = require('node:perf_hooks');

const counts = { copied: 0, resources: 0, collections: 0 };
globalThis.costs = counts;

// Each copy of more than a few bytes, into a ring and out of it, is a call of one of these.
const { prototype } = Object.getPrototypeOf(Uint8Array);
const { set, slice } = prototype;
prototype.set = function (source, offset) {
  counts.copied += source.length;
  return set.call(this, source, offset);
};
prototype.slice = function (...range) {
  const copy = slice.apply(this, range);
  counts.copied += copy.length;
  return copy;
};
const { copy } = Buffer.prototype;
Buffer.prototype.copy = function (...where) {
  const copied = copy.apply(this, where);
  counts.copied += copied;
  return copied;
};

globalThis.countResources = () =>
  createHook({
    init() {
      counts.resources++;
    },
  }).enable();
new PerformanceObserver((list) => {
  counts.collections += list.getEntries().length;
}).observe({ entryTypes: ['gc'] });
