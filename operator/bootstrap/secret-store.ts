import type { KubeClient } from '../../clients/kube/client.ts';
import { isAlreadyExists } from '../../clients/kube/errors.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { secrets } from '../../clients/kube/resources.ts';

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
      return secret === undefined ? undefined : mapValues(secret.data ?? {}, fromBase64);
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
          data: mapValues(data, toBase64),
        });
        return true;
      } catch (error) {
        if (isAlreadyExists(error)) return false;
        throw error;
      }
    },
    async patch(name, data) {
      await kube.patchMerge(secrets, name, namespace, { data: mapValues(data, toBase64) });
    },
  };
}

const toBase64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');
const fromBase64 = (text: string): string => Buffer.from(text, 'base64').toString('utf8');
const mapValues = (data: SecretData, change: (value: string) => string): SecretData =>
  Object.fromEntries(Object.entries(data).map(([key, value]) => [key, change(value)]));
