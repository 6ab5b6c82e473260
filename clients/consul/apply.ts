import { type ConfigEntry, configKey } from '../../mesh/entry.ts';
import type { Change, Outcome } from '../../mesh/plan.ts';
import { configPath } from './config-read.ts';
import { ConsulUnavailable } from './errors.ts';
import { inParallel } from './in-parallel.ts';
import { fitsTxn, sendTxn, txnBatches, txnOperation } from './txn.ts';
import type { TxnChange } from './txn.ts';
import type { Transport } from './transport.ts';

type ConfigChange = Extract<Change, { op: 'set-config' | 'delete-config' }>;
type Register = Extract<Change, { op: 'register' }>;

/** Requests at a time, as many as there are kept connections; a Consul server commits them in one go where it can. */
const PARALLEL = 16;

/** service-defaults is the claim on a name: without it nothing of the plan may stand under that name. */
const isClaim = (change: Extract<Change, { op: 'set-config' }>): boolean => change.entry.Kind === 'service-defaults';

const UNCLAIMED = 'not attempted: the name was not claimed';

const RACED = 'somebody else wrote it meanwhile; it is read again before the next try';

/** One run of apply: what became of each change so far, and whether Consul was lost on the way. */
interface Run {
  transport: Transport;
  errors: Map<Change, string>;
  done: Set<Change>;
  lost: ConsulUnavailable | undefined;
  /** Why nothing more of this plan may be written. */
  halted: string | undefined;
}

/** Consul.apply. The order of the groups is that of mesh/plan.ts. */
export async function apply(transport: Transport, changes: Change[]): Promise<Outcome[]> {
  const run: Run = { transport, errors: new Map(), done: new Set(), lost: undefined, halted: undefined };
  const of = <Op extends Change['op']>(...ops: Op[]): Extract<Change, { op: Op }>[] =>
    changes.filter((change): change is Extract<Change, { op: Op }> => (ops as string[]).includes(change.op));

  await writeTxn(run, of('delete-service', 'delete-node'));
  await writeConfig(run, of('delete-config'), KINDS.toReversed(), deleteConfig);
  const claims = of('set-config').filter(isClaim);
  await writeConfig(run, claims, KINDS, setConfig);
  if (claims.some((change) => run.errors.has(change))) run.halted = UNCLAIMED;
  await writeConfig(
    run,
    of('set-config').filter((change) => !isClaim(change)),
    KINDS,
    setConfig,
  );
  await writeTxn(run, of('set-node'));
  await writeTxn(run, of('set-check'));
  await writeRegistrations(run, of('register'));

  if (run.lost !== undefined && run.done.size === 0 && run.errors.size === 0) throw run.lost;
  return changes.map((change) => {
    if (run.done.has(change)) return { change, ok: true };
    return { change, ok: false, error: run.errors.get(change) ?? run.lost?.message ?? run.halted ?? 'not attempted' };
  });
}

/** Does one write for `changes`. After Consul was lost nothing more is tried: each try could take its whole timeout. */
async function attempt(run: Run, changes: Change[], write: () => Promise<Map<Change, string> | void>): Promise<void> {
  if (run.lost !== undefined || run.halted !== undefined) return;
  try {
    const errors = (await write()) ?? new Map<Change, string>();
    for (const change of changes) {
      const error = errors.get(change);
      if (error === undefined) run.done.add(change);
      else run.errors.set(change, error);
    }
  } catch (error) {
    if (error instanceof ConsulUnavailable) run.lost = error;
    else for (const change of changes) run.errors.set(change, (error as Error).message);
  }
}

async function writeTxn(run: Run, changes: TxnChange[]): Promise<void> {
  for (const batch of txnBatches(changes.map(txnOperation))) {
    const changesOf = batch.map((operation) => operation.change);
    await attempt(run, changesOf, async () => {
      const failed = await sendTxn(run.transport, batch);
      return new Map([...failed].map(([operation, error]) => [operation.change, error]));
    });
  }
}

/** A txn wants the node to be there, which the first plain one of each node sees to: its request makes the node as well. */
async function writeRegistrations(run: Run, changes: Register[]): Promise<void> {
  const plain = changes.filter(fitsTxn);
  const firsts = new Map(plain.toReversed().map((change) => [change.node.Node, change]));
  const inTxn = new Set(plain.filter((change) => firsts.get(change.node.Node) !== change));
  const single = (change: Register) => attempt(run, [change], () => register(run.transport, change));
  await inParallel([...firsts.values()], PARALLEL, single);
  await writeTxn(run, [...inTxn]);
  const proxies = changes.filter((change) => !fitsTxn(change));
  await inParallel(proxies, PARALLEL, single);
}

/**
 * Order of writing; removals go backwards. Consul refuses a splitter or a router until service-defaults say http, and
 * refuses to delete those service-defaults before.
 */
const KINDS: ConfigEntry['Kind'][] = [
  'service-defaults',
  'service-resolver',
  'service-splitter',
  'service-router',
  'service-intentions',
];

async function writeConfig<T extends ConfigChange>(
  run: Run,
  changes: T[],
  kinds: ConfigEntry['Kind'][],
  write: (transport: Transport, change: T) => Promise<boolean>,
): Promise<void> {
  for (const kind of kinds) {
    const ofKind = changes.filter((change) => headOf(change).Kind === kind);
    await inParallel(ofKind, PARALLEL, (change) =>
      attempt(run, [change], async () => {
        const won = await write(run.transport, change);
        return won ? undefined : new Map([[change, `${configKey(headOf(change))}: ${RACED}`]]);
      }),
    );
  }
}

const headOf = (change: ConfigChange): { Kind: ConfigEntry['Kind']; Name: string } =>
  change.op === 'set-config' ? change.entry : { Kind: change.kind, Name: change.name };

async function setConfig(transport: Transport, change: Extract<Change, { op: 'set-config' }>): Promise<boolean> {
  const query = { cas: change.modifyIndex };
  const reply = await transport.send({ method: 'PUT', path: '/config', query, body: change.entry });
  return reply.body === true;
}

async function deleteConfig(transport: Transport, change: Extract<Change, { op: 'delete-config' }>): Promise<boolean> {
  const query = { cas: change.modifyIndex };
  const reply = await transport.send({ method: 'DELETE', path: configPath(change.kind, change.name), query });
  return reply.body === true;
}

async function register(transport: Transport, { node, registration }: Register): Promise<void> {
  const body = {
    Node: node.Node,
    Address: node.Address,
    NodeMeta: node.Meta,
    Service: registration.service,
    Checks: registration.checks.map((check) => ({ Node: node.Node, ...check })),
  };
  await transport.send({ method: 'PUT', path: '/catalog/register', body, repeatable: true });
}
