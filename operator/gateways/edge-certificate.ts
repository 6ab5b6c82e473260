import { X509Certificate, createPrivateKey, type KeyObject } from 'node:crypto';
import type { KubeClient } from '../../clients/kube/client.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { secrets } from '../../clients/kube/resources.ts';
import { secretText } from '../../clients/kube/secret.ts';
import type { Certificate } from '../../mesh/gateways/exposure.ts';

/** All hosts that are served over HTTPS share a listener, so when Envoy refuses one Secret it refuses all. */
const MAX_BYTES = 65_536;
const MAX_CERTIFICATES = 10;
const MAX_NAMES = 256;
/** Envoy and Consul take no shorter RSA keys, and a handshake with a longer one takes the time of many. */
const RSA_BITS = { least: 2048, most: 4096 };
const CURVES = ['prime256v1', 'secp384r1', 'secp521r1'];

/**
 * The certificate in a Secret, or the sentence of why it cannot be served: Consul or Envoy would refuse it, and with it what
 * else the gateway serves. Throws KubeError when the API server does not answer.
 */
export async function readCertificate(
  kube: Pick<KubeClient, 'get'>,
  key: string,
  now: number,
): Promise<Certificate | string> {
  const [namespace = '', name = ''] = key.split('/');
  const secret = await kube.get<KubeObject & { data?: Record<string, string> }>(secrets, name, namespace);
  if (secret === undefined) return `there is no Secret ${key}: make it with tls.crt and tls.key`;
  const pem = (file: string): string => secretText(secret, file).trim();
  const [certificate, privateKey] = [pem('tls.crt'), pem('tls.key')];
  if (!certificate || !privateKey) return `Secret ${key} lacks tls.crt or tls.key`;
  const read = pairOf(certificate, privateKey, now);
  return typeof read === 'string' ? `Secret ${key}: ${read}` : read;
}

function pairOf(certificatePem: string, keyPem: string, now: number): Certificate | string {
  if (certificatePem.length > MAX_BYTES) return `tls.crt has ${certificatePem.length} bytes: ${MAX_BYTES} at most`;
  const chain = chainOf(certificatePem);
  if (typeof chain === 'string') return chain;
  const leaf = chain[0]!;
  const key = keyOf(keyPem);
  if (key === undefined) return 'tls.key is no private key in PEM, or is locked by a passphrase';
  if (!leaf.checkPrivateKey(key)) {
    return chain.some((one) => one.checkPrivateKey(key))
      ? 'tls.crt has another certificate before that of tls.key: put the one of the server first, then who signed it'
      : 'tls.key is not the key of tls.crt';
  }
  const problem = keyProblem(key) ?? usageProblem(leaf, key);
  if (problem !== undefined) return problem;
  if (Date.parse(leaf.validTo) <= now) return `tls.crt ran out at ${leaf.validTo}: renew it`;
  if (commonNames(leaf).includes('')) return 'tls.crt has a common name that is empty: leave it out, or give one';
  const names = namesOf(leaf);
  if (names.length > MAX_NAMES) return `tls.crt is for ${names.length} names: ${MAX_NAMES} at most`;
  // Written again, so that other text in the files reaches nobody.
  return {
    certificate: chain.map((one) => one.toString()).join(''),
    privateKey: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    names,
  };
}

/** Envoy refuses a chain with a block that it cannot read, wherever the block stands. */
function chainOf(pem: string): X509Certificate[] | string {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length > MAX_CERTIFICATES) return `tls.crt has ${blocks.length} certificates: ${MAX_CERTIFICATES} at most`;
  try {
    const chain = blocks.map((block) => new X509Certificate(block));
    return chain.length === 0 ? 'tls.crt is no certificate in PEM' : chain;
  } catch {
    return 'tls.crt is no certificate in PEM';
  }
}

function keyOf(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}

function keyProblem({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): string | undefined {
  if (type === 'ec') {
    const curve = details?.namedCurve ?? 'an unknown curve';
    return CURVES.includes(curve) ? undefined : `its key is of ${curve}: take one of P-256, P-384 or P-521`;
  }
  if (type !== 'rsa') return `its key is of type ${type}: take one of RSA, or of P-256`;
  const bits = details?.modulusLength ?? 0;
  if (bits < RSA_BITS.least) return `its RSA key has ${bits} bits: take one of ${RSA_BITS.least} or more`;
  return bits > RSA_BITS.most ? `its RSA key has ${bits} bits: take one of ${RSA_BITS.most} or fewer` : undefined;
}

/** Extension 2.5.29.15, critical or not: a bit string whose first bit is digitalSignature. */
const KEY_USAGE = /\x06\x03\x55\x1d\x0f(?:\x01\x01[^])?\x04[\x03-\x04]\x03[\x02-\x03][^]([^])/;

function usageProblem(leaf: X509Certificate, { asymmetricKeyType }: KeyObject): string | undefined {
  const usage = KEY_USAGE.exec(leaf.raw.toString('latin1'))?.[1];
  if (asymmetricKeyType !== 'ec' || usage === undefined || (usage.charCodeAt(0) & 0x80) !== 0) return undefined;
  return 'tls.crt may not be used for digital signatures, by its key usage: Envoy serves none such';
}

const commonNames = ({ subject }: X509Certificate): string[] =>
  [...(subject ?? '').matchAll(/(?:^|\n)CN=([^\n]*)/g)].map(([, name = '']) => name);

/** Names that it is for: those of hosts, or else its common name. */
function namesOf(leaf: X509Certificate): string[] {
  // Node writes a name with a comma or a quote in it as JSON.
  const parts = [...(leaf.subjectAltName ?? '').matchAll(/(?:^|, )DNS:("(?:[^"\\]|\\.)*"|[^,]*)/g)];
  const dns = parts.map(([, name = '']) => (name.startsWith('"') ? (JSON.parse(name) as string) : name));
  const names = dns.length > 0 ? dns : commonNames(leaf);
  return names.map((name) => name.toLowerCase().replace(/\.$/, ''));
}
