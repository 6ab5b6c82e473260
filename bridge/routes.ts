import type { z } from 'zod';
import {
  adoptRequest,
  beatRequest,
  brakeRequest,
  externalRequest,
  inviteRequest,
  joinRequest,
  leaveRequest,
  namesRequest,
  probeRequest,
  reachRequest,
  refusalsRequest,
  renewRequest,
  revokeRequest,
} from '../mesh/bridge-api.ts';
import type { Call, HostCall } from './call.ts';
import { adopt } from './handlers/adopt.ts';
import { beat } from './handlers/beat.ts';
import { brake } from './handlers/brake.ts';
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

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';
/** `host+` also takes a host's certificate that has run out; `member` is a host or an admin. */
export type Who = 'anyone' | 'host' | 'host+' | 'member' | 'admin';

export interface Route {
  method: Method;
  /** With at most one `:name`, at the end. */
  path: string;
  who: Who;
  /** undefined: the request has no body. */
  schema: z.ZodType | undefined;
  /** It writes a record, or says something that only the active bridge may say: see requireTenure in server.ts. */
  decides: boolean;
  handle: (call: HostCall<unknown>) => Promise<unknown>;
}

/** Beats are frequent, and their effect ends with the lease; the other paths change nothing. */
const READS = new Set([
  '/v1/beat',
  '/v1/reach',
  '/v1/probe',
  '/v1/names',
  '/v1/instances',
  '/v1/vm/:name',
  '/v1/openapi.json',
]);

export const ROUTES: Route[] = [
  route('POST', '/v1/join', 'anyone', joinRequest, join),
  hostRoute('POST', '/v1/renew', 'host+', renewRequest, renew),
  hostRoute('POST', '/v1/beat', 'host', beatRequest, beat),
  hostRoute('POST', '/v1/leave', 'host', leaveRequest, leave),
  hostRoute('POST', '/v1/reach', 'host', reachRequest, reach),
  hostRoute('POST', '/v1/probe', 'host', probeRequest, probe),
  hostRoute('POST', '/v1/refusals', 'host', refusalsRequest, refusals),
  route('POST', '/v1/names', 'member', namesRequest, names),
  route('POST', '/v1/invites', 'admin', inviteRequest, invite),
  route('GET', '/v1/instances', 'admin', undefined, instances),
  route('PUT', '/v1/external/:name', 'admin', externalRequest, register),
  route('DELETE', '/v1/external/:name', 'admin', undefined, deregister),
  route('POST', '/v1/adopt', 'admin', adoptRequest, adopt),
  route('POST', '/v1/revoke', 'admin', revokeRequest, revoke),
  route('POST', '/v1/brake', 'admin', brakeRequest, brake),
  route('GET', '/v1/vm/:name', 'anyone', undefined, vmFile),
  route('GET', '/v1/openapi.json', 'anyone', undefined, describeApi),
];

function route<Body>(
  method: Method,
  path: string,
  who: 'anyone' | 'member' | 'admin',
  schema: z.ZodType<Body> | undefined,
  handle: (call: Call<Body>) => Promise<unknown>,
): Route {
  return { method, path, who, schema, decides: !READS.has(path), handle: handle as Route['handle'] };
}

function hostRoute<Body>(
  method: Method,
  path: string,
  who: 'host' | 'host+',
  schema: z.ZodType<Body>,
  handle: (call: HostCall<Body>) => Promise<unknown>,
): Route {
  return { method, path, who, schema, decides: !READS.has(path), handle: handle as Route['handle'] };
}

/** The route of a request, the methods that its path knows, and the value of `:name`. */
export function findRoute(method: string, path: string): { route: Route | undefined; methods: string[]; name: string } {
  const slash = path.lastIndexOf('/');
  const fits = ROUTES.filter((one) => one.path === path || one.path === `${path.slice(0, slash)}/:name`);
  return {
    route: fits.find((one) => one.method === method),
    methods: fits.map((one) => one.method),
    name: fits.some((one) => one.path.endsWith('/:name')) ? path.slice(slash + 1) : '',
  };
}
