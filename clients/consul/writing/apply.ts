import type { Change, Outcome } from '../../../mesh/catalog/plan.ts';
import { type Run, attempt } from './apply-run.ts';
import { writeConfigSteps } from './config-write.ts';
import { inParallel } from '../../../base/in-parallel.ts';
import { fitsTxn, sendTxn, txnBatches, txnOperation } from './txn.ts';
import type { TxnChange } from './txn.ts';
import type { Transport } from '../transport.ts';

type Register = Extract<Change, { op: 'register' }>;

/** Requests at a time, as many as there are kept connections; a Consul server commits them in one go where it can. */
const PARALLEL = 16;

/** Consul.apply. The order of the groups is that of mesh/catalog/plan.ts. */
export async function apply(transport: Transport, changes: Change[]): Promise<Outcome[]> {
  const run: Run = { transport, errors: new Map(), done: new Set(), lost: undefined, halted: undefined };
  const of = <Op extends Change['op']>(...ops: Op[]): Extract<Change, { op: Op }>[] =>
    changes.filter((change): change is Extract<Change, { op: Op }> => (ops as string[]).includes(change.op));

  await writeTxn(run, of('delete-service', 'delete-node'));
  await writeConfigSteps(run, of('set-config', 'delete-config'));
  await writeTxn(run, of('set-node'));
  await writeTxn(run, of('set-check'));
  await writeRegistrations(run, of('register'));

  if (run.lost !== undefined && run.done.size === 0 && run.errors.size === 0) throw run.lost;
  return changes.map((change) => {
    if (run.done.has(change)) return { change, ok: true };
    return { change, ok: false, error: run.errors.get(change) ?? run.lost?.message ?? run.halted ?? 'not attempted' };
  });
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

/** The words of a txn about a registration whose node somebody has deleted by hand. */
const NODE_IS_GONE = 'Missing node registration';

async function writeRegistrations(run: Run, changes: Register[]): Promise<void> {
  const single = (change: Register) => attempt(run, [change], () => register(run.transport, change));
  const plain = changes.filter(fitsTxn);
  await writeTxn(run, plain);
  const homeless = plain.filter((change) => run.errors.get(change)?.includes(NODE_IS_GONE));
  if (homeless.length > 0) await writeWithNodes(run, homeless, single);
  const others = changes.filter((change) => !fitsTxn(change));
  await inParallel(others, PARALLEL, single);
}

/** The first of each node goes by a request of its own, which makes the node as well. */
async function writeWithNodes(
  run: Run,
  changes: Register[],
  single: (change: Register) => Promise<void>,
): Promise<void> {
  for (const change of changes) run.errors.delete(change);
  const firsts = new Map(changes.toReversed().map((change) => [change.node.Node, change]));
  await inParallel([...firsts.values()], PARALLEL, single);
  await writeTxn(
    run,
    changes.filter((change) => firsts.get(change.node.Node) !== change),
  );
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
