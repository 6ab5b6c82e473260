import { X509Certificate, createHash, createPrivateKey } from 'node:crypto';
import { isIP } from 'node:net';
import { expiresAtMs, issue, issueForCsr } from '../../clients/pki/authority.ts';

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
  /** SHA-256 of the signing CA certificate (DER), hex, as an invite carries it. */
  caFingerprint: string;
  /** Whether one of the CA certificates signed it. Says nothing about its validity in time. */
  issued(certificate: X509Certificate): boolean;
  /** PEM with the chain, for the key of a CSR that readCertificateRequest has accepted. */
  issueHost(identity: HostIdentity, csrPem: string, nowMs: number): Promise<string>;
  /** A new key and certificate (PEM with the chain) that names all of `names`. */
  issueServing(names: string[], nowMs: number): Promise<ServingCertificate>;
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
/** Agents renew at half of it. */
const HOST_CERTIFICATE_DAYS = 1;
export const SERVING_CERTIFICATE_DAYS = 30;

const hostUri = ({ site, host }: HostIdentity): string => `landbridge://${site}/${host}`;

/** Throws when certificate and key do not belong together or cannot be read. */
export function openAuthority(caCertificatePem: string, caKeyPem: string): Authority {
  const pems = caCertificatePem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const roots = pems.map((pem) => new X509Certificate(pem));
  const [root] = roots;
  if (root === undefined) throw new Error('ca.crt holds no certificate: it must be the PEM of the bridge CA');
  if (!root.checkPrivateKey(createPrivateKey(caKeyPem))) {
    throw new Error('ca.key is not the key of the first certificate in ca.crt: both come from the bootstrap job');
  }
  const ca = { certPem: pems[0]!, keyPem: caKeyPem };
  // The CA goes along: a host that has only its fingerprint, from an invite, finds it there.
  const withChain = (pem: string): string => `${pem}${ca.certPem}\n`;

  return {
    caPem: `${pems.join('\n')}\n`,
    caFingerprint: createHash('sha256').update(root.raw).digest('hex'),
    issued: (certificate) => roots.some((one) => certificate.checkIssued(one) && certificate.verify(one.publicKey)),
    async issueHost(identity, csrPem, nowMs) {
      const uris = [hostUri(identity)];
      const leaf = { commonName: identity.host, uris, usage: 'client' as const, nowMs, days: HOST_CERTIFICATE_DAYS };
      return withChain(await issueForCsr(ca, csrPem, leaf));
    },
    async issueServing(names, nowMs) {
      const { certPem, keyPem } = await issue(ca, {
        commonName: 'landbridge-bridge',
        dns: names.filter((name) => isIP(name) === 0),
        ips: names.filter((name) => isIP(name) !== 0),
        usage: 'server',
        nowMs,
        days: SERVING_CERTIFICATE_DAYS,
      });
      return { cert: withChain(certPem), key: keyPem, notAfterMs: expiresAtMs(certPem) };
    },
  };
}
