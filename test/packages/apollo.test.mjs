import { packageTest } from './support/package-test.mjs';

packageTest('apollo', ['@apollo/server'], { programs: ['apollo-server.mjs', 'apollo-client.mjs'] });
