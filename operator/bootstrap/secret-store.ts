import type { KubeClient } from '../../clients/kube/client.ts';
import { isAlreadyExists } from '../../clients/kube/errors.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { secrets } from '../../clients/kube/resources.ts';
import { secretData, secretText } from '../../clients/kube/secret.ts';

/** The keys of a Secret and their values, decoded. */
export type SecretData = Record<string, string>;

export interface SecretStore {
  /** Undefined when it does not exist. */
  read(name: string): Promise<SecretData | undefined>;
  /** False when there is one already; that one is left as it is. */
  create(name: string, data: SecretData): Promise<boolean>;
  /** Replaces the named keys and keeps the others. */
  patch(name: string, data: SecretData): Promise<void>;
}

/** The Secrets of one namespace. Throws KubeError. */
export function secretStore(kube: Pick<KubeClient, 'get' | 'create' | 'patchMerge'>, namespace: string): SecretStore {
  return {
    async read(name) {
      const secret = await kube.get<KubeObject & { data?: SecretData }>(secrets, name, namespace);
      return secret === undefined ? undefined : textsOf(secret);
    },
    async create(name, data) {
      try {
        await kube.create(secrets, {
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: {
            name,
            namespace,
            labels: { 'app.kubernetes.io/part-of': 'landbridge', 'app.kubernetes.io/managed-by': 'landbridge' },
          },
          type: 'Opaque',
          data: secretData(data),
        });
        return true;
      } catch (error) {
        if (isAlreadyExists(error)) return false;
        throw error;
      }
    },
    async patch(name, data) {
      await kube.patchMerge(secrets, name, namespace, { data: secretData(data) });
    },
  };
}

const textsOf = (secret: { data?: Record<string, string> }): SecretData =>
  Object.fromEntries(Object.keys(secret.data ?? {}).map((key) => [key, secretText(secret, key)]));
