/** How cases are written down. */
import type { Bench } from './bench.js';
import type { Receiving } from './end.js';
import type { ProviderManifest } from './manifest.js';

/** One case as its file writes it. */
export interface CaseSpec {
  /**
   * What must be, and in brackets at the end the requirement ids, the most telling one first. What only the shipped
   * provider was seen to do (OBS-…) begins with "test vector: ".
   */
  readonly name: string;
  /** Why it does not apply to a provider with this manifest; null: it applies. Without: to every SAN provider. */
  readonly skip?: (manifest: ProviderManifest) => string | null;
  /** It applies to base providers as well. */
  readonly base?: true;
  /** The providers are not started before. */
  readonly unstarted?: true;
  readonly run: (bench: Bench) => void | Promise<void>;
}

/** One case of the kit. */
export interface ConformanceCase extends CaseSpec {
  /** The file it is in, without extension. */
  readonly topic: string;
  /** Out of its name. */
  readonly requirements: readonly string[];
}

const IDS = /\(([A-Z]+-\d+(?:, [A-Z]+-\d+)*)\)$/;

/** The ids in a case's name. */
function requirementsOf(name: string): readonly string[] {
  const found = IDS.exec(name);
  if (found === null) throw new TypeError(`a case cites its requirements at the end of its name: ${name}`);
  return found[1].split(', ');
}

/** The cases of one topic. */
export function topic(name: string, specs: readonly CaseSpec[]): ConformanceCase[] {
  return specs.map((spec) => ({ ...spec, topic: name, requirements: requirementsOf(spec.name) }));
}

/** Why a case does not apply; null: it does. */
export function whyNot(test: ConformanceCase, manifest: ProviderManifest): string | null {
  if (manifest.kind === 'base')
    return test.base === true ? (test.skip?.(manifest) ?? null) : 'not asked of a base provider';
  return test.skip?.(manifest) ?? null;
}

/** For cases of providers that do something. */
export function only(key: 'ownsReceiveBuffers' | 'connectData' | 'rdmaRead' | 'memoryRegistrationCache' | 'duplicate') {
  return (manifest: ProviderManifest): string | null => (manifest[key] ? null : `the provider does without: ${key}`);
}

/** For cases of providers that do not do something. */
export function without(
  key: 'ownsReceiveBuffers' | 'connectData' | 'rdmaRead' | 'memoryRegistrationCache' | 'duplicate' | 'qos',
) {
  return (manifest: ProviderManifest): string | null => (manifest[key] ? `the provider offers: ${key}` : null);
}

/** The same case for each way of receiving; `{how}` in the name stands for it. */
export function eachReceiving(
  name: string,
  run: (bench: Bench, how: Receiving) => Promise<void>,
  skip?: (manifest: ProviderManifest) => string | null,
): CaseSpec[] {
  return [
    {
      name: name.replace('{how}', 'by posted receives'),
      skip: (manifest) => skip?.(manifest) ?? null,
      run: (bench) => run(bench, 'posted'),
    },
    {
      name: name.replace('{how}', 'by an owned receiver'),
      skip: (manifest) => skip?.(manifest) ?? only('ownsReceiveBuffers')(manifest),
      run: (bench) => run(bench, 'owned'),
    },
  ];
}
