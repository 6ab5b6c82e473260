import type { k8s } from 'cdk8s-plus-27';
import { EXTERNAL_CONSUL_DIRECTORY } from '../mesh/installation/installation.ts';
import { processEnv } from './process-env.ts';
import { asText, every, type Expression, join, type Parts, when } from './template/expression.ts';
import { values, type ValuesTree } from './values/tree.ts';

const { externalConsul } = values;
const withToken = every(externalConsul.enabled, externalConsul.manageAcls);

/** Arguments of the bootstrap job. It finds the CA and the token of external servers as files. */
export const bootstrapEnv = processEnv({
  LANDBRIDGE_BRIDGE_ADVERTISE: join(values.bridge.advertise, ','),
  LANDBRIDGE_TOKEN_TTL: values.consul.tokenTtl,
  LANDBRIDGE_CONSUL_EXTERNAL: asText(externalConsul.enabled),
  LANDBRIDGE_CONSUL_MANAGE_ACLS: asText(externalConsul.manageAcls),
});

/** One volume, so that a key of either Secret has a fixed name in it. */
export const externalVolumes: readonly Expression<k8s.Volume>[] = [
  when<k8s.Volume>(externalConsul.enabled, {
    name: 'external-consul',
    projected: {
      defaultMode: 0o440,
      sources: [
        { secret: fileOf(externalConsul.ca, 'ca.crt') },
        when<k8s.VolumeProjection>(withToken, { secret: fileOf(externalConsul.token, 'token') }),
      ],
    },
  }),
];

export const externalMounts: readonly Expression<k8s.VolumeMount>[] = [
  when<k8s.VolumeMount>(externalConsul.enabled, {
    name: 'external-consul',
    mountPath: EXTERNAL_CONSUL_DIRECTORY,
    readOnly: true,
  }),
];

function fileOf(secret: ValuesTree['externalConsul']['ca'], path: string): Parts<k8s.SecretProjection> {
  return { name: secret.name, items: [{ key: secret.key, path }] };
}
