// Puts what register.cjs loads into one file, dist/bundle/register.cjs. The modules in dist/ do the same; but every process and every
// worker thread that is started with the switch would have to find, read and link two hundred of them first, and would keep
// their text, comments included, on its heap.
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

await build({
  absWorkingDir: root,
  entryPoints: ['dist/register.js'],
  outfile: 'dist/bundle/register.cjs',
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  // CommonJS, so that Node's loader of ES modules has nothing to do with it.
  format: 'cjs',
  // Modules that find the package by where they are lie two folders down as well. Types were checked in the sources.
  // Strict, as modules are: a directive counts only as the first statement.
  banner: {
    js: "// @ts-nocheck\n'use strict';\nconst moduleUrl = require('node:url').pathToFileURL(__filename).href;",
  },
  define: { 'import.meta.url': 'moduleUrl' },
  packages: 'external',
  // Names stay: they are in stack traces and profiles.
  minifyWhitespace: true,
  lineLimit: 160,
  sourcemap: true,
  sourcesContent: false,
  legalComments: 'none',
  logLevel: 'warning',
});
