'use strict';
// A second preload, after the switch, that spoils it in one way: the differential runs must find it. Which way is in
// SD_DIFFERENTIAL_SABOTAGE. It changes Node's classes above the switch, so it knows nothing of the switch's inner life.
const { subscribe } = require('node:diagnostics_channel');
const net = require('node:net');

const kind = process.env.SD_DIFFERENTIAL_SABOTAGE;
const { push, emit, destroy } = net.Socket.prototype;
let events = 0;

const saboteurs = {
  /** Now and then a chunk loses its last byte. */
  'a lost byte': () => {
    net.Socket.prototype.push = function spoiled(chunk, ...rest) {
      const shorter = chunk !== null && chunk.length > 600 ? chunk.subarray(0, chunk.length - 1) : chunk;
      return push.call(this, shorter, ...rest);
    };
  },
  /** Only of connections that the switch leaves to TCP. */
  'a lost byte on TCP': () => {
    let tcp = false;
    subscribe('sockets-direct:route', ({ carrier }) => {
      tcp ||= carrier === 'tcp';
    });
    net.Socket.prototype.push = function spoiled(chunk, ...rest) {
      const shorter = tcp && chunk !== null && chunk.length > 600 ? chunk.subarray(0, chunk.length - 1) : chunk;
      return push.call(this, shorter, ...rest);
    };
  },
  /** A connect that is given up goes on for a while. */
  'a connect that goes on': () => {
    net.Socket.prototype.destroy = function spoiled(error, ...rest) {
      if (!this.connecting) return destroy.call(this, error, ...rest);
      setTimeout(() => destroy.call(this, error, ...rest), 5);
      return this;
    };
  },
  /** A byte is another one. */
  'a changed byte': () => {
    net.Socket.prototype.push = function spoiled(chunk, ...rest) {
      if (chunk !== null && chunk.length > 600) chunk[300] ^= 1;
      return push.call(this, chunk, ...rest);
    };
  },
  /** 'ready' comes before 'connect'. */
  'swapped events': () => {
    net.Socket.prototype.emit = function spoiled(event, ...rest) {
      const other = { connect: 'ready', ready: 'connect' }[event] ?? event;
      return emit.call(this, other, ...rest);
    };
  },
  /** Now and then nobody hears of an end. */
  'a missing event': () => {
    net.Socket.prototype.emit = function spoiled(event, ...rest) {
      return event === 'drain' && ++events % 2 === 0 ? false : emit.call(this, event, ...rest);
    };
  },
  /** An error has another code. */
  'another code': () => {
    net.Socket.prototype.destroy = function spoiled(error, ...rest) {
      if (error?.code !== undefined) error.code = 'EPROTO';
      return destroy.call(this, error, ...rest);
    };
  },
  /** One property says something else. */
  'a wrong state': () => {
    const { get } = Object.getOwnPropertyDescriptor(net.Socket.prototype, 'bytesWritten');
    Object.defineProperty(net.Socket.prototype, 'bytesWritten', {
      configurable: true,
      get() {
        return get.call(this) + (this.destroyed ? 1 : 0);
      },
    });
  },
};

saboteurs[kind]?.();
