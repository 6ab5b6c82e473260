import type { KubeClient } from '../../clients/kube/client.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { secrets } from '../../clients/kube/resources.ts';
import { secretText } from '../../clients/kube/secret.ts';
import { NAMESPACE, SECRETS, WEBHOOK_SECRET } from '../../mesh/installation/installation.ts';
import { type Check, failed, ok } from './check.ts';
import { certificateDays } from './days-left.ts';

/**
 * Certificates that end. The operator replaces its own in the last third of their life (of 90 days, of ten years), the bootstrap
 * job the others on each run: a warning means that this did not happen, with time left to see to it.
 */
const CERTIFICATES = [
  { what: "the webhook's CA", secret: WEBHOOK_SECRET, key: 'ca.crt', warnDays: 365, optional: false },
  { what: "the webhook's certificate", secret: WEBHOOK_SECRET, key: 'tls.crt', warnDays: 25, optional: false },
  { what: "Consul's CA", secret: SECRETS.consulCa, key: 'ca.crt', warnDays: 365, optional: true },
  {
    what: "the Consul server's certificate",
    secret: SECRETS.consulServer,
    key: 'tls.crt',
    warnDays: 90,
    optional: true,
  },
  { what: "the bridge's CA", secret: SECRETS.bridge, key: 'ca.crt', warnDays: 365, optional: true },
  { what: "the admins' certificate", secret: SECRETS.bridgeAdmin, key: 'tls.crt', warnDays: 90, optional: true },
] as const;

export const certificateChecks: Check[] = CERTIFICATES.map(({ what, secret, key, warnDays, optional }) => ({
  name: `${what} is good for a while`,
  hint: 'certificate-ends-soon',
  async run({ kube, nowMs }) {
    const pem = await readSecret(kube, secret, key);
    if (pem !== undefined) return certificateDays(pem, warnDays, nowMs());
    return optional ? ok('not part of this installation') : failed(`there is no Secret ${NAMESPACE}/${secret}`);
  },
}));

/** One key of one of the installation's Secrets; undefined when there is no such Secret. */
export async function readSecret(kube: KubeClient, name: string, key: string): Promise<string | undefined> {
  const secret = await kube.get<KubeObject & { data?: Record<string, string> }>(secrets, name, NAMESPACE);
  return secret && secretText(secret, key);
}
