import { CONSUL_SERVER_SERVICE, NAMESPACE } from './installation.ts';
import { nanoOf } from './quantity.ts';

/** The values of an installation that cannot simply be applied over others. */
export interface Shape {
  cluster: string;
  /** Consul servers that were there before, instead of own ones. */
  externalConsul: boolean;
  servers: number;
  storage: string;
  /** Empty: the class that is the cluster's default. */
  storageClass: string;
  priorityClass: { name: string; value: number; create: boolean };
  createNamespace: boolean;
  installCrds: boolean;
}

/** An object that goes with its Helm release unless it is marked as kept. */
export interface Belonging {
  toHelm: boolean;
  kept: boolean;
}

/** The same values as the cluster has them. A missing object is undefined. */
export interface HeldShape {
  /** The name that the running operator uses. */
  cluster: string | undefined;
  externalConsul: boolean | undefined;
  /** By their pods where the StatefulSet is missing, as after an upgrade that was interrupted. 0: none of our own. */
  servers: number;
  /** Size and class in the StatefulSet's template for claims. */
  storage: string | undefined;
  storageClass: string | undefined;
  claims: HeldClaim[];
  /** The class with the wanted name. */
  priorityClass: { value: number; ours: boolean } | undefined;
  namespace: Belonging | undefined;
  crd: Belonging | undefined;
}

export interface HeldClaim {
  ordinal: number;
  storage: string;
  /** Empty: it has none. */
  storageClass: string;
  /** Whether its class lets a volume grow. */
  expandable: boolean;
}

/** A step to take before the objects can be applied. */
export type Reshaping =
  | { do: 'add-servers'; from: number; to: number }
  | { do: 'remove-servers'; from: number; to: number }
  | { do: 'expand-claims'; ordinals: number[]; storage: string }
  | { do: 'renew-priority-class'; name: string };

export interface Judgement {
  /** One sentence each, with the way round. Where there is one, nothing may be touched. */
  refusals: string[];
  steps: Reshaping[];
}

/** The values allow up to three servers. */
export const MOST_SERVERS = 3;

/** Exit code of the chart's hook when the values are refused: another try gives the same. */
export const UPGRADE_REFUSED = 2;
export const consulServer = (ordinal: number): string => `${CONSUL_SERVER_SERVICE}-${ordinal}`;
export const consulClaim = (ordinal: number): string => `data-${consulServer(ordinal)}`;

const AGAIN = 'uninstall it and install it with the new value (docs/install.md)';

/** Whether an installation can become what the values want, and by which steps. */
export function judgeReshape(held: HeldShape, wanted: Shape): Judgement {
  const parts = [...fixedProblems(held, wanted), ...ownershipProblems(held, wanted)];
  const steps: Reshaping[] = [];
  // Of an installation without its own servers, or one that is to have none, the above has said all.
  if (held.servers > 0 && !wanted.externalConsul) {
    const { servers } = wanted;
    if (servers > held.servers) {
      parts.push(...leftClaims(held, servers));
      steps.push({ do: 'add-servers', from: held.servers, to: servers });
    }
    if (servers < held.servers) steps.push({ do: 'remove-servers', from: held.servers, to: servers });
    const storage = judgeStorage(held, wanted);
    parts.push(...storage.refusals);
    steps.push(...storage.steps);
  }
  const { priorityClass } = wanted;
  if (held.priorityClass?.ours && priorityClass.create && held.priorityClass.value !== priorityClass.value)
    steps.push({ do: 'renew-priority-class', name: priorityClass.name });
  return { refusals: parts, steps };
}

/** Whether a StatefulSet that is there has to be made again around its pods. */
export const renewsServers = (steps: readonly Reshaping[]): boolean =>
  steps.some((step) => step.do !== 'renew-priority-class');

function fixedProblems(held: HeldShape, wanted: Shape): string[] {
  const problems: string[] = [];
  if (held.cluster !== undefined && held.cluster !== wanted.cluster)
    problems.push(
      `cluster cannot change from ${held.cluster} to ${wanted.cluster}, since nodes in Consul are named after it: leave it, or ${AGAIN}`,
    );
  if (held.externalConsul !== undefined && held.externalConsul !== wanted.externalConsul)
    problems.push(
      `externalConsul.enabled cannot change to ${wanted.externalConsul}, since sidecars that run trust the CA of the Consul they started with: leave it, or ${AGAIN}`,
    );
  return problems;
}

function ownershipProblems(held: HeldShape, wanted: Shape): string[] {
  const problems: string[] = [];
  const { name, create } = wanted.priorityClass;
  if (held.priorityClass?.ours && !create)
    problems.push(
      `priorityClass.create cannot become false for the class ${name}, which belongs to this installation and would go with it: make a class of another name, and give that as priorityClass.name`,
    );
  const goes = (belonging: Belonging | undefined): boolean => belonging?.toHelm === true && !belonging.kept;
  if (goes(held.namespace) && !wanted.createNamespace)
    problems.push(
      `createNamespace cannot become false yet, since Helm would delete the namespace with everything in it: kubectl annotate namespace ${NAMESPACE} helm.sh/resource-policy=keep, then do this again`,
    );
  if (goes(held.crd) && !wanted.installCrds)
    problems.push(
      'crds.install cannot become false yet, since Helm would delete the CRD with all MeshServices: upgrade with crds.keep true first, then do this again',
    );
  return problems;
}

/** A server that starts with the data of a removed server believes in the old list of servers. */
function leftClaims(held: HeldShape, servers: number): string[] {
  const left = held.claims.filter(({ ordinal }) => ordinal >= held.servers && ordinal < servers);
  if (left.length === 0) return [];
  const names = left.map(({ ordinal }) => consulClaim(ordinal)).join(' ');
  return [
    `consul.servers cannot become ${servers} yet, since ${names} may hold the data of servers that were here before: kubectl -n ${NAMESPACE} delete pvc ${names}, then do this again`,
  ];
}

function judgeStorage(held: HeldShape, wanted: Shape): Judgement {
  const nothing = { refusals: [], steps: [] };
  if (held.storage === undefined) return nothing;
  const refuse = (sentence: string): Judgement => ({ refusals: [sentence], steps: [] });
  if ((held.storageClass ?? '') !== wanted.storageClass)
    return refuse(
      `consul.storageClass cannot change from "${held.storageClass ?? ''}" to "${wanted.storageClass}", since volumes stay in their class: leave it, or take a backup, uninstall, install with the new class and restore (docs/backup.md)`,
    );
  const [now, then] = [nanoOf(held.storage) ?? 0n, nanoOf(wanted.storage) ?? 0n];
  if (now === then) return nothing;
  if (then < now)
    return refuse(
      `consul.storage cannot become less, ${wanted.storage} after ${held.storage}, since volumes do not shrink: leave it, or take a backup, uninstall, install with the new size and restore (docs/backup.md)`,
    );
  const stays = held.claims.filter(({ ordinal }) => ordinal < wanted.servers);
  const small = stays.filter(({ storage }) => (nanoOf(storage) ?? 0n) < then);
  const fixed = small.find(({ expandable }) => !expandable);
  if (fixed !== undefined)
    return refuse(
      `consul.storage cannot become ${wanted.storage}, since the storage class ${fixed.storageClass === '' ? 'of the volumes' : `"${fixed.storageClass}"`} does not let volumes grow (allowVolumeExpansion): set that, or take a backup, uninstall, install with the new size and restore (docs/backup.md)`,
    );
  return {
    refusals: [],
    steps: [{ do: 'expand-claims', ordinals: small.map(({ ordinal }) => ordinal), storage: wanted.storage }],
  };
}
