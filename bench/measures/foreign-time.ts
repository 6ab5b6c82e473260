import { setTimeout as delay } from 'node:timers/promises';
import { type ConfigEntry, configKey } from '../../mesh/catalog/entry.ts';
import { equal } from '../../mesh/equal.ts';
import { type Measure, timed } from '../measure.ts';
import { NEVER_VERIFY_SECONDS, type Rig } from '../rig/rig.ts';

const KINDS = ['service-splitter', 'service-router', 'service-resolver', 'service-defaults'] as const;
const DEADLINE_MS = 30_000;

/** An entry that a sidecar's token may write; it keeps the mark, so that only the content is wrong. */
function foreignEntry(kind: (typeof KINDS)[number], held: ConfigEntry | undefined, name: string): ConfigEntry {
  const entry: ConfigEntry = held ?? { Kind: kind, Name: name, Meta: {} };
  if (kind === 'service-splitter') return { ...entry, Splits: [{ Weight: 100, Service: name }] };
  if (kind === 'service-router') return { ...entry, Routes: [{ Match: { HTTP: { PathPrefix: '/x' } } }] };
  if (kind === 'service-resolver') return { ...entry, ConnectTimeout: '1s' };
  const Script = 'function envoy_on_request(handle) end';
  const Arguments = { ProxyType: 'connect-proxy', Listener: 'inbound', Script };
  return { ...entry, EnvoyExtensions: [{ Name: 'builtin/lua', Arguments }] };
}

/** Writes over one entry, and gives how it was before. */
export async function writeForeign(
  { consul }: Pick<Rig, 'consul'>,
  kind: (typeof KINDS)[number],
  name: string,
): Promise<ConfigEntry | undefined> {
  const held = await consul.readConfig(kind, name);
  const entry = foreignEntry(kind, held?.entry, name);
  const [outcome] = await consul.apply([{ op: 'set-config', entry, modifyIndex: held?.modifyIndex ?? 0 }]);
  if (!outcome?.ok) throw new Error(`${configKey(entry)} could not be written by hand: ${JSON.stringify(outcome)}`);
  return held?.entry;
}

/** A config entry that somebody else writes, until Consul holds again what the MeshService asks for. No survey comes meanwhile. */
export const foreignTime: Measure = {
  name: 'foreign-time',
  async run(rig, { foreignWrites }, found) {
    await rig.operator(NEVER_VERIFY_SECONDS);
    const services = Array.from({ length: Math.ceil(foreignWrites / KINDS.length) }, (_, index) => `foreign-${index}`);
    for (const service of services) {
      await rig.pods.declare(service);
      await rig.meshServices.until(service, ({ consul }) => consul?.service === service);
    }
    const samples: number[] = [];
    for (const kind of KINDS) {
      for (const service of services) {
        // Some come while the kind is not watched for half a second, since it was changed just before.
        await delay(Math.random() * 1000);
        const before = await writeForeign(rig, kind, service);
        samples.push(await timed(() => isAsBefore(rig, kind, service, before)));
      }
    }
    found({
      parameters: 'written by another -> right again, no survey',
      unit: 'ms',
      samples,
      bar: { max: 1000 },
    });
  },
};

/** Resolves when the entry is what it was before, `everyMs` late at most. */
export async function isAsBefore(
  rig: Pick<Rig, 'consul'>,
  kind: ConfigEntry['Kind'],
  name: string,
  before: ConfigEntry | undefined,
  everyMs = 2,
): Promise<void> {
  const until = performance.now() + DEADLINE_MS;
  while (!equal((await rig.consul.readConfig(kind, name))?.entry, before)) {
    if (performance.now() > until) throw new Error(`${kind} ${name} is not right again after ${DEADLINE_MS} ms`);
    await delay(everyMs);
  }
}
