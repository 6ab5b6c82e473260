import { REFUSAL_STATUS, type RefusalCode } from '../refusal.ts';
import type { Route } from './route.ts';

export const CONSUL: RefusalCode[] = ['consulUnavailable', 'consulRefused'];
const ADMITTED: RefusalCode[] = ['siteNotAdmitted', 'meshServicesUnknown'];
const register: RefusalCode[] = [
  ...(['badRequest', 'nameOwned', 'callersNotJudged', 'tooMany', 'changedMeanwhile'] as const),
  ...ADMITTED,
  ...CONSUL,
];

/** With what handlers of several steps may say no. */
export const REFUSALS = {
  join: [
    ...(['badCertificateRequest', 'inviteUnknown', 'inviteWrongSecret', 'inviteExpired', 'inviteSpent'] as const),
    ...(['hostMismatch', 'siteMismatch', 'hostKnown', 'hostUnknown', 'hostRevoked', 'keyUnknown'] as const),
    ...(['tooManyFailedJoins', 'changedMeanwhile'] as const),
    ...ADMITTED,
    ...CONSUL,
  ],
  renew: ['badCertificateRequest', 'changedMeanwhile', ...CONSUL],
  beat: ['hostClaimed', 'tooMany', 'duplicateInstance', 'meshServicesUnknown', 'changedMeanwhile', ...CONSUL],
  leave: ['hostClaimed', 'changedMeanwhile', ...CONSUL],
  names: ['noConsulDns', 'consulDnsUnavailable', 'tooMany'],
  invite: ['tooMany', 'changedMeanwhile', ...ADMITTED, ...CONSUL],
  register,
  adopt: ['notFound', 'cannotAdopt', ...register],
} satisfies Record<string, RefusalCode[]>;

const EVERY: RefusalCode[] = ['badHttp', 'certificateUnknown', 'starting', 'internal'];
const BODY: RefusalCode[] = ['badJson', 'badRequest', 'bodyTooLarge', 'bodyCutShort'];
const HOST: RefusalCode[] = ['certificateNeeded', 'hostOnly', 'hostUnknown', 'hostRevoked', 'keyUnknown'];
const WHO: Record<Route['who'], RefusalCode[]> = {
  anyone: [],
  host: [...HOST, 'certificateExpired'],
  'host+': HOST,
  member: [...HOST, 'certificateExpired'],
  admin: ['certificateNeeded', 'certificateExpired', 'adminOnly'],
};

/** With what a route may say no: the codes, by status. */
export function refusalsOf({ who, body, query, name, refusals }: Route): Map<number, RefusalCode[]> {
  const parameters: RefusalCode[] = query === undefined && name === undefined ? [] : ['badRequest'];
  const all = [...EVERY, ...WHO[who], ...(body === undefined ? [] : BODY), ...parameters, ...refusals];
  const byStatus = new Map<number, RefusalCode[]>();
  for (const code of new Set(all)) {
    const status = REFUSAL_STATUS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return byStatus;
}
