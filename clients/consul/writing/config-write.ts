import { type ConfigEntry, configKey } from '../../../mesh/catalog/entry.ts';
import { equal } from '../../../mesh/equal.ts';
import { type ConfigChange, isClaim } from '../../../mesh/catalog/plan.ts';
import { type Run, attempt } from './apply-run.ts';
import { configPath, readConfig } from '../reading/config-read.ts';
import { ConsulUnavailable } from '../errors.ts';
import type { Transport } from '../transport.ts';

const UNCLAIMED = 'not attempted: the name was not claimed';
/** The end of such an error. */
export const RACED = 'somebody else wrote it meanwhile; it is read again before the next try';

/**
 * Writes config entries one after the other, in the order of the plan. When Consul refuses one, the later ones are not tried, and the earlier ones are put back: what is half written serves nobody. A claim that was made stays, since
 * instances are registered under it; without its claim nothing of the plan may stand.
 */
export async function writeConfigSteps(run: Run, changes: ConfigChange[]): Promise<void> {
  for (const [index, change] of changes.entries()) {
    await attempt(run, [change], async () => {
      const won = await write(run.transport, change);
      return won ? undefined : new Map([[change, `${keyOf(change)}: ${RACED}`]]);
    });
    const refusal = run.errors.get(change);
    if (refusal === undefined) continue;
    if (isClaim(change) && (change.modifyIndex === 0 || refusal.endsWith(RACED))) run.halted = UNCLAIMED;
    for (const later of changes.slice(index + 1)) run.errors.set(later, `not attempted: ${refusal}`);
    for (const earlier of changes.slice(0, index).reverse()) await putBack(run, earlier, refusal);
    return;
  }
}

async function putBack(run: Run, change: ConfigChange, refusal: string): Promise<void> {
  if (run.lost !== undefined || (isClaim(change) && change.before === undefined)) return;
  run.done.delete(change);
  try {
    const back = await undo(run.transport, change);
    run.errors.set(
      change,
      `${back ? 'put back' : 'could not be put back (somebody else wrote it meanwhile)'}: ${refusal}`,
    );
  } catch (error) {
    if (error instanceof ConsulUnavailable) run.lost = error;
    run.errors.set(change, `could not be put back (${(error as Error).message}): ${refusal}`);
  }
}

/** True when the entry is again what it was before the change. */
async function undo(transport: Transport, change: ConfigChange): Promise<boolean> {
  const before = change.before;
  if (change.op === 'delete-config') {
    return before === undefined || setConfig(transport, before, 0);
  }
  const index = await writtenIndex(transport, change.entry);
  if (index === undefined) return false;
  return before === undefined ? deleteConfig(transport, change.entry, index) : setConfig(transport, before, index);
}

async function write(transport: Transport, change: ConfigChange): Promise<boolean> {
  const { before } = change;
  const index =
    change.modifyIndex === 'written' ? before && (await writtenIndex(transport, before)) : change.modifyIndex;
  if (index === undefined) return false;
  return change.op === 'set-config'
    ? setConfig(transport, change.entry, index)
    : deleteConfig(transport, { Kind: change.kind, Name: change.name }, index);
}

/** The index of what this run wrote; undefined when it is no longer there as it was written. */
async function writtenIndex(transport: Transport, entry: ConfigEntry): Promise<number | undefined> {
  const held = await readConfig(transport, entry.Kind, entry.Name);
  return held !== undefined && equal(held.entry, entry) ? held.modifyIndex : undefined;
}

const keyOf = (change: ConfigChange): string =>
  change.op === 'set-config' ? configKey(change.entry) : configKey({ Kind: change.kind, Name: change.name });

async function setConfig(transport: Transport, entry: ConfigEntry, cas: number): Promise<boolean> {
  const reply = await transport.send({ method: 'PUT', path: '/config', query: { cas }, body: entry });
  return reply.body === true;
}

async function deleteConfig(
  transport: Transport,
  { Kind, Name }: Pick<ConfigEntry, 'Kind' | 'Name'>,
  cas: number,
): Promise<boolean> {
  const reply = await transport.send({ method: 'DELETE', path: configPath(Kind, Name), query: { cas } });
  return reply.body === true;
}
