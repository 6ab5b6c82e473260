import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { ADMIN_ORGANISATION, type Authority, type HostIdentity } from '../certificates/authority.ts';
import { keyFingerprint } from '../certificates/request.ts';
import { Refusal } from '../refusal.ts';

/** The peer of a connection, by its client certificate. */
export type Peer =
  | { kind: 'nobody' }
  | ({ kind: 'host'; fingerprint: string; notAfterMs: number } & HostIdentity)
  | { kind: 'admin'; fingerprint: string; notAfterMs: number };

export type PeerReader = (socket: TLSSocket) => Peer;

/**
 * Reads the client certificate of a connection, once for each connection. The handshake has proved that the peer holds
 * the key. Signature, time and names are judged here and not by OpenSSL, because a host whose certificate has run out
 * may still renew it (see handlers/renew.ts). Throws a Refusal for a certificate of another authority.
 */
export function peerReader(authority: Authority): PeerReader {
  const read = new WeakMap<TLSSocket, Peer>();
  return (socket) => {
    const known = read.get(socket);
    if (known !== undefined) return known;
    const raw = socket.getPeerCertificate()?.raw as Buffer | undefined;
    const peer: Peer = raw === undefined ? { kind: 'nobody' } : peerOf(new X509Certificate(raw), authority);
    read.set(socket, peer);
    return peer;
  };
}

const HOST_URI = /(?:^|, )URI:landbridge:\/\/([a-z0-9-]{1,63})\/([a-z0-9-]{1,63})(?:$|, )/;

function peerOf(certificate: X509Certificate, authority: Authority): Peer {
  if (!authority.issued(certificate)) {
    throw new Refusal(
      'certificateUnknown',
      'the client certificate is not from this bridge: use the one that join gave, or that of the Secret landbridge-bridge-admin',
    );
  }
  const notAfterMs = Date.parse(certificate.validTo);
  const fingerprint = keyFingerprint(certificate.publicKey.export({ type: 'spki', format: 'der' }));
  const uri = HOST_URI.exec(certificate.subjectAltName ?? '');
  if (uri !== null) return { kind: 'host', site: uri[1]!, host: uri[2]!, fingerprint, notAfterMs };
  if (certificate.subject.split('\n').includes(`O=${ADMIN_ORGANISATION}`)) {
    return { kind: 'admin', fingerprint, notAfterMs };
  }
  throw new Refusal(
    'certificateUnknown',
    'the client certificate names neither a host nor an admin: use the one that join gave, or that of the Secret landbridge-bridge-admin',
  );
}
