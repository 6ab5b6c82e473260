import type { RequestOptions } from './request.ts';
import type { KubeObject } from './object.ts';
import { apiVersionOf, objectPath, type Resource } from './resources.ts';

interface ApplyOptions {
  /** Default `landbridge`. */
  fieldManager?: string;
  /** Take fields over from other managers (default true): a controller states what it owns and does not negotiate. */
  force?: boolean;
}

/** Server-side apply: states the wanted fields; fields left out that were applied before are removed. */
export interface ApplyVerbs {
  /** Creates the object when it does not exist. With `force: false` throws `Conflict` when another manager holds a field. */
  apply<T extends KubeObject = KubeObject>(resource: Resource, object: NoInfer<T>, options?: ApplyOptions): Promise<T>;
  /** Applies `status` only; 404 when the object is gone. */
  applyStatus<T = KubeObject>(
    resource: Resource,
    name: string,
    namespace: string | undefined,
    status: object,
    options?: ApplyOptions,
  ): Promise<T>;
}

const defaultFieldManager = 'landbridge';

export function applyVerbs(
  request: <T>(method: string, path: string, options?: RequestOptions) => Promise<T>,
): ApplyVerbs {
  function send<T>(path: string, body: unknown, options: ApplyOptions = {}): Promise<T> {
    const query = { fieldManager: options.fieldManager ?? defaultFieldManager, force: options.force ?? true };
    // JSON is YAML, and every server since 1.16 knows this type; apply-patch+json is unknown to most.
    return request<T>('PATCH', path, { body, query, contentType: 'application/apply-patch+yaml' });
  }

  return {
    async apply(resource, object, options) {
      const { name, namespace } = object.metadata;
      const body = { ...object, apiVersion: apiVersionOf(resource), kind: resource.kind };
      return send(objectPath(resource, name, namespace), body, options);
    },
    async applyStatus(resource, name, namespace, status, options) {
      const body = { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata: { name, namespace }, status };
      return send(objectPath(resource, name, namespace, 'status'), body, options);
    },
  };
}
