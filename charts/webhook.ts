import { k8s } from 'cdk8s-plus-27';
import { GROUP, VERSION } from '../crds/mesh-service.ts';
import {
  NAMESPACE,
  OPERATOR_USER,
  VALIDATOR_CONFIGURATION,
  VALIDATOR_PATH,
  WEBHOOK_CONFIGURATION,
  WEBHOOK_PATH,
  WEBHOOK_SERVICE,
} from '../mesh/installation/installation.ts';
import { LABEL_INJECT, LABEL_MESH } from '../mesh/names/names.ts';
import { labels, selectorLabels } from './labels.ts';
import { given, when } from './template/expression.ts';
import type { Target } from './template/target.ts';
import { values } from './values/tree.ts';

const watched = { key: 'kubernetes.io/metadata.name', operator: 'In', values: values.watchNamespaces };

/** Asks the operator about every new pod of the namespaces that joined the mesh, and about every MeshService. */
export function addWebhook(target: Target): void {
  target.add(k8s.KubeService, 'webhook-service', {
    metadata: { name: WEBHOOK_SERVICE, namespace: NAMESPACE, labels: labels('operator') },
    spec: {
      selector: selectorLabels('operator'),
      ports: [{ name: 'webhook', port: 443, targetPort: k8s.IntOrString.fromString('webhook') }],
    },
  });
  target.add(k8s.KubeMutatingWebhookConfiguration, 'webhook', {
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
            // The cluster and the operator itself must be able to start with any labels on these namespaces.
            { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['kube-system', NAMESPACE] },
            when<k8s.LabelSelectorRequirement>(given(values.watchNamespaces), watched),
          ],
        },
        objectSelector: { matchExpressions: [{ key: LABEL_INJECT, operator: 'NotIn', values: ['false'] }] },
        // By default Fail: without its sidecar a pod would be outside the mesh and say nothing of it. Better none.
        failurePolicy: values.webhook.failurePolicy,
        // Again after others have changed the pod; the patch of an injected pod is empty.
        reinvocationPolicy: 'IfNeeded',
        sideEffects: 'None',
        timeoutSeconds: values.webhook.timeoutSeconds,
      },
    ],
  });
  target.add(k8s.KubeValidatingWebhookConfiguration, 'validator', {
    metadata: { name: VALIDATOR_CONFIGURATION, labels: labels('operator') },
    webhooks: [
      {
        name: 'validator.landbridge.dev',
        admissionReviewVersions: ['v1'],
        clientConfig: { service: { name: WEBHOOK_SERVICE, namespace: NAMESPACE, path: VALIDATOR_PATH, port: 443 } },
        rules: [
          {
            operations: ['CREATE', 'UPDATE'],
            apiGroups: [GROUP],
            apiVersions: [VERSION],
            resources: ['meshservices'],
            scope: 'Namespaced',
          },
        ],
        namespaceSelector: when<k8s.LabelSelector>(given(values.watchNamespaces), { matchExpressions: [watched] }),
        // The reconciler judges by the same function, and leaves Consul as it is: while no operator answers, people must
        // still be able to change and take out MeshServices.
        failurePolicy: 'Ignore',
        sideEffects: 'None',
        timeoutSeconds: 3,
      },
      {
        // Bridge and gateways believe the status, so rights on `meshservices/status`, which `*` of a role includes, must not be enough.
        name: 'status.landbridge.dev',
        admissionReviewVersions: ['v1'],
        clientConfig: { service: { name: WEBHOOK_SERVICE, namespace: NAMESPACE, path: VALIDATOR_PATH, port: 443 } },
        rules: [
          {
            operations: ['UPDATE'],
            apiGroups: [GROUP],
            apiVersions: [VERSION],
            resources: ['meshservices/status'],
            scope: 'Namespaced',
          },
        ],
        namespaceSelector: when<k8s.LabelSelector>(given(values.watchNamespaces), { matchExpressions: [watched] }),
        // The operator is asked about all writers but itself, and nobody else has a reason to write while it is away.
        matchConditions: [{ name: 'not-the-operator', expression: `request.userInfo.username != "${OPERATOR_USER}"` }],
        failurePolicy: 'Fail',
        sideEffects: 'None',
        timeoutSeconds: 3,
      },
    ],
  });
}
