import { packageTest } from './support/package-test.mjs';

packageTest('graphql-yoga', ['graphql-yoga', 'graphql'], { programs: ['yoga-server.mjs', 'yoga-client.mjs'] });
