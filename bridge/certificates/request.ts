import 'reflect-metadata';
import { createHash, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { Refusal } from '../refusal.ts';

/** The key of a PKCS#10 request. Its subject is not read. */
export interface RequestedKey {
  /** The request itself, PEM. */
  csr: string;
  /** SHA-256 of the DER SubjectPublicKeyInfo, hex: how the bridge names a key. */
  fingerprint: string;
}

const ADVICE = 'send a PKCS#10 request in PEM, of an ECDSA P-256 key, signed with that key';

/** Refuses bytes that are not a request, another type of key, and a request that its own key did not sign. */
export async function readCertificateRequest(pem: string): Promise<RequestedKey> {
  const request = parse(pem);
  const algorithm = request.publicKey.algorithm as { name: string; namedCurve?: string };
  if (algorithm.name !== 'ECDSA' || algorithm.namedCurve !== 'P-256') {
    throw new Refusal('badCertificateRequest', `csr: the key is of another kind; ${ADVICE}`);
  }
  const signed = await request.verify(webcrypto as never).catch(() => false);
  if (!signed) throw new Refusal('badCertificateRequest', `csr: the signature does not fit the key; ${ADVICE}`);
  return { csr: pem, fingerprint: keyFingerprint(request.publicKey.rawData) };
}

function parse(pem: string): x509.Pkcs10CertificateRequest {
  try {
    const request = new x509.Pkcs10CertificateRequest(pem);
    // Decoded lazily: a key that cannot be read has to show here.
    void request.publicKey.algorithm;
    return request;
  } catch {
    throw new Refusal('badCertificateRequest', `csr: cannot be read; ${ADVICE}`);
  }
}

/** SHA-256 of a DER SubjectPublicKeyInfo, hex. */
export const keyFingerprint = (spki: ArrayBuffer | Uint8Array): string =>
  createHash('sha256').update(new Uint8Array(spki)).digest('hex');

/** Enough of a fingerprint for people to compare. */
export const shortFingerprint = (fingerprint: string): string => fingerprint.slice(0, 16);
