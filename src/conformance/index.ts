/**
 * Whether a provider keeps the contract of the SPI: a set of cases for any test runner. docs/CONFORMANCE.md tells how a
 * provider's author uses it. Imports nothing but the SPI.
 */

export type { ConformanceCase } from './case.js';
export { CASES } from './cases/index.js';
export { ConformanceError } from './failure.js';
export type { Companion, ProviderFactory, ProviderPair, Successor } from './factory.js';
export type { Lack, ProviderLimits, ProviderManifest } from './manifest.js';
export { suite, type SuiteOptions } from './suite.js';
