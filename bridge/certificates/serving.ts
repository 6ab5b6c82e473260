import { constants } from 'node:crypto';
import type { Server } from 'node:https';
import type { SecureContextOptions } from 'node:tls';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { type Authority, SERVING_CERTIFICATE_DAYS, type ServingCertificate } from './authority.ts';

const DAY_MS = 24 * 3_600_000;
const HALF_LIFE_MS = (SERVING_CERTIFICATE_DAYS * DAY_MS) / 2;
const RETRY_MS = 60_000;

/** Every name under which a bridge is reached: its advertised addresses, its Kubernetes Service, and loopback. */
export function servingNames(advertise: string[], namespace: string): string[] {
  const hosts = advertise.map((address) => address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, ''));
  const service = 'landbridge-bridge';
  const inside = [service, `${service}.${namespace}`, `${service}.${namespace}.svc`, 'localhost', '127.0.0.1'];
  return [...new Set([...hosts, ...inside])];
}

/** All options each time, since a new context sets missing ones back to Node's default. */
export const servingContext = (authority: Pick<Authority, 'caPem'>, { cert, key }: ServingCertificate) =>
  ({
    cert,
    key,
    ca: authority.caPem,
    minVersion: 'TLSv1.2',
    // No session is resumed: every connection shows its certificate in its own handshake.
    secureOptions: constants.SSL_OP_NO_TICKET,
  }) satisfies SecureContextOptions;

/** Replaces the serving certificate at half its life, for new connections at once, until the signal aborts. */
export async function renewServing(
  server: Pick<Server, 'setSecureContext'>,
  authority: Authority,
  names: string[],
  first: ServingCertificate,
  { clock, log }: { clock: Clock; log: Log },
  signal: AbortSignal,
): Promise<void> {
  let { notAfterMs } = first;
  while (!signal.aborted) {
    // Node's timers cannot wait for more than 24.8 days, nor should a changed clock be noticed so late.
    const dueMs = notAfterMs - HALF_LIFE_MS - clock.now();
    await clock.wait(Math.min(Math.max(dueMs, RETRY_MS), DAY_MS), signal);
    if (signal.aborted || notAfterMs - clock.now() > HALF_LIFE_MS) continue;
    try {
      const next = await authority.issueServing(names, clock.now());
      server.setSecureContext(servingContext(authority, next));
      notAfterMs = next.notAfterMs;
      log.info({ notAfter: new Date(notAfterMs).toISOString() }, 'serving certificate renewed');
    } catch (error) {
      log.error({ err: error }, 'renewing the serving certificate failed');
    }
  }
}
