// A gRPC server on @grpc/grpc-js: all four kinds of call, errors with metadata, calls that nobody answers.
// The client: grpc-client.mjs.
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';
import record from '../../programs/lib/record.cjs';

const file = fileURLToPath(new URL('lib/echo.proto', import.meta.url));
const { test } = grpc.loadPackageDefinition(loader.loadSync(file));
const cancelled = new Set();
record.fact('cancelled', () => [...cancelled].sort());

const server = new grpc.Server({ 'grpc.max_receive_message_length': 16 << 20 });
server.addService(test.Echo.service, {
  Unary: (call, done) => {
    const trailers = new grpc.Metadata();
    trailers.set('x-number', String(call.request.number));
    done(null, call.request, trailers);
  },
  Download: async (call) => {
    const { count, size } = call.request;
    for (let number = 0; number < count; number++) {
      if (!call.write({ number, data: record.bytes(number, size) })) {
        await new Promise((resolve) => call.once('drain', resolve));
      }
    }
    call.end();
  },
  Upload: (call, done) => {
    const hash = createHash('sha256');
    let count = 0;
    call.on('data', ({ data }) => {
      hash.update(data);
      count++;
    });
    call.on('end', () => done(null, { count, sha256: hash.digest('hex') }));
  },
  Talk: (call) => {
    call.on('data', (block) => call.write(block));
    call.on('end', () => call.end());
  },
  Fail: (_call, done) => {
    const metadata = new grpc.Metadata();
    metadata.set('x-why', 'on purpose');
    done({ code: grpc.status.FAILED_PRECONDITION, details: 'not today', metadata });
  },
  Never: (call) => {
    call.on('cancelled', () => cancelled.add(call.request.name));
    // By which the client knows that the call is here.
    call.sendMetadata(new grpc.Metadata());
  },
});
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  record.ready({ port });
});
record.onStop(() => server.tryShutdown(() => {}));
