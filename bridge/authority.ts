import 'reflect-metadata';
import { X509Certificate, createHash, createPrivateKey, randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';

/**
 * The bridge's own certificate authority. Three kinds of certificate come from it:
 *
 * | certificate | subject              | alternative names          | made by                        |
 * |-------------|----------------------|----------------------------|--------------------------------|
 * | serving     | CN=landbridge-bridge | where it is reached        | the bridge, for itself         |
 * | host        | CN=HOST              | URI landbridge://SITE/HOST | the bridge, on join and renew  |
 * | admin       | O=landbridge-admin   | none                       | the installation's bootstrap   |
 */
export interface Authority {
  /** PEM of the CA certificates; the first one signs. */
  caPem: string;
  /** SHA-256 of the signing CA certificate (DER), hex: what an invite carries. */
  caFingerprint: string;
  /** Whether one of the CA certificates signed it. Says nothing about its validity in time. */
  issued(certificate: X509Certificate): boolean;
  /** PEM with the chain, for one host. */
  issueHost(identity: HostIdentity, publicKey: x509.PublicKey, lifetimeMs: number, nowMs: number): Promise<string>;
  /** A new key and certificate (PEM with the chain) that names all of `names`. */
  issueServing(names: string[], lifetimeMs: number, nowMs: number): Promise<ServingCertificate>;
}

export interface HostIdentity {
  site: string;
  host: string;
}

export interface ServingCertificate {
  cert: string;
  key: string;
  notAfterMs: number;
}

export const ADMIN_ORGANISATION = 'landbridge-admin';
export const HOST_CERTIFICATE_MS = 24 * 3_600_000;

const EC_P256 = { name: 'ECDSA', namedCurve: 'P-256' } as const;
/** Clocks of bridge and host may differ a little. */
const BACKDATE_MS = 300_000;

export const hostUri = ({ site, host }: HostIdentity): string => `landbridge://${site}/${host}`;

/** Throws when certificate and key do not belong together or cannot be read. */
export async function openAuthority(caCertificatePem: string, caKeyPem: string): Promise<Authority> {
  x509.cryptoProvider.set(webcrypto);
  const pems = caCertificatePem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const roots = pems.map((pem) => new X509Certificate(pem));
  const [root] = roots;
  if (root === undefined) throw new Error('ca.crt holds no certificate: it must be the PEM of the bridge CA');
  const privateKey = createPrivateKey(caKeyPem);
  if (!root.checkPrivateKey(privateKey)) throw new Error('ca.key is not the key of the first certificate in ca.crt');
  const curve = privateKey.asymmetricKeyDetails?.namedCurve;
  if (curve !== 'prime256v1') throw new Error(`ca.key must be an ECDSA P-256 key, not ${curve ?? 'another kind'}`);
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' });
  const signingKey = await webcrypto.subtle.importKey('pkcs8', pkcs8, EC_P256, false, ['sign']);
  const issuer = new x509.X509Certificate(root.raw);
  const chain = pems[0]!;

  const issue = async (input: {
    subject: string;
    publicKey: x509.PublicKey;
    names: x509.JsonGeneralNames;
    usage: x509.ExtendedKeyUsage;
    lifetimeMs: number;
    nowMs: number;
  }): Promise<string> => {
    // Never outlives what it hangs from.
    const notAfterMs = Math.min(input.nowMs + input.lifetimeMs, issuer.notAfter.getTime());
    const certificate = await x509.X509CertificateGenerator.create({
      // Positive and not beginning with a zero octet, RFC 5280 4.1.2.2.
      serialNumber: `01${randomBytes(15).toString('hex')}`,
      subject: input.subject,
      issuer: issuer.subjectName.toJSON(),
      notBefore: new Date(input.nowMs - BACKDATE_MS),
      notAfter: new Date(notAfterMs),
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
      publicKey: input.publicKey,
      signingKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([input.usage]),
        new x509.SubjectAlternativeNameExtension(input.names),
        await x509.SubjectKeyIdentifierExtension.create(input.publicKey),
        await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      ],
    });
    return `${certificate.toString('pem')}\n${chain}\n`;
  };

  return {
    caPem: `${pems.join('\n')}\n`,
    caFingerprint: createHash('sha256').update(root.raw).digest('hex'),
    issued: (certificate) => roots.some((ca) => certificate.checkIssued(ca) && certificate.verify(ca.publicKey)),
    issueHost: (identity, publicKey, lifetimeMs, nowMs) =>
      issue({
        subject: `CN=${identity.host}`,
        publicKey,
        names: [{ type: 'url', value: hostUri(identity) }],
        usage: x509.ExtendedKeyUsage.clientAuth,
        lifetimeMs,
        nowMs,
      }),
    async issueServing(names, lifetimeMs, nowMs) {
      const keys = await webcrypto.subtle.generateKey(EC_P256, true, ['sign', 'verify']);
      const cert = await issue({
        subject: 'CN=landbridge-bridge',
        publicKey: new x509.PublicKey(await webcrypto.subtle.exportKey('spki', keys.publicKey)),
        names: names.map((value) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value })),
        usage: x509.ExtendedKeyUsage.serverAuth,
        lifetimeMs,
        nowMs,
      });
      const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
      const key = x509.PemConverter.encode(der, 'PRIVATE KEY');
      return { cert, key, notAfterMs: Date.parse(new X509Certificate(cert).validTo) };
    },
  };
}
