import type { RequestOptions } from './request.ts';
import { applyVerbs, type ApplyVerbs } from './apply.ts';
import { errorOfTransport, errorOfUse, isExpired, isNotFound } from './errors.ts';
import type { KubeObject } from './object.ts';
import { collectionPath, objectPath, type Resource } from './resources.ts';

interface ListOptions {
  /** Default: all namespaces. */
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** Only apiVersion, kind and metadata of each item: cheap for Secrets or Pods of which nothing else is needed. */
  metadataOnly?: boolean;
  /** Items a page. Default 500; 0 asks for all at once. */
  limit?: number;
  signal?: AbortSignal;
}

interface Page<T> {
  items: T[];
  /** The same on every page: the version of the whole list, from which to watch. */
  resourceVersion: string;
}

interface Preconditions {
  uid?: string;
  resourceVersion?: string;
}

interface DeleteOptions extends Preconditions {
  gracePeriodSeconds?: number;
  propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
}

/** RFC 6902. */
type JsonPatch = {
  op: 'add' | 'remove' | 'replace' | 'test' | 'move' | 'copy';
  path: string;
  from?: string;
  value?: unknown;
}[];

export interface ObjectVerbs extends ApplyVerbs {
  /** `undefined` when the object does not exist. */
  get<T = KubeObject>(resource: Resource, name: string, namespace?: string): Promise<T | undefined>;
  /** Everything, page by page underneath. Built-in kinds come without `apiVersion` and `kind`. */
  list<T = KubeObject>(resource: Resource, options?: ListOptions): Promise<Page<T>>;
  /** The pages one by one, so that memory stays flat. Throws `Expired` when the list took too long: start again. */
  pages<T = KubeObject>(resource: Resource, options?: ListOptions): AsyncGenerator<Page<T>>;
  /** Throws `AlreadyExists`. Refuses an object with a resourceVersion, which is a copy of one that exists. */
  create<T extends KubeObject = KubeObject>(resource: Resource, object: NoInfer<T>): Promise<T>;
  /** Refuses an object without `metadata.resourceVersion`: throws `Conflict` when somebody wrote in between. */
  replace<T extends KubeObject = KubeObject>(resource: Resource, object: NoInfer<T>): Promise<T>;
  /** RFC 7386. */
  patchMerge<T = KubeObject>(
    resource: Resource,
    name: string,
    namespace: string | undefined,
    patch: object,
  ): Promise<T>;
  patchJson<T = KubeObject>(
    resource: Resource,
    name: string,
    namespace: string | undefined,
    patch: JsonPatch,
  ): Promise<T>;
  /** A merge patch of the status subresource; `status` is the part to change. */
  patchStatus<T = KubeObject>(
    resource: Resource,
    name: string,
    namespace: string | undefined,
    status: object,
  ): Promise<T>;
  /** False when the object did not exist. Throws `Conflict` when a precondition does not hold. True does not mean gone: finalizers. */
  delete(resource: Resource, name: string, namespace?: string, options?: DeleteOptions): Promise<boolean>;
}

/** `Accept` values by which the server cuts objects down to their metadata. */
export const metadataAccept = {
  list: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
  object: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
} as const;

const pageLimit = 500;

interface RawList<T> {
  metadata?: { resourceVersion?: string; continue?: string };
  items?: T[] | null;
}

export function objectVerbs(
  request: <T>(method: string, path: string, options?: RequestOptions) => Promise<T>,
): ObjectVerbs {
  async function* pages<T>(resource: Resource, options: ListOptions = {}): AsyncGenerator<Page<T>> {
    const { namespace, labelSelector, fieldSelector, metadataOnly, limit = pageLimit, signal } = options;
    const path = collectionPath(resource, namespace);
    const accept = metadataOnly ? metadataAccept.list : undefined;
    let token: string | undefined;
    do {
      // No resourceVersion: a read no older than the request, never one from a lagging cache that would go back in time.
      const query = { labelSelector, fieldSelector, limit: limit || undefined, continue: token };
      const raw: RawList<T> = (await request<RawList<T> | undefined>('GET', path, { query, accept, signal })) ?? {};
      token = raw.metadata?.continue || undefined;
      const resourceVersion = raw.metadata?.resourceVersion;
      // An answer without it is not a list, even with status 200. It must not pass for an empty list.
      if (!resourceVersion) throw errorOfTransport(`GET ${path}`, 'BadResponse', 'the answer is not a list');
      yield { items: raw.items ?? [], resourceVersion };
    } while (token);
  }

  async function all<T>(resource: Resource, options?: ListOptions): Promise<Page<T>> {
    const whole: Page<T> = { items: [], resourceVersion: '' };
    for await (const page of pages<T>(resource, options)) {
      for (const item of page.items) whole.items.push(item);
      whole.resourceVersion = page.resourceVersion;
    }
    return whole;
  }

  const patch = <T>(path: string, contentType: string, body: unknown) =>
    request<T>('PATCH', path, { body, contentType });

  return {
    ...applyVerbs(request),
    pages,
    async get<T>(resource: Resource, name: string, namespace?: string) {
      try {
        return await request<T>('GET', objectPath(resource, name, namespace));
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    },
    async list<T>(resource: Resource, options?: ListOptions) {
      try {
        return await all<T>(resource, options);
      } catch (error) {
        if (!isExpired(error)) throw error;
        return all<T>(resource, { ...options, limit: 0 });
      }
    },
    async create(resource, object) {
      const { name, namespace, resourceVersion } = object.metadata;
      objectPath(resource, name, namespace);
      if (resourceVersion) throw errorOfUse(`${resource.plural} ${name}: an object with a resourceVersion is not new`);
      return request('POST', collectionPath(resource, namespace), { body: object });
    },
    async replace(resource, object) {
      const { name, namespace, resourceVersion } = object.metadata;
      if (!resourceVersion)
        throw errorOfUse(`${resource.plural} ${name}: to replace it blindly would undo what others wrote`);
      return request('PUT', objectPath(resource, name, namespace), { body: object });
    },
    patchMerge: async (resource, name, namespace, body) =>
      patch(objectPath(resource, name, namespace), 'application/merge-patch+json', body),
    patchJson: async (resource, name, namespace, body) =>
      patch(objectPath(resource, name, namespace), 'application/json-patch+json', body),
    patchStatus: async (resource, name, namespace, status) =>
      patch(objectPath(resource, name, namespace, 'status'), 'application/merge-patch+json', { status }),
    async delete(resource, name, namespace, options = {}) {
      const { uid, resourceVersion, ...rest } = options;
      const preconditions = uid || resourceVersion ? { uid, resourceVersion } : undefined;
      const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions, ...rest };
      try {
        await request('DELETE', objectPath(resource, name, namespace), { body });
        return true;
      } catch (error) {
        if (isNotFound(error)) return false;
        throw error;
      }
    },
  };
}
