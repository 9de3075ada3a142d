// Run after every change of the dependencies: `npm install && node scripts/complete-lock.mjs`.
// Some tools ship one optional package per platform. Where the registry in use serves only some platforms, npm leaves the
// others out of the lock, and `npm ci` then refuses that lock everywhere. This adds what is missing: the version that the
// parent pins exactly, and the platform, so that npm skips it elsewhere. It also takes out any download address. Another lock
// than the repository's is its first argument (test/packages/package-lock.json).
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const file = process.argv[2] ?? fileURLToPath(new URL('../package-lock.json', import.meta.url));
const SYSTEMS = ['android', 'darwin', 'freebsd', 'linux', 'openbsd', 'netbsd', 'openharmony', 'sunos', 'aix', 'win32'];
const PROCESSORS = ['x64', 'arm64', 'arm', 'ia32', 'ppc64', 'riscv64', 's390x', 'loong64', 'mips64el', 'wasm32'];

/** What npm would find in the package's manifest, told from its name: `@oxc-parser/binding-linux-arm64-musl`. */
function platformOf(name) {
  const words = name.split('/').at(-1).split('-');
  const system = SYSTEMS.find((each) => words.includes(each));
  const processor = PROCESSORS.find((each) => words.includes(each));
  if (processor === undefined || (system === undefined && processor !== 'wasm32')) {
    throw new Error(`${name}: cannot tell its platform; add its entry by hand`);
  }
  const libc = words.some((word) => word.startsWith('musl')) ? 'musl' : 'glibc';
  return {
    cpu: [processor],
    ...(system === 'linux' ? { libc: [libc] } : {}),
    optional: true,
    ...(system === undefined ? {} : { os: [system] }),
  };
}

const lock = JSON.parse(readFileSync(file, 'utf8'));
let added = 0;
let addresses = 0;
for (const entry of Object.values(lock.packages)) {
  if (entry.resolved?.startsWith('http')) {
    delete entry.resolved;
    addresses += 1;
  }
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`;
    if (lock.packages[key] !== undefined) continue;
    if (!/^\d+\.\d+\.\d+$/.test(version)) throw new Error(`${name}: ${version} is not one exact version`);
    lock.packages[key] = { version, ...platformOf(name), ...(entry.dev ? { dev: true } : {}) };
    added += 1;
  }
}

// npm's own order, so that its next run changes nothing.
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en')));
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${file}: ${added} optional packages added, ${addresses} addresses taken out`);
