import { SAMPLE_NAMESPACE } from '../../../lab/sample/in-cluster.ts';

/** A spec of the sample's image that the restricted standard admits. */
export function podSpec(
  args: string[],
  env: { name: string; value: string }[] = [],
  image = 'landbridge-sample/echo:dev',
) {
  return {
    automountServiceAccountToken: false,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 65532,
      runAsGroup: 65532,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [
      {
        name: 'app',
        image,
        imagePullPolicy: 'IfNotPresent',
        args,
        env,
        resources: { requests: { cpu: '5m', memory: '16Mi' } },
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        },
      },
    ],
  };
}

/** A pod that waits for connections; selected by `app: NAME`. */
export const podThatServes = (name: string, image?: string, args = ['--serve']) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: SAMPLE_NAMESPACE, labels: { app: name } },
  spec: podSpec(args, [], image),
});
