import { z } from 'zod';
import * as answers from '../mesh/bridge-answers.ts';
import {
  adoptRequest,
  beatRequest,
  brakeRequest,
  deregisterQuery,
  doorsRequest,
  externalRequest,
  instancesQuery,
  inviteRequest,
  joinRequest,
  leaveRequest,
  name,
  namesRequest,
  probeRequest,
  reachRequest,
  refusalsRequest,
  renewRequest,
  revokeRequest,
} from '../mesh/bridge-api.ts';
import type { Call, HostCall } from './call.ts';
import type { Download } from './download.ts';
import { adopt } from './handlers/adopt.ts';
import { beat } from './handlers/beat.ts';
import { brake } from './handlers/brake.ts';
import { doors } from './handlers/doors.ts';
import { deregister } from './handlers/deregister.ts';
import { instances } from './handlers/instances.ts';
import { invite } from './handlers/invite.ts';
import { join } from './handlers/join.ts';
import { leave } from './handlers/leave.ts';
import { names } from './handlers/names.ts';
import { probe } from './handlers/probe.ts';
import { reach } from './handlers/reach.ts';
import { refusals } from './handlers/refusals.ts';
import { describeApi } from './handlers/open-api.ts';
import { register } from './handlers/register.ts';
import { renew } from './handlers/renew.ts';
import { revoke } from './handlers/revoke.ts';
import { vmFile } from './handlers/vm-file.ts';
import type { RefusalCode } from './refusal.ts';
import { CONSUL, REFUSALS } from './refusals.ts';

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';
/** `host+` also takes a host's certificate that has run out; `member` is a host or an admin. */
export type Who = 'anyone' | 'host' | 'host+' | 'member' | 'admin';

/** The shape of a route: requests are checked by it, the handler has its types, and the OpenAPI document is made from it. */
export interface Shape<Body, Query, Answer> {
  /** undefined: the request has no body. */
  body?: z.ZodType<Body>;
  query?: z.ZodObject & z.ZodType<Query>;
  /** The value of `:name`. */
  name?: z.ZodType<string>;
  /** `file`: no JSON. */
  answer: z.ZodType<Answer> | 'file';
  /** Beside the codes that follow from `who`, the body and the path, see refusals.ts. */
  refusals: RefusalCode[];
}

export interface Route extends Shape<unknown, unknown, unknown> {
  method: Method;
  /** With at most one `:name`, at the end. */
  path: string;
  who: Who;
  /** It writes a record, or says something that only the active bridge may say: see requireTenure in server.ts. */
  decides: boolean;
  handle: (call: HostCall<unknown, unknown>) => Promise<unknown>;
}

/** Beats are frequent, and their effect ends with the lease; the other paths change nothing. */
const READS = new Set([
  '/v1/beat',
  '/v1/reach',
  '/v1/probe',
  '/v1/doors',
  '/v1/names',
  '/v1/instances',
  '/v1/vm/:name',
  '/v1/openapi.json',
]);

export const ROUTES: Route[] = [
  route('POST', '/v1/join', 'anyone', { body: joinRequest, answer: answers.joinAnswer, refusals: REFUSALS.join }, join),
  hostRoute('/v1/renew', 'host+', { body: renewRequest, answer: answers.renewAnswer, refusals: REFUSALS.renew }, renew),
  hostRoute('/v1/beat', 'host', { body: beatRequest, answer: answers.beatAnswer, refusals: REFUSALS.beat }, beat),
  hostRoute('/v1/leave', 'host', { body: leaveRequest, answer: answers.leaveAnswer, refusals: REFUSALS.leave }, leave),
  hostRoute('/v1/reach', 'host', { body: reachRequest, answer: answers.reachAnswer, refusals: ['tooMany'] }, reach),
  hostRoute('/v1/probe', 'host', { body: probeRequest, answer: answers.probeAnswer, refusals: CONSUL }, probe),
  hostRoute(
    '/v1/refusals',
    'host',
    { body: refusalsRequest, answer: answers.nothing, refusals: ['changedMeanwhile', ...CONSUL] },
    refusals,
  ),
  hostRoute('/v1/doors', 'host', { body: doorsRequest, answer: answers.nothing, refusals: [] }, doors),
  route(
    'POST',
    '/v1/names',
    'member',
    { body: namesRequest, answer: answers.namesAnswer, refusals: REFUSALS.names },
    names,
  ),
  route(
    'POST',
    '/v1/invites',
    'admin',
    { body: inviteRequest, answer: answers.inviteAnswer, refusals: REFUSALS.invite },
    invite,
  ),
  route(
    'GET',
    '/v1/instances',
    'admin',
    { query: instancesQuery, answer: answers.instancesAnswer, refusals: CONSUL },
    instances,
  ),
  route(
    'PUT',
    '/v1/external/:name',
    'admin',
    { name, body: externalRequest, answer: answers.registerAnswer, refusals: REFUSALS.register },
    register,
  ),
  route(
    'DELETE',
    '/v1/external/:name',
    'admin',
    { name, query: deregisterQuery, answer: answers.deregisterAnswer, refusals: ['notFound', ...CONSUL] },
    deregister,
  ),
  route(
    'POST',
    '/v1/adopt',
    'admin',
    { body: adoptRequest, answer: answers.adoptAnswer, refusals: REFUSALS.adopt },
    adopt,
  ),
  route(
    'POST',
    '/v1/revoke',
    'admin',
    { body: revokeRequest, answer: answers.revokeAnswer, refusals: ['notFound', 'changedMeanwhile', ...CONSUL] },
    revoke,
  ),
  route(
    'POST',
    '/v1/brake',
    'admin',
    { body: brakeRequest, answer: answers.brakeAnswer, refusals: ['notFound'] },
    brake,
  ),
  route(
    'GET',
    '/v1/vm/:name',
    'anyone',
    { name: z.string(), answer: 'file', refusals: ['notFound', 'tooMany'] },
    vmFile,
  ),
  route('GET', '/v1/openapi.json', 'anyone', { answer: z.looseObject({}), refusals: [] }, describeApi),
];

function route<Body = undefined, Query = undefined, Answer = unknown>(
  method: Method,
  path: string,
  who: 'anyone' | 'member' | 'admin',
  shape: Shape<Body, Query, Answer>,
  handle: (call: Call<Body, Query>) => Promise<Answer | Download>,
): Route {
  return { method, path, who, ...shape, decides: !READS.has(path), handle: handle as Route['handle'] };
}

function hostRoute<Body, Answer>(
  path: string,
  who: 'host' | 'host+',
  shape: Shape<Body, undefined, Answer>,
  handle: (call: HostCall<Body>) => Promise<Answer>,
): Route {
  return { method: 'POST', path, who, ...shape, decides: !READS.has(path), handle: handle as Route['handle'] };
}

/** The route of a request, the methods that its path knows, and the value of `:name`. */
export function findRoute(method: string, path: string): { route: Route | undefined; methods: string[]; name: string } {
  const slash = path.lastIndexOf('/');
  const fits = ROUTES.filter((one) => one.path === path || one.path === `${path.slice(0, slash)}/:name`);
  return {
    route: fits.find((one) => one.method === method),
    methods: fits.map((one) => one.method),
    name: fits.some((one) => one.path.endsWith('/:name')) ? decoded(path.slice(slash + 1)) : '',
  };
}

/** The decoded text. Undecodable text stays, and names nothing. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
