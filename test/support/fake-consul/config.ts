import { demand, may } from './permission.ts';
import { type FakeReply, FakeRefusal, type FakeRequest, type FakeState, type Raw, ok } from './state.ts';

const resourceOf = (kind: unknown): string => (kind === 'service-intentions' ? 'intention' : 'service');
const PROTOCOLS = ['', 'tcp', 'http', 'http2', 'grpc'];
const L7_KINDS = ['service-router', 'service-splitter'];

/** PUT /v1/config?cas=N */
export function setConfig(state: FakeState, { body, query, token }: FakeRequest): FakeReply {
  const entry = normalised(body as Raw);
  const key = `${String(entry['Kind'])}/${String(entry['Name'])}`;
  validate(state, entry);
  demand(state, token, resourceOf(entry['Kind']), String(entry['Name']), 'write');
  const held = state.config.get(key);
  // Consul skips a write that changes nothing, even with an old index.
  if (held !== undefined && sameBut(held, entry)) return ok(true);
  state.index++;
  if (Number(query['cas']) !== (held?.['ModifyIndex'] ?? 0)) return ok(false);
  const CreateIndex = held?.['CreateIndex'] ?? state.index;
  state.config.set(key, { ...entry, CreateIndex, ModifyIndex: state.index, Hash: 1 });
  return ok(true);
}

function sameBut(held: Raw, entry: Raw): boolean {
  const { CreateIndex, ModifyIndex, Hash } = held;
  return JSON.stringify(held) === JSON.stringify({ ...entry, CreateIndex, ModifyIndex, Hash });
}

/** DELETE /v1/config/:kind/:name?cas=N */
export function deleteConfig(state: FakeState, { path, query, token }: FakeRequest): FakeReply {
  const [, kind = '', name = ''] = path;
  demand(state, token, resourceOf(kind), name, 'write');
  const held = state.config.get(`${kind}/${name}`);
  if (held === undefined) return ok(query['cas'] === undefined);
  state.index++;
  if (query['cas'] !== undefined && Number(query['cas']) !== held['ModifyIndex']) return ok(false);
  if (kind === 'service-defaults') {
    const blocking = L7_KINDS.find((other) => state.config.has(`${other}/${name}`));
    if (blocking !== undefined) throw needsHttp(name);
  }
  state.config.delete(`${kind}/${name}`);
  return ok(true);
}

/** GET /v1/config/:kind[/:name] */
export function getConfig(state: FakeState, { path, token }: FakeRequest): FakeReply {
  const [, kind = '', name] = path;
  if (name === undefined) {
    const entries = [...state.config.values()].filter((entry) => entry['Kind'] === kind);
    return ok(structuredClone(entries.filter((e) => may(state, token, resourceOf(kind), String(e['Name']), 'read'))));
  }
  demand(state, token, resourceOf(kind), name, 'read');
  const held = state.config.get(`${kind}/${name}`);
  if (held === undefined) throw new FakeRefusal(404, `Config entry not found for "${kind}" / "${name}"`);
  return ok(structuredClone(held));
}

function validate(state: FakeState, entry: Raw): void {
  const { Kind, Name } = entry as { Kind: string; Name: string };
  if (!Name) throw new FakeRefusal(500, 'Name is required');
  if (Kind === 'service-defaults' && !PROTOCOLS.includes(String(entry['Protocol'] ?? ''))) {
    throw new FakeRefusal(500, `1 error occurred:\n\t* invalid value for protocol: ${String(entry['Protocol'])}\n\n`);
  }
  if (Kind === 'service-intentions' && ((entry['Sources'] as unknown[] | undefined) ?? []).length === 0) {
    throw new FakeRefusal(500, 'At least one source is required');
  }
  const protocol = String(state.config.get(`service-defaults/${Name}`)?.['Protocol'] ?? 'tcp');
  if (L7_KINDS.includes(Kind) && !protocol.startsWith('http') && protocol !== 'grpc') throw needsHttp(Name);
  for (const other of joined(entry)) {
    const its = String(state.config.get(`service-defaults/${other}`)?.['Protocol'] ?? 'tcp');
    if (its !== protocol) throw new FakeRefusal(500, inconsistent(Name, protocol, other, its));
  }
}

/** Services that a router or a splitter leads to. */
function joined(entry: Raw): string[] {
  const routes = ((entry['Routes'] as Raw[] | undefined) ?? []).map((route) => route['Destination'] as Raw | undefined);
  const targets = [...routes, ...((entry['Splits'] as Raw[] | undefined) ?? [])];
  return targets.flatMap((target) => (typeof target?.['Service'] === 'string' ? [target['Service']] : []));
}

const inconsistent = (name: string, protocol: string, other: string, its: string): string =>
  `discovery chain "${name}" uses inconsistent protocols; service "${other}" has "${its}" which is not "${protocol}"`;

const needsHttp = (name: string): FakeRefusal =>
  new FakeRefusal(
    500,
    `service "${name}" has protocol "tcp", which is incompatible with defined resolver, router, or splitter`,
  );

/** Changes that Consul makes to an entry before it keeps it: it adds fields, sorts sources and respells durations. */
function normalised(given: Raw): Raw {
  const entry = respelled(structuredClone(given)) as Raw;
  if (entry['Kind'] === 'service-defaults') {
    Object.assign(entry, { TransparentProxy: {}, MeshGateway: {}, Expose: {} });
    const extensions = entry['EnvoyExtensions'] as Raw[] | undefined;
    for (const extension of extensions ?? []) Object.assign(extension, { ConsulVersion: '', EnvoyVersion: '' });
  }
  if (entry['Kind'] === 'service-intentions') {
    const sources = ((entry['Sources'] as Raw[] | undefined) ?? []).map((source) => ({
      ...source,
      Precedence: source['Name'] === '*' ? 8 : 9,
      Type: 'consul',
    }));
    entry['Sources'] = sources.sort((a, b) => b.Precedence - a.Precedence);
  }
  if (entry['Meta'] && Object.keys(entry['Meta']).length === 0) delete entry['Meta'];
  return entry;
}

const DURATIONS = ['ConnectTimeout', 'RequestTimeout', 'IdleTimeout'];
/** Consul gives these back in nanoseconds. */
const NANOSECONDS = ['Interval', 'BaseEjectionTime', 'TTL'];

function respelled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(respelled);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([field, inner]) => {
      // Negative: no limit at all.
      if (inner === '-1s') return [field, inner];
      if (typeof inner === 'string' && DURATIONS.includes(field)) return [field, goSpelling(milliseconds(inner))];
      if (typeof inner === 'string' && NANOSECONDS.includes(field)) return [field, milliseconds(inner) * 1e6];
      return [field, respelled(inner)];
    }),
  );
}

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

const milliseconds = (text: string): number =>
  [...text.matchAll(/([\d.]+)(ms|s|m|h)/g)].reduce((sum, [, n, unit]) => sum + Number(n) * UNITS[unit!]!, 0);

function goSpelling(ms: number): string {
  if (ms < 1000) return `${ms}ms`;
  const hours = Math.floor(ms / UNITS['h']!);
  const minutes = Math.floor((ms % UNITS['h']!) / UNITS['m']!);
  const parts = [hours > 0 ? `${hours}h` : '', hours + minutes > 0 ? `${minutes}m` : '', `${(ms % 60_000) / 1000}s`];
  return parts.join('');
}
