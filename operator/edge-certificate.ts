import { X509Certificate, createPrivateKey } from 'node:crypto';
import type { KubeClient } from '../clients/kube/client.ts';
import type { KubeObject } from '../clients/kube/object.ts';
import { secrets } from '../clients/kube/resources.ts';
import type { Certificate } from '../mesh/edge.ts';

/** Envoy and Consul take no shorter RSA keys. */
const RSA_BITS = 2048;

/**
 * The certificate in a Secret, or the sentence of why it cannot be served: Consul would refuse it, and with it what else
 * the gateway serves. Throws KubeError when the API server does not answer.
 */
export async function readCertificate(
  kube: Pick<KubeClient, 'get'>,
  key: string,
  now: number,
): Promise<Certificate | string> {
  const [namespace = '', name = ''] = key.split('/');
  const secret = await kube.get<KubeObject & { data?: Record<string, string> }>(secrets, name, namespace);
  if (secret === undefined) return `there is no Secret ${key}: make it with tls.crt and tls.key`;
  const pem = (file: string): string =>
    Buffer.from(secret.data?.[file] ?? '', 'base64')
      .toString()
      .trim();
  const [certificate, privateKey] = [pem('tls.crt'), pem('tls.key')];
  if (!certificate || !privateKey) return `Secret ${key} lacks tls.crt or tls.key`;
  const problem = pairProblem(certificate, privateKey, now);
  return problem === undefined
    ? { certificate: `${certificate}\n`, privateKey: `${privateKey}\n` }
    : `Secret ${key}: ${problem}`;
}

function pairProblem(certificatePem: string, keyPem: string, now: number): string | undefined {
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(certificatePem);
  } catch {
    return 'tls.crt is no certificate in PEM';
  }
  try {
    if (!leaf.checkPrivateKey(createPrivateKey(keyPem))) return 'tls.key is not the key of tls.crt';
  } catch {
    return 'tls.key is no private key in PEM, or is locked by a passphrase';
  }
  const bits = leaf.publicKey.asymmetricKeyDetails?.modulusLength;
  if (bits !== undefined && bits < RSA_BITS) return `its RSA key has ${bits} bits: take one of ${RSA_BITS} or more`;
  if (Date.parse(leaf.validTo) <= now) return `tls.crt ran out at ${leaf.validTo}: renew it`;
  return undefined;
}
