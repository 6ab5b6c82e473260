/** The content of the webhook's Secret, as far as rotation looks at it. */
export interface CertificateFacts {
  /** Newest CA first: two thirds of its life are over. */
  caDue: boolean;
  /** The number of CAs in the bundle of clients. */
  trusted: number;
  /** Older CAs among them that have expired. */
  expired: number;
  servingDue: boolean;
  /** The serving certificate is signed by the newest CA. */
  servingByNewest: boolean;
  /** The API server has the whole bundle, and has had time to load it. */
  bundleSettled: boolean;
}

export type CertificateStep = 'addCa' | 'issueServing' | 'dropExpired' | 'none';

/**
 * The next step of a rotation, one at a time, so that at every moment the serving certificate is signed by a CA that
 * the API server already trusts:
 *
 *   CA due -> addCa (bundle = new + old) -> settled -> issueServing (by the new CA) -> old expired -> dropExpired
 */
export function certificateStep(facts: CertificateFacts): CertificateStep {
  if (facts.caDue) return 'addCa';
  if (!facts.servingByNewest) return facts.bundleSettled ? 'issueServing' : 'none';
  if (facts.servingDue) return 'issueServing';
  if (facts.expired > 0 && facts.trusted > 1) return 'dropExpired';
  return 'none';
}
