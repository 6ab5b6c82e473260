import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { NAMESPACE, SECRETS } from '../mesh/installation.ts';
import { labels } from './labels.ts';
import { podTemplate } from './pod.ts';
import { processEnv } from './process-env.ts';
import { addRole, addServiceAccount } from './rbac.ts';
import { shortHash } from './short-hash.ts';
import type { Values } from './values.ts';

/**
 * Makes the Secrets that everything else waits for, then Consul's ACLs. A Job cannot be changed, so its name carries
 * what it is made of: applied again with the same values it is the same Job, with others it is a new one.
 */
export function addBootstrap(scope: Construct, values: Values): void {
  addServiceAccount(scope, 'bootstrap');
  addRole(scope, 'bootstrap', NAMESPACE, [
    // `create` cannot be limited by name.
    { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
    { apiGroups: [''], resources: ['secrets'], resourceNames: Object.values(SECRETS), verbs: ['get', 'patch'] },
  ]);
  const spec: k8s.JobSpec = {
    // Kubelet restarts it in place with a growing pause; Consul may take long to get its volume.
    backoffLimit: 100,
    template: podTemplate('bootstrap', values, {
      talksToKubernetes: true,
      restartPolicy: 'OnFailure',
      container: {
        name: 'bootstrap',
        image: values.images.landbridge,
        args: ['bootstrap'],
        env: processEnv(values, {
          LANDBRIDGE_BRIDGE_ADVERTISE: values.bridge.advertise.join(','),
          LANDBRIDGE_TOKEN_TTL: values.consul.tokenTtl,
        }),
        resources: {
          requests: { cpu: k8s.Quantity.fromString('50m'), memory: k8s.Quantity.fromString('64Mi') },
          limits: { memory: k8s.Quantity.fromString('256Mi') },
        },
        terminationMessagePolicy: 'FallbackToLogsOnError',
      },
    }),
  };
  new k8s.KubeJob(scope, 'bootstrap', {
    metadata: { name: `landbridge-bootstrap-${shortHash(spec)}`, namespace: NAMESPACE, labels: labels('bootstrap') },
    spec,
  });
}
