import { X509Certificate } from 'node:crypto';
import { request } from 'node:https';
import { isIP } from 'node:net';
import { type PeerCertificate, type TLSSocket, checkServerIdentity } from 'node:tls';
import type { ConsulTarget } from './look.ts';

/** The facts about an HTTPS server before anybody trusts it. */
export interface ServerLook {
  /** Why its certificate is not to be trusted: an unknown CA, an ended certificate. */
  untrusted?: string;
  /** Why it is not the server one meant: the names in its certificate. */
  misnamed?: string;
  /** PEM. */
  certificate: string;
  /** Its clock, ms, cut to whole seconds. */
  dateMs?: number;
  status: number;
  body: string;
}

const ANSWER_MS = 8000;

/** Asks for `path` without trusting the server, and says what there would be to distrust. Throws when nothing answers. */
export function lookAtServer({ address, caPem, serverName }: ConsulTarget, path: string): Promise<ServerLook> {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '');
  const expected = serverName ?? host;
  return new Promise((resolve, reject) => {
    const asked = request({
      host,
      port: Number(address.slice(colon + 1)),
      path,
      agent: false,
      ...(caPem === undefined ? {} : { ca: caPem }),
      ...(isIP(expected) === 0 ? { servername: expected } : {}),
      // Nothing secret is sent; the verdict is what is wanted.
      rejectUnauthorized: false,
    });
    const late = setTimeout(() => asked.destroy(new Error(`no answer within ${ANSWER_MS / 1000} s`)), ANSWER_MS);
    asked.once('error', (error) => reject(new Error(`${address}: ${error.message}`, { cause: error })));
    asked.once('close', () => clearTimeout(late));
    asked.once('response', (response) => {
      const socket = response.socket as TLSSocket;
      const peer: PeerCertificate = socket.getPeerCertificate();
      const date = Date.parse(response.headers.date ?? '');
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => {
        const misnamed = checkServerIdentity(expected, peer)?.message;
        const code = socket.authorizationError as unknown as string | Error | null;
        // With rejectUnauthorized off, a wrong name shows here as well. The identity check tells it apart.
        const untrusted = code ? String(code instanceof Error ? code.message : code) : undefined;
        resolve({
          ...(untrusted === undefined || /ALTNAME/.test(untrusted) ? {} : { untrusted }),
          ...(misnamed === undefined ? {} : { misnamed }),
          certificate: new X509Certificate(peer.raw).toString(),
          ...(Number.isNaN(date) ? {} : { dateMs: date }),
          status: response.statusCode ?? 0,
          body: Buffer.concat(chunks).toString('utf8').slice(0, 1000),
        });
      });
    });
    asked.end();
  });
}
