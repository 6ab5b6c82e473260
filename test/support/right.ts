import type { KubeClient } from '../../clients/kube/client.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { type Manifest, ofKind } from '../unit/charts/objects.ts';
import { applyManifest } from './kube/apply-manifest.ts';

interface Rule {
  apiGroups: string[];
  resources: string[];
  resourceNames?: string[];
  verbs: string[];
}

/** The smallest thing that a role grants: one verb on one resource. */
export interface Right {
  role: Manifest;
  verb: string;
  /** With its group, as kubectl writes it: `leases.coordination.k8s.io`, `meshservices.landbridge.dev/status`. */
  resource: string;
  rule: Rule;
}

export const describeRight = ({ verb, resource }: Pick<Right, 'verb' | 'resource'>): string => `${verb} ${resource}`;

/** All rights of one component's roles, in the order of the chart. */
export const rightsOf = (objects: Manifest[], component: string): Right[] =>
  ofKind(objects, 'Role', 'ClusterRole')
    .filter(({ metadata }) => [`landbridge-${component}`, `landbridge-${component}-workloads`].includes(metadata.name))
    .flatMap((role) => (role['rules'] as Rule[]).flatMap((rule) => atoms(rule).map((atom) => ({ role, ...atom }))));

function atoms(rule: Rule): Omit<Right, 'role'>[] {
  return rule.apiGroups.flatMap((group) =>
    rule.resources.flatMap((name) => {
      const [plural = '', below] = name.split('/');
      const resource = [group === '' ? plural : `${plural}.${group}`, below].filter(Boolean).join('/');
      return rule.verbs.map((verb) => ({
        verb,
        resource,
        rule: { ...rule, apiGroups: [group], resources: [name], verbs: [verb] },
      }));
    }),
  );
}

/** The role as it is, less one right. */
function without({ role, rule }: Right): Manifest {
  const same = (one: Rule): boolean => JSON.stringify(one) === JSON.stringify(rule);
  const rules = (role['rules'] as Rule[]).flatMap(atoms).map((atom) => atom.rule);
  return { ...role, rules: rules.filter((one) => !same(one)) };
}

/** Runs `work` while the API server gives the role less one right. */
export async function withoutRight<T>(kube: KubeClient, right: Right, work: () => Promise<T>): Promise<T> {
  await applyManifest(kube, without(right) as Manifest & KubeObject);
  try {
    return await work();
  } finally {
    await applyManifest(kube, right.role as Manifest & KubeObject);
  }
}

/** Whether the API server refused somebody because this right was missing; `said` is a log or an error. */
export function wasRefused(said: string, { verb, rule }: Right): boolean {
  const [resource = ''] = rule.resources;
  const [group = ''] = rule.apiGroups;
  return said.replaceAll('\\', '').includes(`cannot ${verb} resource "${resource}" in API group "${group}"`);
}
