import type { z } from 'zod';
import type { Bridge } from './bridge.ts';
import type { Call, HostCall } from './call.ts';
import type { Download } from './download.ts';
import type { RefusalCode } from '../refusal.ts';

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
  handle: (call: HostCall<keyof Bridge, unknown, unknown>) => Promise<unknown>;
}

/** Beats are frequent, and their effect ends with the lease; the other paths change nothing. */
const READS = new Set([
  '/v1/beat',
  '/v1/reach',
  '/v1/probe',
  '/v1/doors',
  '/v1/problems',
  '/v1/names',
  '/v1/instances',
  '/v1/vm/:name',
  '/v1/openapi.json',
]);

export function route<Body = undefined, Query = undefined, Answer = unknown>(
  method: Method,
  path: string,
  who: 'anyone' | 'member' | 'admin',
  shape: Shape<Body, Query, Answer>,
  handle: (call: Call<keyof Bridge, Body, Query>) => Promise<Answer | Download>,
): Route {
  return { method, path, who, ...shape, decides: !READS.has(path), handle: handle as Route['handle'] };
}

export function hostRoute<Body, Answer>(
  path: string,
  who: 'host' | 'host+',
  shape: Shape<Body, undefined, Answer>,
  handle: (call: HostCall<keyof Bridge, Body>) => Promise<Answer>,
): Route {
  return { method: 'POST', path, who, ...shape, decides: !READS.has(path), handle: handle as Route['handle'] };
}

/** The route of a request, the methods that its path knows, and the value of `:name`. */
export function findRoute(
  routes: Route[],
  method: string,
  path: string,
): { route: Route | undefined; methods: string[]; name: string } {
  const slash = path.lastIndexOf('/');
  const fits = routes.filter((one) => one.path === path || one.path === `${path.slice(0, slash)}/:name`);
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
