/** Starts fixtures/isolate.ts as a process of its own. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const fixture = fileURLToPath(new URL('./fixtures/isolate.js', import.meta.url));

export interface Line {
  readonly path?: string | null;
  readonly pid?: number;
  readonly [key: string]: unknown;
}

export class IsolateProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #stdout = '';
  stderr = '';

  constructor(parameters: Readonly<Record<string, unknown>>, execArgv: readonly string[] = []) {
    this.#child = spawn(process.execPath, [...execArgv, fixture, JSON.stringify(parameters)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    this.#ended = once(this.#child, 'close');
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.#stdout += text));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
  }

  get pid(): number {
    assert.ok(this.#child.pid !== undefined);
    return this.#child.pid;
  }

  lines(): readonly Line[] {
    const complete = this.#stdout.split('\n').slice(0, -1);
    return complete.map((line) => JSON.parse(line) as Line);
  }

  /** Waits for the first `count` lines that have a path (one per isolate of the process). */
  async paths(count = 1): Promise<readonly string[]> {
    const deadline = Date.now() + 60_000;
    for (;;) {
      const paths = this.lines().flatMap(({ path }) => (typeof path === 'string' ? [path] : []));
      if (paths.length >= count) return paths;
      assert.ok(Date.now() < deadline && this.#child.exitCode === null, `not ready\n${this.#stdout}\n${this.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Waits for its end. */
  async code(): Promise<number | null> {
    await this.#ended;
    return this.#child.exitCode;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
