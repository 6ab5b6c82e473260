import { k8s } from 'cdk8s-plus-27';
import { NAMESPACE, SECRETS } from '../mesh/installation/installation.ts';
import { bootstrapEnv, externalMounts, externalVolumes } from './external-consul.ts';
import { labels } from './labels.ts';
import { imageOf, podTemplate } from './pod.ts';
import { addRole, addServiceAccount } from './rbac.ts';
import { hashOf, type Parts, text } from './template/expression.ts';
import type { Target } from './template/target.ts';

/**
 * Makes the Secrets that everything else waits for, then Consul's ACLs. A Job cannot be changed, so its name carries
 * what it is made of: applied again with the same values it is the same Job, with others it is a new one.
 */
export function addBootstrap(target: Target): void {
  addServiceAccount(target, 'bootstrap');
  addRole(target, 'bootstrap', NAMESPACE, [
    // `create` cannot be limited by name.
    { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
    { apiGroups: [''], resources: ['secrets'], resourceNames: Object.values(SECRETS), verbs: ['get', 'patch'] },
  ]);
  const spec: Parts<k8s.JobSpec> = {
    // Kubelet restarts it in place with a growing pause; Consul may take long to get its volume.
    backoffLimit: 100,
    template: podTemplate('bootstrap', {
      talksToKubernetes: true,
      restartPolicy: 'OnFailure',
      container: {
        name: 'bootstrap',
        image: imageOf('landbridge'),
        args: ['bootstrap'],
        env: bootstrapEnv,
        resources: {
          requests: { cpu: k8s.Quantity.fromString('50m'), memory: k8s.Quantity.fromString('64Mi') },
          limits: { memory: k8s.Quantity.fromString('256Mi') },
        },
        terminationMessagePolicy: 'FallbackToLogsOnError',
        volumeMounts: externalMounts,
      },
      volumes: externalVolumes,
    }),
  };
  target.add(k8s.KubeJob, 'bootstrap', {
    metadata: {
      name: text`landbridge-bootstrap-${hashOf(spec)}`,
      namespace: NAMESPACE,
      labels: labels('bootstrap'),
    },
    spec,
  });
}
