import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { NAMESPACE, WEBHOOK_CONFIGURATION, WEBHOOK_PATH, WEBHOOK_SERVICE } from '../mesh/installation.ts';
import { LABEL_INJECT, LABEL_MESH } from '../mesh/names.ts';
import { labels, selectorLabels } from './labels.ts';

/** Asks the operator about every new pod of the namespaces that joined the mesh. */
export function addWebhook(scope: Construct): void {
  new k8s.KubeService(scope, 'webhook-service', {
    metadata: { name: WEBHOOK_SERVICE, namespace: NAMESPACE, labels: labels('operator') },
    spec: {
      selector: selectorLabels('operator'),
      ports: [{ name: 'webhook', port: 443, targetPort: k8s.IntOrString.fromString('webhook') }],
    },
  });
  new k8s.KubeMutatingWebhookConfiguration(scope, 'webhook', {
    metadata: { name: WEBHOOK_CONFIGURATION, labels: labels('operator') },
    webhooks: [
      {
        name: 'injector.landbridge.dev',
        admissionReviewVersions: ['v1'],
        // No caBundle: the operator makes its certificate, and writes the CA here.
        clientConfig: { service: { name: WEBHOOK_SERVICE, namespace: NAMESPACE, path: WEBHOOK_PATH, port: 443 } },
        rules: [
          { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], scope: 'Namespaced' },
        ],
        namespaceSelector: {
          matchExpressions: [
            { key: LABEL_MESH, operator: 'In', values: ['enabled'] },
            // Whatever labels somebody puts there, the cluster and the operator itself must be able to start.
            { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['kube-system', NAMESPACE] },
          ],
        },
        objectSelector: { matchExpressions: [{ key: LABEL_INJECT, operator: 'NotIn', values: ['false'] }] },
        // Without its sidecar a pod would be outside the mesh and say nothing of it: better none.
        failurePolicy: 'Fail',
        // Again after others have changed the pod; the patch of an injected pod is empty.
        reinvocationPolicy: 'IfNeeded',
        sideEffects: 'None',
        timeoutSeconds: 5,
      },
    ],
  });
}
