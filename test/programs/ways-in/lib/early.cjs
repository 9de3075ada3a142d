'use strict';
// What a module keeps of net and http when it is loaded: before the switch is, where the program loads that itself.
const { connect, createConnection, createServer, Socket } = require('net');
const http = require('http');

module.exports = {
  connect,
  createConnection,
  createServer,
  Socket,
  get: http.get,
  agent: new http.Agent({ keepAlive: true }),
};
