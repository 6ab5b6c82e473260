import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { createAuthority, issue, type KeyPair } from '../../../clients/pki/authority.ts';

const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;

export interface ClusterCertificates {
  caPem: string;
  server: KeyPair;
  /** Signs service account tokens. */
  serviceAccount: { publicPem: string; keyPem: string };
  /** A client certificate: the API server takes CN for the user and each O for a group. */
  client(user: string, groups: string[]): Promise<KeyPair>;
}

/** A CA of its own with what an API server on 127.0.0.1 needs, good for a day. */
export async function clusterCertificates(): Promise<ClusterCertificates> {
  const lifetime = { nowMs: Date.now(), days: 1 };
  const authority = await createAuthority('test cluster', lifetime);
  const server = {
    ...lifetime,
    commonName: 'kube-apiserver',
    dns: ['localhost'],
    ips: ['127.0.0.1'],
    usage: 'server' as const,
  };
  return {
    caPem: authority.certPem,
    server: await issue(authority, server),
    serviceAccount: await signingKeys(),
    client: (user, groups) => clientCertificate(authority, user, groups),
  };
}

async function clientCertificate(authority: KeyPair, user: string, groups: string[]): Promise<KeyPair> {
  const ca = new x509.X509Certificate(authority.certPem);
  const [der] = x509.PemConverter.decode(authority.keyPem);
  const keys = await webcrypto.subtle.generateKey(EC, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [user] }, ...groups.map((group) => ({ O: [group] }))],
    issuer: ca.subject,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + DAY_MS),
    publicKey: keys.publicKey,
    signingKey: await webcrypto.subtle.importKey('pkcs8', der!, EC, false, ['sign']),
    signingAlgorithm: EC,
    extensions: [new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth])],
  });
  return { certPem: certificate.toString('pem'), keyPem: await pemOf(keys.privateKey, 'pkcs8') };
}

async function signingKeys(): Promise<{ publicPem: string; keyPem: string }> {
  const keys = await webcrypto.subtle.generateKey(EC, true, ['sign', 'verify']);
  return { publicPem: await pemOf(keys.publicKey, 'spki'), keyPem: await pemOf(keys.privateKey, 'pkcs8') };
}

async function pemOf(key: webcrypto.CryptoKey, format: 'pkcs8' | 'spki'): Promise<string> {
  const der = await webcrypto.subtle.exportKey(format, key);
  return `${x509.PemConverter.encode(der, format === 'spki' ? 'PUBLIC KEY' : 'PRIVATE KEY')}\n`;
}
