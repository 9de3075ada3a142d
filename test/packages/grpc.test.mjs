import { packageTest } from './support/package-test.mjs';

packageTest('grpc-js', ['@grpc/grpc-js', '@grpc/proto-loader'], { programs: ['grpc-server.mjs', 'grpc-client.mjs'] });
