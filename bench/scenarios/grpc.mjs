/** gRPC by @grpc/grpc-js on both sides: unary calls on one channel, a number of them under way. */
import { fileURLToPath } from 'node:url';
import { fromPackages, socketsToCome } from './packages.mjs';
import { requests } from './requests.mjs';

const PROTO = fileURLToPath(new URL('../../test/packages/programs/lib/echo.proto', import.meta.url));
const SIZE = 64;

/** The service Echo, of which only Unary is used here. */
function service() {
  const grpc = fromPackages('@grpc/grpc-js');
  const { test } = grpc.loadPackageDefinition(fromPackages('@grpc/proto-loader').loadSync(PROTO));
  return { grpc, Echo: test.Echo };
}

export function grpc(calls) {
  return requests({
    name: `grpc-${calls}`,
    title: `gRPC, one channel, ${calls === 1 ? 'one call' : `${calls} calls`} at a time`,
    unit: 'calls/s',
    atOnce: calls,

    async server(context) {
      const { grpc, Echo } = service();
      const { path } = context.params;
      const server = new grpc.Server();
      server.addService(Echo.service, { Unary: (call, done) => done(null, call.request) });
      const address = path === null ? '127.0.0.1:0' : `unix:${path}`;
      server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error, port) => {
        if (error) throw error;
        context.ready({ address: path === null ? `127.0.0.1:${port}` : address });
      });
    },

    async open({ target }) {
      const { grpc, Echo } = service();
      const sockets = socketsToCome();
      const client = new Echo(target.address, grpc.credentials.createInsecure());
      const data = Buffer.alloc(SIZE, 0x61);
      let number = 0;
      const ask = async () => {
        const wanted = ++number;
        const answer = await new Promise((resolve, reject) => {
          client.Unary({ number: wanted, data }, (error, block) => (error ? reject(error) : resolve(block)));
        });
        if (answer.number !== wanted || answer.data.length !== SIZE) throw new Error('the echo is not what was sent');
      };
      return { ask, sockets };
    },
  });
}
