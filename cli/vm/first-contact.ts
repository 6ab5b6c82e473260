import { X509Certificate, createHash } from 'node:crypto';
import { type DetailedPeerCertificate, connect } from 'node:tls';

import { type Address, parseAddress } from '../../agent/machine/address.ts';
import { Problem, codeOf, messageOf } from '../../base/problem.ts';

const PATIENCE_MS = 5000;

export interface Contact {
  /** PEM. */
  bridgeCa: string;
  /** The one that answered. */
  bridge: Address;
}

/**
 * The bridge authority's certificate, from the first bridge that shows one with the invite's fingerprint. No request is sent here. Requests go over a new connection that trusts this authority alone. Throws a Problem that names each address and its failure.
 */
export async function firstContact(bridges: string[], caFingerprint: string): Promise<Contact> {
  const failures: string[] = [];
  for (const text of bridges) {
    const bridge = parseAddress(text);
    if (bridge === undefined) {
      failures.push(`${text}: not host:port`);
      continue;
    }
    try {
      const bridgeCa = (await shownChain(bridge)).find((raw) => fingerprintOf(raw) === caFingerprint.toLowerCase());
      if (bridgeCa) return { bridge, bridgeCa: new X509Certificate(bridgeCa).toString() };
      failures.push(`${text}: it is not the bridge that the invite names (its authority has another fingerprint)`);
    } catch (error) {
      failures.push(`${text}: ${codeOf(error) === 'ECONNREFUSED' ? 'connection refused' : messageOf(error)}`);
    }
  }
  throw new Problem(
    `No bridge of the invite can be used (${failures.join('; ')}). Can this machine reach these addresses, and is the invite for this installation?`,
  );
}

const fingerprintOf = (raw: Buffer): string => createHash('sha256').update(raw).digest('hex');

/** DER of each certificate that the server shows, its own first. */
function shownChain({ host, port }: Address): Promise<Buffer[]> {
  return new Promise((resolve, reject) => {
    // Not verified on purpose: the fingerprint decides.
    const socket = connect({ host, port, rejectUnauthorized: false, minVersion: 'TLSv1.3' });
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error(`no answer within ${PATIENCE_MS / 1000} s`)));
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      const chain: Buffer[] = [];
      let certificate: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
      while (certificate?.raw !== undefined && !chain.some((raw) => raw.equals(certificate!.raw))) {
        chain.push(certificate.raw);
        certificate = certificate.issuerCertificate;
      }
      socket.destroy();
      resolve(chain);
    });
  });
}
