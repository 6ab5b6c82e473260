import type { LabelSelector, NetworkPolicyPort, NetworkPolicySpec, ObjectMeta } from '../../crds/kubernetes.ts';
import type { MutualTLS } from '../../crds/doors.ts';
import { API_VERSION, GROUP, type MeshService } from '../../crds/mesh-service.ts';
import { equal } from '../equal.ts';
import { LABEL_MANAGED_BY, LABEL_MESH_SERVICE, sidecarPolicy } from '../names/names.ts';
import { doorsOf } from './doors.ts';

/** A NetworkPolicy as it is written. */
export interface PolicyObject {
  metadata: ObjectMeta & { namespace: string };
  spec: NetworkPolicySpec;
}

/** The fields of a NetworkPolicy that are kept in memory. */
export interface PolicyFacts {
  namespace: string;
  name: string;
  uid: string;
  /** It bears our label. */
  managed: boolean;
  /** It has labels. */
  labelled: boolean;
  /** MeshServices that own it: name and uid. */
  owners: { name: string; uid: string }[];
  podSelector: LabelSelector;
  /** undefined: the policy does not limit incoming connections. */
  ingress: PolicyRule[] | undefined;
}

interface PolicyRule {
  /** No `from`: everybody. */
  everybody: boolean;
  /** undefined: every port. */
  ports: NetworkPolicyPort[] | undefined;
}

/** So many rules and ports of one policy are kept; a policy with more counts as open. */
const MAX_RULES = 64;
const MAX_PORTS = 128;

/**
 * The policy of a MeshService; undefined when none is to be kept. It selects the pods by the label that injection gave them,
 * so a pod is held by the policy of the one MeshService that it is an instance of, however selectors change. All fields that
 * the API server would fill in are given, so that the stored policy compares equal with the wanted policy.
 */
export function policyOf(meshService: MeshService, standard: MutualTLS): PolicyObject | undefined {
  const { mode, sidecarPorts, plaintextPorts } = doorsOf(meshService, standard);
  const { namespace = '', name, uid = '' } = meshService.metadata;
  if (mode !== 'Strict' || meshService.spec.workloads.pods === undefined) return undefined;
  const ports: NetworkPolicyPort[] = [
    ...sidecarPorts.map((port) => ({ protocol: 'TCP', port })),
    ...plaintextPorts.flatMap((port) => [
      { protocol: 'TCP', port },
      { protocol: 'UDP', port },
    ]),
  ];
  return {
    metadata: {
      name: sidecarPolicy(name),
      namespace,
      labels: { [LABEL_MANAGED_BY]: 'landbridge' },
      ownerReferences: [{ apiVersion: API_VERSION, kind: 'MeshService', name, uid, controller: true }],
    },
    spec: {
      podSelector: { matchLabels: { [LABEL_MESH_SERVICE]: name } },
      policyTypes: ['Ingress'],
      ingress: [{ ports }],
    },
  };
}

/** Keeps some fields of the API server's object. Must not throw. */
export function policyFacts({ metadata, spec = {} }: { metadata: ObjectMeta; spec?: NetworkPolicySpec }): PolicyFacts {
  // A policy without policyTypes is one for ingress.
  const types = spec.policyTypes ?? ['Ingress'];
  const rules = (spec.ingress ?? []).map(({ from = [], ports = [] }): PolicyRule => ({
    everybody: from.length === 0,
    ports: ports.length === 0 || ports.length > MAX_PORTS ? undefined : ports.map(portFacts),
  }));
  const kept = rules.slice(0, MAX_RULES);
  if (rules.length > MAX_RULES) kept.push({ everybody: false, ports: undefined });
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid ?? '',
    labelled: metadata.labels !== undefined,
    managed: metadata.labels?.[LABEL_MANAGED_BY] === 'landbridge',
    owners: (metadata.ownerReferences ?? [])
      .filter(({ kind, apiVersion }) => kind === 'MeshService' && apiVersion.startsWith(`${GROUP}/`))
      .map(({ name, uid }) => ({ name, uid })),
    podSelector: spec.podSelector ?? {},
    ingress: types.includes('Ingress') ? kept : undefined,
  };
}

const portFacts = ({ protocol = 'TCP', port, endPort }: NetworkPolicyPort): NetworkPolicyPort => ({
  protocol,
  ...(port === undefined ? {} : { port }),
  ...(endPort === undefined ? {} : { endPort }),
});

/**
 * Whether a policy that has the name of ours is ours: it bears our mark, or the MeshService owns it. One of both is enough,
 * so that a hand that takes the other away does not open the doors by that.
 */
export const isOurs = ({ managed, owners }: PolicyFacts, { metadata }: MeshService): boolean =>
  managed || owners.some(({ name }) => name === metadata.name);

/** Everything that closes doors stands there already. */
export function isAsWanted(held: PolicyFacts, wanted: PolicyObject): boolean {
  const want = policyFacts(wanted);
  return (
    held.managed &&
    equal(held.owners, want.owners) &&
    equal(held.podSelector, want.podSelector) &&
    equal(held.ingress, want.ingress)
  );
}

/** RFC 6902: makes the policy that is held the one that is wanted, unless it was replaced meanwhile. Labels of others stay. */
export function policyPatch(held: PolicyFacts, { metadata, spec }: PolicyObject): JsonPatchOperation[] {
  const label = `/metadata/labels/${LABEL_MANAGED_BY.replace('/', '~1')}`;
  return [
    { op: 'test', path: '/metadata/uid', value: held.uid },
    held.labelled
      ? { op: 'add', path: label, value: 'landbridge' }
      : { op: 'add', path: '/metadata/labels', value: metadata.labels },
    { op: 'add', path: '/metadata/ownerReferences', value: metadata.ownerReferences },
    { op: 'add', path: '/spec', value: spec },
  ];
}

interface JsonPatchOperation {
  op: 'test' | 'add';
  path: string;
  value: unknown;
}
