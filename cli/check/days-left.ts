import { X509Certificate } from 'node:crypto';
import { type Verdict, failed, ok, warning } from './check.ts';

const DAY_MS = 86_400_000;

/** How long a certificate is good for; of several in one PEM the first, which is the leaf of a chain and the newest of CAs. */
export function certificateDays(pem: string, warnDays: number, nowMs: number): Verdict {
  const first = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(pem)?.[0];
  if (first === undefined) return failed('it holds no certificate');
  const { validFrom, validTo } = new X509Certificate(first);
  if (Date.parse(validFrom) > nowMs) return failed(`it is good only from ${validFrom} on: do the clocks agree?`);
  const days = (Date.parse(validTo) - nowMs) / DAY_MS;
  if (days <= 0) return failed(`it ended ${Math.ceil(-days)} days ago`);
  const words = `${Math.floor(days)} days left`;
  return days < warnDays ? warning(words) : ok(words);
}
