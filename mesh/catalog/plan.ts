import {
  type CheckEntry,
  type ConfigEntry,
  type NodeEntry,
  OWNER_META,
  type Registration,
  configKey,
} from './entry.ts';

/**
 * One change to Consul. The order of a plan is the order of writing: removals of instances first, then config entries
 * as mesh/catalog/config-steps.ts orders them (when one is refused, those before it are put back; when the claim on the name,
 * service-defaults, cannot be made, nothing after it is written), then the node, then flips, then registrations.
 *
 * | op                | how it is written                             | why                                              |
 * |-------------------|-----------------------------------------------|--------------------------------------------------|
 * | delete-service    | PUT /v1/txn `service delete`                  | one raft write for up to 128; Consul's ACL check |
 * |                   |                                               | goes by the name `service`, so it is carried     |
 * | delete-node       | PUT /v1/txn `node delete`                     | removes node, services and checks                |
 * | delete-config     | DELETE /v1/config/:kind/:name?cas=ModifyIndex | never removes what another wrote meanwhile       |
 * | set-node          | PUT /v1/txn `node set`                        |                                                  |
 * | set-config        | PUT /v1/config?cas=ModifyIndex (0 = create)   | never overwrites what another wrote meanwhile    |
 * | register          | PUT /v1/txn `service set`, `check set`        | one raft write for up to 64 of one check each    |
 * | register, of a    | PUT /v1/catalog/register                      | a txn keeps of a proxy whom it stands for and    |
 * | proxy with more   |                                               | where that listens, and drops Upstreams, Config, |
 * | to it             |                                               | AccessLogs, Mode, Expose                         |
 * | set-check         | PUT /v1/txn `check set`                       | a flip is one raft write whatever the number     |
 */
export type Change =
  | { op: 'delete-service'; node: string; id: string; service: string }
  | { op: 'delete-node'; node: string }
  | { op: 'set-node'; node: Omit<NodeEntry, 'registrations'> }
  | ConfigChange
  | { op: 'register'; node: Omit<NodeEntry, 'registrations'>; registration: Registration }
  | { op: 'set-check'; node: string; check: CheckEntry };

interface Steps {
  /** Index of the replaced entry, 0 = nothing; `written`: the index that an earlier step of the same plan gave it. */
  modifyIndex: number | 'written';
  /** The replaced entry. It is put back when a later config entry of the plan is refused. */
  before?: ConfigEntry | undefined;
  /** Only on the way: a later step of the same plan writes this entry again. */
  passing?: true;
}

export type ConfigChange =
  | ({ op: 'set-config'; entry: ConfigEntry } & Steps)
  | ({ op: 'delete-config'; kind: ConfigEntry['Kind']; name: string } & Steps);

type SetConfig = Extract<ConfigChange, { op: 'set-config' }>;

/** Whether it writes the claim on a name. */
export const isClaim = (change: Change): change is SetConfig =>
  change.op === 'set-config' && change.entry.Kind === 'service-defaults';

/** Whether it claims a name that nobody has claimed. */
export const isNewClaim = (change: Change): change is SetConfig => isClaim(change) && change.modifyIndex === 0;

/** Somebody else owns what we would have to write. Nothing of it is touched. */
export interface Conflict {
  /** For example `service-defaults/add-svc`. */
  what: string;
  /** The other owner's mark, or `unmarked` when the entry carries none. */
  owner: string;
  /** Default: NameOwnedByAnother. `NameInUse`: nobody has claimed the name, and it has instances. */
  reason?: 'NameInUse';
}

export interface Plan {
  changes: Change[];
  conflicts: Conflict[];
  /** Config entries that somebody else has changed since they were read or written last, by `Kind/Name`. Default: none. */
  foreign?: readonly string[];
}

/** The outcome of one change. `error` is one sentence without secrets. */
export type Outcome = { change: Change; ok: true } | { change: Change; ok: false; error: string };

/** A config entry of another hand that was put right. */
export interface PutRight {
  kind: ConfigEntry['Kind'];
  name: string;
  /** As the other hand left it; undefined: it was taken away. */
  found: ConfigEntry | undefined;
}

/** Entries that another hand had changed: they are known from before, or bear another mark than the owner's. Each entry once. */
export function foreignWrites({ foreign = [] }: Pick<Plan, 'foreign'>, outcomes: Outcome[], owner: string): PutRight[] {
  const found = new Map<string, PutRight>();
  for (const { ok, change } of outcomes) {
    if (!ok || (change.op !== 'set-config' && change.op !== 'delete-config')) continue;
    const { Kind: kind, Name: name } =
      change.op === 'set-config' ? change.entry : { Kind: change.kind, Name: change.name };
    const key = configKey({ Kind: kind, Name: name });
    const isOthers = change.before !== undefined && change.before.Meta[OWNER_META] !== owner;
    if (found.has(key) || !(isOthers || foreign.includes(key))) continue;
    found.set(key, { kind, name, found: change.before });
  }
  return [...found.values()];
}

/** One line a change, for logs, events and `landbridge plan` alike. */
export function describeChange(change: Change): string {
  switch (change.op) {
    case 'delete-service':
      return `- service ${change.id} on ${change.node}`;
    case 'delete-node':
      return `- node ${change.node}`;
    case 'delete-config':
      return `- ${change.kind} ${change.name}`;
    case 'set-node':
      return `~ node ${change.node.Node}`;
    case 'set-config':
      return `${change.modifyIndex === 0 ? '+' : '~'} ${change.entry.Kind} ${change.entry.Name}${change.passing ? ' (on the way)' : ''}`;
    case 'register':
      return `+ service ${change.registration.service.ID} (${change.registration.service.Address}:${change.registration.service.Port}) on ${change.node.Node}`;
    case 'set-check':
      return `~ check ${change.check.CheckID} ${change.check.Status}`;
  }
}
