/**
 * Include and exclude rules: which connections may leave TCP at all (issue: "include/exclude by port / address /
 * program"; D4: ports behind netfilter or sk_lookup redirection can be excluded).
 *
 * A rule is one of `port:5432`, `port:8000-8999`, `address:10.0.0.0/8`, `address:::1`, `program:worker.js`,
 * `program:/srv/**`. A port, a port range, an address and a network may be written without the word.
 */
import { BlockList, isIP } from 'node:net';
import { basename } from 'node:path';

export interface PortRule {
  readonly kind: 'port';
  readonly from: number;
  readonly to: number;
}
export interface AddressRule {
  readonly kind: 'address';
  readonly family: 'ipv4' | 'ipv6';
  readonly address: string;
  /** Leading bits that must agree; the whole length for a single address. */
  readonly prefix: number;
}
export interface ProgramRule {
  readonly kind: 'program';
  /** With a slash: a glob over the whole path. Without: over the last part of it. */
  readonly pattern: string;
}
export type FilterRule = PortRule | AddressRule | ProgramRule;

export const FILTER_RANGE =
  'port:N or port:N-M (0 to 65535), address:IP or address:IP/PREFIX, program:NAME or program:/PATH (with *, ** and ?)';

function readPort(text: string): PortRule | undefined {
  const parts = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (parts === null) return undefined;
  const from = Number(parts[1]);
  const to = Number(parts.at(2) ?? parts[1]);
  return from <= to && to <= 65535 ? { kind: 'port', from, to } : undefined;
}

function readAddress(text: string): AddressRule | undefined {
  const slash = text.indexOf('/');
  const address = slash < 0 ? text : text.slice(0, slash);
  const family = address.includes('%') ? 0 : isIP(address);
  if (family === 0) return undefined;
  const bits = family === 4 ? 32 : 128;
  const prefixText = slash < 0 ? String(bits) : text.slice(slash + 1);
  const prefix = /^\d{1,3}$/.test(prefixText) ? Number(prefixText) : Number.NaN;
  return prefix <= bits ? { kind: 'address', family: family === 4 ? 'ipv4' : 'ipv6', address, prefix } : undefined;
}

function readProgram(text: string): ProgramRule | undefined {
  if (text === '' || text.includes('\0')) return undefined;
  // A relative path with a slash would never match an absolute one; say so at once instead of never matching.
  if (text.includes('/') && !text.startsWith('/') && !text.startsWith('**/')) return undefined;
  return { kind: 'program', pattern: text };
}

/** One rule from its text; undefined when it is none. */
export function readRule(text: string): FilterRule | undefined {
  const parts = /^(port|address|program):(.*)$/s.exec(text);
  if (parts === null) return readPort(text) ?? readAddress(text);
  if (parts[1] === 'port') return readPort(parts[2]);
  return parts[1] === 'address' ? readAddress(parts[2]) : readProgram(parts[2]);
}

/** The text of a rule, as `readRule` takes it. */
export function writeRule(rule: FilterRule): string {
  if (rule.kind === 'port') return rule.from === rule.to ? `port:${rule.from}` : `port:${rule.from}-${rule.to}`;
  if (rule.kind === 'program') return `program:${rule.pattern}`;
  const whole = rule.prefix === (rule.family === 'ipv4' ? 32 : 128);
  return `address:${rule.address}${whole ? '' : `/${rule.prefix}`}`;
}

/** What the rules of a configuration mean, ready to be asked per connection. */
export interface Filters {
  /** May this program use the switch? `path` is argv[1], the empty string when there is none. */
  readonly program: (path: string) => boolean;
  /** May a connection to this remote (or, on the accepting side, at this local) address and port use it? */
  readonly connection: (address: string, port: number) => boolean;
  /** May a listener here? An unspecified address (`::`, `0.0.0.0`) is judged by its port alone: which of the host's
   *  addresses a connection really came to is known when it is accepted, and judged then by `connection`. */
  readonly listener: (address: string, port: number) => boolean;
}

type AddressTest = (address: string) => boolean;

function compilePorts(rules: readonly PortRule[]): Uint8Array {
  const ports = new Uint8Array(65536);
  for (const rule of rules) ports.fill(1, rule.from, rule.to + 1);
  return ports;
}

function compileAddresses(rules: readonly AddressRule[]): AddressTest {
  const list = new BlockList();
  for (const rule of rules) list.addSubnet(rule.address, rule.prefix, rule.family);
  return (address) => {
    const zone = address.indexOf('%');
    const plain = zone < 0 ? address : address.slice(0, zone);
    const family = isIP(plain);
    // BlockList looks through ::ffff:a.b.c.d itself. What is not an address at all matches no rule.
    return family !== 0 && list.check(plain, family === 4 ? 'ipv4' : 'ipv6');
  };
}

function compileProgram(pattern: string): (path: string) => boolean {
  const source = pattern.replace(/\*\*\/?|\*|\?|[\\^$.|+()[\]{}]/g, (part) => {
    if (part === '**/') return '(?:.*/)?';
    if (part === '**') return '.*';
    if (part === '*') return '[^/]*';
    return part === '?' ? '[^/]' : `\\${part}`;
  });
  const expression = new RegExp(`^${source}$`, 's');
  return pattern.includes('/') ? (path) => expression.test(path) : (path) => expression.test(basename(path));
}

interface Side {
  readonly ports: Uint8Array | null;
  readonly addresses: AddressTest | null;
  readonly programs: readonly ((path: string) => boolean)[];
}

function compileSide(rules: readonly FilterRule[]): Side {
  const ports = rules.filter((rule) => rule.kind === 'port');
  const addresses = rules.filter((rule) => rule.kind === 'address');
  const programs = rules.filter((rule) => rule.kind === 'program');
  return {
    ports: ports.length === 0 ? null : compilePorts(ports),
    addresses: addresses.length === 0 ? null : compileAddresses(addresses),
    programs: programs.map((rule) => compileProgram(rule.pattern)),
  };
}

function isUnspecified(address: string): boolean {
  return address === '::' || address === '0.0.0.0' || address === '';
}

/**
 * Compile the rules. Exclude wins over include. Within include, rules of one kind are alternatives and each kind that
 * occurs must match (`port:80,port:81,address:10.0.0.0/8` is: port 80 or 81, and in that network). Any one exclude rule
 * that matches excludes.
 */
export function compileFilters(include: readonly FilterRule[], exclude: readonly FilterRule[]): Filters {
  const allow = compileSide(include);
  const deny = compileSide(exclude);
  const portAllowed = (port: number): boolean =>
    (allow.ports === null || allow.ports[port] === 1) && (deny.ports === null || deny.ports[port] !== 1);
  const addressAllowed = (address: string): boolean =>
    (allow.addresses === null || allow.addresses(address)) && (deny.addresses === null || !deny.addresses(address));
  return {
    program: (path) =>
      (allow.programs.length === 0 || allow.programs.some((matches) => matches(path))) &&
      !deny.programs.some((matches) => matches(path)),
    connection: (address, port) => portAllowed(port) && addressAllowed(address),
    listener: (address, port) => portAllowed(port) && (isUnspecified(address) || addressAllowed(address)),
  };
}
