'use strict';
// A preload before the switch: Node's own metrics of the event loop, as they are without it.
const { performance } = require('node:perf_hooks');

globalThis[Symbol.for('test.utilization')] = performance.eventLoopUtilization;
