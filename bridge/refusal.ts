import type { ErrorAnswer } from '../mesh/outside/bridge-api.ts';

/** Everything the bridge says no with: a stable code people can search for, and the HTTP status that carries it. */
export const REFUSAL_STATUS = {
  badRequest: 400,
  badJson: 400,
  bodyCutShort: 400,
  badHttp: 400,
  badCertificateRequest: 400,
  duplicateInstance: 400,
  certificateNeeded: 401,
  certificateExpired: 401,
  certificateUnknown: 401,
  hostOnly: 403,
  adminOnly: 403,
  hostUnknown: 403,
  hostRevoked: 403,
  keyUnknown: 403,
  hostMismatch: 403,
  siteMismatch: 403,
  inviteUnknown: 403,
  inviteWrongSecret: 403,
  inviteExpired: 403,
  inviteSpent: 403,
  siteNotAdmitted: 403,
  nameOwned: 403,
  callersNotJudged: 403,
  notFound: 404,
  methodNotAllowed: 405,
  hostKnown: 409,
  cannotAdopt: 409,
  hostClaimed: 409,
  changedMeanwhile: 409,
  bodyTooLarge: 413,
  tooManyFailedJoins: 429,
  tooMany: 429,
  consulRefused: 502,
  consulUnavailable: 503,
  consulDnsUnavailable: 503,
  starting: 503,
  meshServicesUnknown: 503,
  internal: 500,
  noConsulDns: 501,
} as const;

/** Statuses that come with Retry-After. */
export const AGAIN = new Set([429, 503]);

export type RefusalCode = keyof typeof REFUSAL_STATUS;

/** A request that is answered with no. `message` says in one line what is wrong and what to do. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: RefusalCode;
  readonly status: number;

  constructor(code: RefusalCode, message: string) {
    super(message);
    this.code = code;
    this.status = REFUSAL_STATUS[code];
  }

  answer(): ErrorAnswer {
    return { code: this.code, message: this.message };
  }
}
