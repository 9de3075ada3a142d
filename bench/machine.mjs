/** What a result must carry to mean anything: where, with what, and how busy the machine was. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

function firstLine(file) {
  try {
    return readFileSync(file, 'utf8').trim().split('\n')[0];
  } catch {
    // Not every kernel or container shows it; the block then leaves it out.
    return undefined;
  }
}

function git(...argv) {
  try {
    return execFileSync('git', argv, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    // Run from a package and not from a checkout.
    return undefined;
  }
}

/** @param {object} options how the rig was called */
export function machine(options) {
  const cpus = os.cpus();
  const commit = git('rev-parse', '--short', 'HEAD');
  const changed = commit !== undefined && git('status', '--porcelain') !== '';
  return {
    cpu: cpus[0]?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    virtual: /^flags\s*:.*\bhypervisor\b/m.test(cpuInfo()),
    governor: firstLine('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor'),
    // Without what a distributor appends: it says nothing to others.
    kernel: `${os.type()} ${os.release().replace(/-.*/, '')}`,
    arch: process.arch,
    node: process.version,
    commit: commit === undefined ? undefined : `${commit}${changed ? '+changes' : ''}`,
    date: new Date().toISOString(),
    loadAverage: Number(os.loadavg()[0].toFixed(2)),
    options,
  };
}

function cpuInfo() {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    // As above.
    return '';
  }
}

/** One line for people. */
export function machineLine(block) {
  const parts = [
    block.cpu,
    `${block.cores} core${block.cores === 1 ? '' : 's'}${block.virtual ? ' (virtual machine)' : ''}`,
    block.kernel,
    `Node ${block.node}`,
    block.arch,
    block.commit === undefined ? null : `commit ${block.commit}`,
    block.date.slice(0, 10),
  ];
  return parts.filter((part) => part !== null).join(' · ');
}
