import type { KubeClient } from './client.ts';
import { errorOfUse } from './errors.ts';
import type { Resource } from './resources.ts';

/** Finds where objects of a kind live. */
export type Discover = (apiVersion: string, kind: string) => Promise<Resource>;

interface ResourceList {
  resources: { name: string; kind: string; namespaced: boolean }[];
}

/**
 * Asks the API server once a group and version. Throws a `fix` KubeError for a kind that the server does not have, which
 * is asked again next time: its CRD may come.
 */
export function discoverer(kube: Pick<KubeClient, 'request'>): Discover {
  const known = new Map<string, Promise<ResourceList>>();
  const list = (apiVersion: string): Promise<ResourceList> => {
    const path = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const asked = known.get(apiVersion) ?? kube.request<ResourceList>('GET', path);
    known.set(apiVersion, asked);
    return asked;
  };
  return async (apiVersion, kind) => {
    const { resources } = await list(apiVersion).catch((error: unknown) => {
      known.delete(apiVersion);
      throw error;
    });
    const found = resources.find((one) => one.kind === kind && !one.name.includes('/'));
    if (found === undefined) {
      known.delete(apiVersion);
      throw errorOfUse(`the API server has no ${kind} in ${apiVersion}`);
    }
    const [version = '', group = ''] = apiVersion.split('/').reverse();
    return { group, version, plural: found.name, kind, namespaced: found.namespaced };
  };
}
