import type { CheckEntry, ProxyEntry } from '../../../mesh/catalog/entry.ts';
import type { Change } from '../../../mesh/catalog/plan.ts';
import { refusal } from '../refusal.ts';
import type { Transport } from '../transport.ts';

/** Limit of PUT /v1/txn, https://developer.hashicorp.com/consul/api-docs/txn */
const MAX_OPERATIONS = 128;
/** Below Consul's txn_max_req_len of 512 KiB, which 128 checks with 4 KiB of output each would pass. */
const MAX_BYTES = 480 * 1024;
/** Consul reports what ACLs refuse before it looks for what the catalog refuses, so two rounds can each find culprits. */
const MAX_ROUNDS = 3;

type Register = Extract<Change, { op: 'register' }>;

/** `register` only of what fitsTxn. */
export type TxnChange = Extract<
  Change,
  { op: 'delete-service' | 'delete-node' | 'set-node' | 'set-check' | 'register' }
>;

/** The fields of a proxy that Consul keeps in a txn. Consul drops all others without a word. */
const KEPT_OF_PROXY = new Set<string>([
  'DestinationServiceName',
  'DestinationServiceID',
  'LocalServiceAddress',
  'LocalServicePort',
] satisfies (keyof ProxyEntry)[]);

/** Other registrations (a gateway, a proxy with upstreams) go by PUT /v1/catalog/register. */
export const fitsTxn = ({ registration: { service, checks } }: Register): boolean =>
  (service.Kind === undefined || service.Kind === 'connect-proxy') &&
  Object.keys(service.Proxy ?? {}).every((field) => KEPT_OF_PROXY.has(field)) &&
  checks.length < MAX_OPERATIONS;

/** One change: the operations that make it, which stay together. */
export interface TxnOperation {
  change: TxnChange;
  /** The operation as the request holds it. */
  bodies: object[];
}

interface RawTxnError {
  OpIndex: number;
  What: string;
}

export const txnOperation = (change: TxnChange): TxnOperation => ({ change, bodies: bodiesOf(change) });

function bodiesOf(change: TxnChange): object[] {
  switch (change.op) {
    case 'delete-service': {
      const Service = { ID: change.id, Service: change.service };
      return [{ Service: { Verb: 'delete', Node: change.node, Service } }];
    }
    case 'delete-node':
      return [{ Node: { Verb: 'delete', Node: { Node: change.node } } }];
    case 'set-node':
      return [
        {
          Node: { Verb: 'set', Node: { Node: change.node.Node, Address: change.node.Address, Meta: change.node.Meta } },
        },
      ];
    case 'set-check':
      return [setCheck(change.node, change.check)];
    case 'register': {
      const { service, checks } = change.registration;
      // A txn takes weights that are left out for zero; these are the defaults of PUT /v1/catalog/register.
      const Service = { ...service, Weights: { Passing: 1, Warning: 1 } };
      const set = { Service: { Verb: 'set', Node: change.node.Node, Service } };
      // Consul's ACL check goes by the name, which it cannot look up before the service is there.
      const named = checks.map((check) => setCheck(change.node.Node, { ...check, ServiceName: service.Service }));
      return [set, ...named];
    }
  }
}

const setCheck = (node: string, check: CheckEntry & { ServiceName?: string }): object => ({
  Check: { Verb: 'set', Check: { Node: node, ...check } },
});

/** Splits at 128 operations or 480 KiB, order kept. The operations of one change stay together. */
export function txnBatches(operations: TxnOperation[]): TxnOperation[][] {
  const batches: TxnOperation[][] = [];
  let bytes = 0;
  let count = 0;
  for (const operation of operations) {
    const size = operation.bodies.reduce((sum, body) => sum + Buffer.byteLength(JSON.stringify(body)) + 1, 0);
    const last = batches.at(-1);
    if (last === undefined || count + operation.bodies.length > MAX_OPERATIONS || bytes + size > MAX_BYTES) {
      batches.push([operation]);
      bytes = count = 0;
    } else last.push(operation);
    bytes += size;
    count += operation.bodies.length;
  }
  return batches;
}

/**
 * Writes one batch: all of it in one raft write, or, where Consul names culprits, all but those. Gives the error of
 * each operation that failed. Throws what the transport throws when the batch as a whole could not be done.
 */
export async function sendTxn(transport: Transport, batch: TxnOperation[]): Promise<Map<TxnOperation, string>> {
  const failed = new Map<TxnOperation, string>();
  let left = batch;
  for (let round = 1; left.length > 0; round++) {
    const body = left.flatMap((operation) => operation.bodies);
    const changeAt = left.flatMap((operation) => operation.bodies.map(() => operation));
    // Sets and deletes: doing one twice is doing it once.
    const reply = await transport.send({ method: 'PUT', path: '/txn', body, accept: [409], repeatable: true });
    if (reply.status !== 409) return failed;
    const errors = (reply.body as { Errors: RawTxnError[] | null }).Errors ?? [];
    for (const { OpIndex, What } of errors) {
      const culprit = changeAt[OpIndex];
      if (culprit !== undefined) failed.set(culprit, refusal('this change in PUT /v1/txn', 409, What).message);
    }
    const rest = left.filter((operation) => !failed.has(operation));
    if (round === MAX_ROUNDS || rest.length === left.length) {
      const why = 'Consul rolled this change back because of others in its batch; it is written when those are mended';
      for (const operation of rest) failed.set(operation, why);
      return failed;
    }
    left = rest;
  }
  return failed;
}
