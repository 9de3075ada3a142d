// Apollo's standalone server. The client: apollo-client.mjs.
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { GraphQLError } from 'graphql';
import record from '../../programs/lib/record.cjs';

const books = Array.from({ length: 2000 }, (_, id) => ({
  id,
  title: `Title ${id} \u20ac`,
  author: { name: `Author ${id % 7}` },
}));
const server = new ApolloServer({
  stopOnTerminationSignals: false,
  allowBatchedHttpRequests: true,
  typeDefs: `
    type Author { name: String! }
    type Book { id: Int!, title: String!, author: Author! }
    type Query { books(first: Int): [Book!]!, book(id: Int!): Book, broken: Int, header: String }
    type Mutation { rename(id: Int!, title: String!): Book }
  `,
  resolvers: {
    Query: {
      books: (_root, { first }) => books.slice(0, first),
      book: (_root, { id }) => books[id] ?? null,
      broken: () => {
        throw new GraphQLError('broken on purpose', { extensions: { code: 'ON_PURPOSE' } });
      },
      header: (_root, _args, { header }) => header,
    },
    Mutation: {
      rename: (_root, { id, title }) => ({ ...books[id], title }),
    },
  },
  includeStacktraceInErrorResponses: false,
});
const { url } = await startStandaloneServer(server, {
  listen: { port: 0, host: '127.0.0.1' },
  context: async ({ req }) => ({ header: req.headers['x-header'] }),
});
record.ready({ port: Number(new URL(url).port) });
record.onStop(() => server.stop());
