// A GraphQL server on graphql-yoga: queries, mutations, a subscription as server-sent events. The client: yoga-client.mjs.
import { createSchema, createYoga } from 'graphql-yoga';
import http from 'node:http';
import record from '../../programs/lib/record.cjs';

const notes = [];
const yoga = createYoga({
  logging: false,
  schema: createSchema({
    typeDefs: `
      type Note { id: Int!, text: String! }
      type Query { notes(first: Int): [Note!]!, fail: String }
      type Mutation { add(text: String!): Note! }
      type Subscription { count(to: Int!): Int! }
    `,
    resolvers: {
      Query: {
        notes: (_, { first }) => notes.slice(0, first ?? notes.length),
        fail: () => {
          throw new Error('on purpose');
        },
      },
      Mutation: {
        add: (_, { text }) => {
          const note = { id: notes.length, text };
          notes.push(note);
          return note;
        },
      },
      Subscription: {
        count: {
          subscribe: async function* (_, { to }) {
            for (let count = 1; count <= to; count++) {
              yield { count };
              await record.delay(1);
            }
          },
        },
      },
    },
  }),
});
const server = http.createServer(yoga);
server.listen(0, '127.0.0.1', () => record.ready({ port: server.address().port }));
// As long as the test takes: the server is not to be the one who ends an idle connection.
server.keepAliveTimeout = 0;
record.onStop(() => {
  server.close();
  server.closeIdleConnections();
});
