import { expect } from 'chai';
import type { KubeClient } from '../../../clients/kube/client.ts';
import { KubeError } from '../../../clients/kube/errors.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import type { Resource } from '../../../clients/kube/resources.ts';

/** The needs of the suite from a server, fake or real. */
export interface Target {
  kubeconfig: string;
  client: KubeClient;
  goDown(): Promise<void>;
  comeBack(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** The server of the running suite, and a namespace for the running test. */
export interface Scene {
  target: Target;
  kube: KubeClient;
  namespace: string;
}

/** A custom resource with a status subresource and no schema to speak of. */
export const gadgets: Resource = {
  group: 'test.landbridge.dev',
  version: 'v1',
  plural: 'gadgets',
  kind: 'Gadget',
  namespaced: true,
};

export const gadgetDefinition: KubeObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'gadgets.test.landbridge.dev' },
  spec: {
    group: 'test.landbridge.dev',
    scope: 'Namespaced',
    names: { plural: 'gadgets', singular: 'gadget', kind: 'Gadget', listKind: 'GadgetList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
};

export async function failureOf(work: Promise<unknown>): Promise<KubeError> {
  const error = await work.then(
    () => new Error('it did not fail'),
    (error: unknown) => error,
  );
  expect(error).to.be.instanceOf(KubeError);
  return error as KubeError;
}

export function configMap(
  name: string,
  namespace: string,
  data: Record<string, string> = {},
  labels?: Record<string, string>,
): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace, labels }, data };
}
