import type { KubeClient } from '../clients/kube/client.ts';
import { KubeError } from '../clients/kube/errors.ts';
import { meshServices, namespaces } from '../clients/kube/resources.ts';
import { didYouMean } from '../mesh/names/near-name.ts';

interface Named {
  metadata: { name: string; namespace?: string };
}

/**
 * The sentence where the namespace does not have a MeshService: the namespace does not exist, or the name is in other
 * namespaces, or a near name is there. Lists that the user has no right to are left out.
 */
export async function nothingThere(
  kube: Pick<KubeClient, 'list' | 'namespace'>,
  name: string | undefined,
): Promise<string> {
  const { namespace } = kube;
  const [all, spaces] = await Promise.all([
    listed(kube.list<Named>(meshServices)),
    listed(kube.list<Named>(namespaces)),
  ]);
  if (spaces !== undefined && !spaces.some(({ metadata }) => metadata.name === namespace)) {
    const known = spaces.map((one) => one.metadata.name);
    return `there is no namespace "${namespace}"${didYouMean(namespace, known) || `: ${ways(withSome(all ?? []), '')}`}`;
  }
  if (name === undefined)
    return `no MeshService in namespace ${namespace}: ${ways(withSome(all ?? []), 'there are some in ')}`;
  const elsewhere = withSome((all ?? []).filter(({ metadata }) => metadata.name === name));
  if (elsewhere.length > 0) return `no MeshService ${name} in namespace ${namespace}: ${ways(elsewhere, 'it is in ')}`;
  const here = (all ?? []).filter(({ metadata }) => metadata.namespace === namespace);
  const near = didYouMean(
    name,
    here.map(({ metadata }) => metadata.name),
  );
  return `no MeshService ${name} in namespace ${namespace}${near || ': landbridge status -A lists all'}`;
}

/** The same where all namespaces were looked at. */
export const nothingAnywhere = (name: string | undefined, all: Named[]): string =>
  name === undefined
    ? 'no MeshService in any namespace: docs/mesh-service.md says what to write into one'
    : `no MeshService ${name} in any namespace${didYouMean(
        name,
        all.map(({ metadata }) => metadata.name),
      )}`;

const MOST = 5;

const withSome = (all: Named[]): string[] => [...new Set(all.map(({ metadata }) => metadata.namespace ?? ''))].sort();

function ways(found: string[], lead: string): string {
  if (found.length === 0) return 'landbridge status -A lists all';
  const more = found.length > MOST ? ` and ${found.length - MOST} more` : '';
  const where = `${found.length === 1 ? 'namespace' : 'namespaces'} ${found.slice(0, MOST).join(', ')}${more}`;
  return `${lead === '' ? 'MeshServices are in ' : lead}${where}, so give -n ${found.length === 1 ? found[0] : 'one of these'}`;
}

/** Undefined: the user may not list these. */
async function listed(asked: Promise<{ items: Named[] }>): Promise<Named[] | undefined> {
  try {
    return (await asked).items;
  } catch (error) {
    if (error instanceof KubeError && error.code === 403) return undefined;
    throw error;
  }
}
