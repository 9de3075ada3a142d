import { packageTest } from './support/package-test.mjs';

packageTest('mqtt', ['mqtt', 'aedes'], { programs: ['aedes-server.mjs', 'mqtt-client.mjs'] });
