// Programs that a bundler has made one file of, with their packages in it: as CommonJS and as ES modules, minified.
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { packageTest } from './support/package-test.mjs';

// Not an import: the packages here are not installed where types are checked.
const { build } = createRequire(import.meta.url)('esbuild');

const folder = fileURLToPath(new URL('.', import.meta.url));
/** Beside what it is made from, and not under version control either. */
const made = 'node_modules/.bundles/';
mkdirSync(folder + made, { recursive: true });

/** @param {string} name @param {'cjs' | 'esm'} format @returns {Promise<string>} the bundle, seen from programs/ */
const bundle = async (name, format) => {
  const file = `${made}${name}.${format === 'cjs' ? 'cjs' : 'mjs'}`;
  await build({
    entryPoints: [`${folder}programs/${name}.mjs`],
    outfile: folder + file,
    bundle: true,
    minify: true,
    platform: 'node',
    target: 'node20',
    format,
    logLevel: 'error',
    // What is CommonJS inside an ES module still calls require() for what is Node's.
    banner:
      format === 'esm'
        ? { js: "import { createRequire as r } from 'node:module'; const require = r(import.meta.url);" }
        : {},
  });
  return `../${file}`;
};

for (const format of /** @type {const} */ (['cjs', 'esm'])) {
  const programs = [await bundle('bundled-server', format), await bundle('bundled-client', format)];
  packageTest(`bundles, ${format}`, ['esbuild', 'undici', 'express'], { programs });
}
