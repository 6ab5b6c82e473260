import { X509Certificate, createPrivateKey, createPublicKey, webcrypto } from 'node:crypto';

import { Problem } from '../../base/problem.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' };
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' };

/** A new private key: EC P-256, PKCS#8, PEM. */
export async function makeKey(): Promise<string> {
  const { privateKey } = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  return pem('PRIVATE KEY', await webcrypto.subtle.exportKey('pkcs8', privateKey));
}

/** A certificate request for the key, PEM. The name is a courtesy: the bridge writes the subject. */
export async function makeRequest(key: string, host: string): Promise<string> {
  const secret = createPrivateKey(key);
  const der = secret.export({ type: 'pkcs8', format: 'der' });
  const open = createPublicKey(secret).export({ type: 'spki', format: 'der' });
  // Only now: it keeps 14 MB, in whatever process might ask for a certificate and does not.
  await import('reflect-metadata');
  const { Pkcs10CertificateRequestGenerator } = await import('@peculiar/x509');
  const request = await Pkcs10CertificateRequestGenerator.create(
    {
      name: `CN=${host}`,
      keys: {
        privateKey: await webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, true, ['sign']),
        publicKey: await webcrypto.subtle.importKey('spki', open, ALGORITHM, true, ['verify']),
      },
      signingAlgorithm: SIGNING,
    },
    webcrypto as Parameters<typeof Pkcs10CertificateRequestGenerator.create>[1],
  );
  return request.toString('pem');
}

export interface Validity {
  fromMs: number;
  untilMs: number;
}

/** Of the first certificate of a PEM chain, in wall-clock milliseconds. */
export function validityOf(chain: string): Validity {
  try {
    const { validFrom, validTo } = new X509Certificate(chain);
    return { fromMs: Date.parse(validFrom), untilMs: Date.parse(validTo) };
  } catch {
    throw new Problem("The host's certificate (host.crt) is damaged: join again with a new invite.");
  }
}

/** Past half its life: time to get a new one, with as much time again to fail in. */
export const isPastHalf = ({ fromMs, untilMs }: Validity, nowMs: number): boolean => nowMs >= (fromMs + untilMs) / 2;

const pem = (label: string, der: ArrayBuffer): string =>
  `-----BEGIN ${label}-----\n${Buffer.from(der)
    .toString('base64')
    .match(/.{1,64}/g)!
    .join('\n')}\n-----END ${label}-----\n`;
