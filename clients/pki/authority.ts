import { X509Certificate, webcrypto } from 'node:crypto';
import type * as X509 from '@peculiar/x509';

type CryptoKey = webcrypto.CryptoKey;

/** Loaded with the first certificate that is made: it keeps 14 MB, and most processes make none in their life. */
async function loadX509(): Promise<typeof X509> {
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  x509.cryptoProvider.set(webcrypto as never);
  return x509;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
/** Clocks of the two ends may differ: certificates begin this long before now. A machine an hour behind still joins. */
const BACKDATE_MS = 2 * 3_600_000;

/** A certificate and its key, PEM. */
export interface KeyPair {
  certPem: string;
  keyPem: string;
}

export interface Lifetime {
  nowMs: number;
  days: number;
}

/** A self-signed CA (ECDSA P-256) that may sign end-entity certificates only. */
export async function createAuthority(commonName: string, lifetime: Lifetime): Promise<KeyPair> {
  const [x509, keys] = [await loadX509(), await newKeys()];
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: `CN=${commonName}`,
    ...validity(lifetime),
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certPem: pem(certificate), keyPem: await privatePem(keys.privateKey) };
}

export interface LeafInput extends Lifetime {
  commonName: string;
  organization?: string;
  dns?: string[];
  ips?: string[];
  uris?: string[];
  usage: 'server' | 'client' | 'both';
}

/** A certificate with a new key of its own. */
export async function issue(authority: KeyPair, input: LeafInput): Promise<KeyPair> {
  const keys = await newKeys();
  return { certPem: await sign(authority, input, keys.publicKey), keyPem: await privatePem(keys.privateKey) };
}

/** A certificate for the public key of a CSR. Nothing else of the CSR is used. Throws when its signature does not hold. */
export async function issueForCsr(authority: KeyPair, csrPem: string, input: LeafInput): Promise<string> {
  const x509 = await loadX509();
  const csr = new x509.Pkcs10CertificateRequest(csrPem);
  if (!(await csr.verify())) throw new Error('the signature of the certificate request does not hold');
  return sign(authority, input, await csr.publicKey.export());
}

/** When a certificate ends, ms since the epoch. */
export const expiresAtMs = (certPem: string): number => Date.parse(new X509Certificate(certPem).validTo);

/** True when two thirds of its life are over, or it has not begun: it was made under a clock that was ahead. */
export function isDue(certPem: string, nowMs: number): boolean {
  const certificate = new X509Certificate(certPem);
  const from = Date.parse(certificate.validFrom);
  const to = Date.parse(certificate.validTo);
  return nowMs < from || nowMs >= from + ((to - from) * 2) / 3;
}

async function sign(authority: KeyPair, input: LeafInput, publicKey: CryptoKey): Promise<string> {
  const x509 = await loadX509();
  const issuer = new x509.X509Certificate(authority.certPem);
  const usages = {
    server: [x509.ExtendedKeyUsage.serverAuth],
    client: [x509.ExtendedKeyUsage.clientAuth],
    both: [x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth],
  }[input.usage];
  const names: X509.JsonGeneralNames = [
    ...(input.dns ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(input.ips ?? []).map((value) => ({ type: 'ip' as const, value })),
    ...(input.uris ?? []).map((value) => ({ type: 'url' as const, value })),
  ];
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: subjectOf(input),
    issuer: issuer.subject,
    ...validity(input),
    publicKey,
    signingKey: await importPrivate(authority.keyPem),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(usages),
      ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  return pem(certificate);
}

const subjectOf = ({ commonName, organization }: LeafInput): X509.JsonName => [
  { CN: [commonName] },
  ...(organization === undefined ? [] : [{ O: [organization] }]),
];

const newKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);

const newSerial = (): string => Buffer.from(webcrypto.getRandomValues(new Uint8Array(16))).toString('hex');

const validity = ({ nowMs, days }: Lifetime) => ({
  notBefore: new Date(nowMs - BACKDATE_MS),
  notAfter: new Date(nowMs + days * DAY_MS),
});

const pem = (certificate: X509.X509Certificate): string => `${certificate.toString('pem').trim()}\n`;

async function privatePem(key: CryptoKey): Promise<string> {
  const der = await webcrypto.subtle.exportKey('pkcs8', key);
  const { PemConverter } = await loadX509();
  return `${PemConverter.encode(der, 'PRIVATE KEY').trim()}\n`;
}

async function importPrivate(keyPem: string): Promise<CryptoKey> {
  const { PemConverter } = await loadX509();
  const [der] = PemConverter.decode(keyPem);
  if (der === undefined) throw new Error('the CA key is not PEM');
  return webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
}
