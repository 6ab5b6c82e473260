import * as known from '../../../clients/kube/resources.ts';
import type { Resource } from '../../../clients/kube/resources.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';

/** A resource as the fake serves it. */
export interface Served extends Resource {
  /** `spec` and `status` are written through different paths. */
  statusSubresource: boolean;
  /** Items of a list carry apiVersion and kind. */
  custom: boolean;
}

export type Route = { served: Served; namespace?: string; name?: string; subresource?: string };

const withStatus = ['Pod', 'Node', 'Namespace', 'Service', 'Deployment', 'CustomResourceDefinition'];

export function builtInResources(): Served[] {
  return Object.values(known)
    .filter((one): one is Resource => typeof one === 'object' && 'plural' in one && one.group !== 'landbridge.dev')
    .map((one) => ({ ...one, custom: false, statusSubresource: withStatus.includes(one.kind) }));
}

/** The resources that a CustomResourceDefinition adds, one for each served version. */
export function customResources(definition: KubeObject): Served[] {
  const spec = definition['spec'] as {
    group: string;
    scope: string;
    names: { plural: string; kind: string };
    versions: { name: string; served: boolean; subresources?: { status?: object } }[];
  };
  return spec.versions
    .filter((version) => version.served)
    .map((version) => ({
      group: spec.group,
      version: version.name,
      plural: spec.names.plural,
      kind: spec.names.kind,
      namespaced: spec.scope === 'Namespaced',
      statusSubresource: version.subresources?.status !== undefined,
      custom: true,
    }));
}

/** The meaning of a path; undefined when nothing is served there. */
export function routeOf(path: string, served: Served[]): Route | undefined {
  const steps = path.split('/').slice(1).map(decodeURIComponent);
  const [group, version, ...rest] = steps[0] === 'api' ? ['', ...steps.slice(1)] : steps.slice(1);
  const scoped = rest[0] === 'namespaces' && rest.length > 2 && !(rest.length === 3 && rest[2] === 'status');
  const [namespace, [plural, name, subresource, ...more]] = scoped ? [rest[1], rest.slice(2)] : [undefined, rest];
  const found = served.find((one) => one.group === group && one.version === version && one.plural === plural);
  if (!found || more.length > 0 || (namespace !== undefined && !found.namespaced)) return undefined;
  if (found.namespaced && name !== undefined && namespace === undefined) return undefined;
  return { served: found, namespace, name, subresource };
}
