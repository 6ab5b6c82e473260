import type { KubeClient } from '../clients/kube/client.ts';
import { KubeError } from '../clients/kube/errors.ts';
import { MUTUAL_TLS, type MutualTLS } from '../crds/doors.ts';
import { DEFAULT_MUTUAL_TLS_KEY, SECRETS } from '../mesh/installation/installation.ts';
import { readSecret } from './check/certificates.ts';
import { type Deployment, envOf } from './check/look.ts';

export interface InstallationMode {
  mode: MutualTLS;
  /** After "since". */
  because: string;
}

/** The mode of MeshServices that do not say it, as the operator finds it: from its settings, else from the mark in its Secret. */
export async function installationMode(kube: KubeClient, operator: Deployment | undefined): Promise<InstallationMode> {
  const setting = envOf(operator, 'LANDBRIDGE_DEFAULT_MUTUAL_TLS');
  if (setting === undefined)
    return { mode: 'Permissive', because: 'the operator that runs is of a version that closes no ports' };
  const set = MUTUAL_TLS.find((mode) => mode === setting);
  if (set !== undefined) return { mode: set, because: `the value defaultMutualTLS is ${set}` };
  const mark = await readSecret(kube, SECRETS.operator, DEFAULT_MUTUAL_TLS_KEY).catch((error: unknown) => {
    if (error instanceof KubeError && error.code === 403) return undefined;
    throw error;
  });
  return mark === 'Strict'
    ? { mode: 'Strict', because: 'the installation was new with the value defaultMutualTLS' }
    : {
        mode: 'Permissive',
        because: 'the installation was upgraded from a version without the value defaultMutualTLS, which is not set',
      };
}
