import { z } from 'zod';
import { AGAIN, type RefusalCode } from '../refusal.ts';
import { refusalsOf } from './refusals.ts';
import type { Route, Who } from './route.ts';

/** One sentence a route; a test holds that each has one. */
export const SUMMARIES: Record<string, string> = {
  'POST /v1/join': 'Spends an invite for a certificate of the host.',
  'POST /v1/renew': 'A new certificate for the same host; also when the old one has run out.',
  'POST /v1/beat': 'Holds the lease of the host, and says how all of its instances are.',
  'POST /v1/leave': 'Takes services of the host out of the mesh, or the host itself.',
  'POST /v1/reach': 'Tries the sidecars of the host from here.',
  'POST /v1/probe': 'Takes what the host reaches of the pods that it calls, and says which to try next.',
  'POST /v1/refusals': 'Takes the updates from Consul that Envoys of the host refused, in their own words.',
  'POST /v1/doors': 'Takes how the apps of the host are reached past their sidecars.',
  'POST /v1/problems': 'Takes what is wrong on the host, by its own word.',
  'POST /v1/names': "Asks Consul's DNS for a name under consul.",
  'POST /v1/invites': 'Makes an invite: one host may join with it, once.',
  'GET /v1/instances': 'All off-cluster instances, and the sites whose mass-loss brake is on.',
  'PUT /v1/external/:name': 'Registers an instance without a sidecar, or changes it; the bridge checks it.',
  'DELETE /v1/external/:name': 'Removes an instance without a sidecar.',
  'POST /v1/adopt': 'Takes over an instance without a sidecar that was registered in Consul by hand.',
  'POST /v1/revoke': 'Shuts a host out for good.',
  'POST /v1/brake': 'Releases the mass-loss brake of a site for a while.',
  'GET /v1/vm/:name': 'A file that a machine needs before it can join.',
  'GET /v1/openapi.json': 'This document.',
};

const WHO: Record<Who, string> = {
  anyone: 'Needs no client certificate.',
  host: 'Needs the client certificate of a host that has joined.',
  'host+': 'Needs the client certificate of a host that has joined; it may have run out.',
  member: 'Needs the client certificate of a host that has joined, or of the Secret landbridge-bridge-admin.',
  admin: 'Needs the client certificate of the Secret landbridge-bridge-admin.',
};

/** Which certificates do; `{}`: none is needed. */
const SECURITY: Record<Who, object[]> = {
  anyone: [{}, { host: [] }, { admin: [] }],
  host: [{ host: [] }],
  'host+': [{ host: [] }],
  member: [{ host: [] }, { admin: [] }],
  admin: [{ admin: [] }],
};

/** The next route for an answer, and the places of its parameters (or fields of its body) in that answer. */
const LINKS: Record<string, { to: string; parameters?: Record<string, string>; body?: Record<string, string> }[]> = {
  'POST /v1/join': ['POST /v1/revoke', 'POST /v1/brake'].map((to) => ({
    to,
    body: { site: '$response.body#/site', ...(to.endsWith('revoke') ? { host: '$response.body#/host' } : {}) },
  })),
  'PUT /v1/external/:name': [
    { to: 'PUT /v1/external/:name', parameters: { 'path.name': '$response.body#/name' } },
    {
      to: 'DELETE /v1/external/:name',
      parameters: { 'path.name': '$response.body#/name', 'query.site': '$response.body#/site' },
    },
  ],
  'DELETE /v1/external/:name': [
    {
      to: 'DELETE /v1/external/:name',
      parameters: { 'path.name': '$response.body#/name', 'query.site': '$response.body#/site' },
    },
    { to: 'PUT /v1/external/:name', parameters: { 'path.name': '$response.body#/name' } },
  ],
  'GET /v1/instances': [
    {
      to: 'DELETE /v1/external/:name',
      parameters: { 'path.name': '$response.body#/instances/0/id', 'query.site': '$response.body#/instances/0/site' },
    },
    {
      to: 'POST /v1/revoke',
      body: { site: '$response.body#/instances/0/site', host: '$response.body#/instances/0/host' },
    },
  ],
  'POST /v1/adopt': [
    {
      to: 'DELETE /v1/external/:name',
      parameters: { 'path.name': '$response.body#/name', 'query.site': '$response.body#/site' },
    },
  ],
};

/** The API as an OpenAPI 3.1 document, made from the routes and from the very schemas that requests are checked with. */
export function openApi(routes: Route[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = route.path.replace(':name', '{name}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Landbridge bridge',
      version: 'v1',
      description: 'JSON over HTTPS, with client certificates (mutual TLS).',
    },
    paths,
    components: {
      securitySchemes: {
        host: { type: 'mutualTLS', description: 'The certificate that POST /v1/join gives to a host.' },
        admin: { type: 'mutualTLS', description: 'The certificate of the Secret landbridge-bridge-admin.' },
      },
    },
  };
}

const operationId = (key: string): string => key.toLowerCase().replace(/[^a-z0-9]+/g, '-');

function operation(route: Route): object {
  const { method, path, who, body, name, query } = route;
  const parameters = [
    ...(name === undefined ? [] : [{ name: 'name', in: 'path', required: true, schema: jsonSchema(name, 'input') }]),
    ...Object.entries(query?.shape ?? {}).map(([key, schema]) => ({
      name: key,
      in: 'query',
      schema: jsonSchema(schema, 'input'),
    })),
  ];
  const refused = [...refusalsOf(route)].map(([status, codes]) => [status, refusal(status, codes)] as const);
  return {
    operationId: operationId(`${method} ${path}`),
    summary: SUMMARIES[`${method} ${path}`],
    description: WHO[who],
    security: SECURITY[who],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: jsonSchema(body, 'input') } } } }),
    responses: { 200: done(route), ...Object.fromEntries(refused) },
  };
}

function done({ method, path, answer }: Route): object {
  const links = (LINKS[`${method} ${path}`] ?? []).map(({ to, parameters, body }) => [
    operationId(to),
    { operationId: operationId(to), ...(parameters && { parameters }), ...(body && { requestBody: body }) },
  ]);
  const binary = { schema: { type: 'string', format: 'binary' } };
  return {
    description: 'Done.',
    content:
      answer === 'file'
        ? { 'application/octet-stream': binary, 'text/plain': { schema: { type: 'string' } } }
        : { 'application/json': { schema: jsonSchema(answer, 'output') } },
    ...(links.length === 0 ? {} : { links: Object.fromEntries(links) as object }),
  };
}

const refusal = (status: number, codes: RefusalCode[]): object => ({
  description:
    status >= 500 ? 'Not done, or only in part: ask again where the code says so.' : 'Refused; nothing was done.',
  ...(AGAIN.has(status)
    ? { headers: { 'Retry-After': { schema: { type: 'integer' }, description: 'Seconds.' } } }
    : {}),
  content: {
    'application/json': {
      schema: {
        type: 'object',
        required: ['code', 'message'],
        properties: {
          code: { type: 'string', enum: codes, description: 'Stable.' },
          message: { type: 'string', description: 'The problem and the remedy, in one sentence.' },
        },
        additionalProperties: false,
      },
    },
  },
});

function jsonSchema(schema: z.core.$ZodType, io: 'input' | 'output'): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io });
  return rest;
}
