import { z } from 'zod';
import { REFUSAL_STATUS } from './refusal.ts';
import { ROUTES, type Route, type Who } from './routes.ts';

/** One sentence a route; a test holds that each has one. */
export const SUMMARIES: Record<string, string> = {
  'POST /v1/join': 'Spends an invite for a certificate of the host.',
  'POST /v1/renew': 'A new certificate for the same host; also when the old one has run out.',
  'POST /v1/beat': 'Holds the lease of the host, and says how all of its instances are.',
  'POST /v1/leave': 'Takes services of the host out of the mesh, or the host itself.',
  'POST /v1/reach': 'Tries the sidecars of the host from here.',
  'POST /v1/probe': 'Takes what the host reaches of the pods that it calls, and says which to try next.',
  'POST /v1/refusals': 'Takes the updates from Consul that Envoys of the host refused, in their own words.',
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

/** The API as an OpenAPI 3.1 document, made from the routes and from the very schemas that requests are checked with. */
export function openApi(): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of ROUTES) {
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
      schemas: {
        Refusal: {
          type: 'object',
          required: ['code', 'message'],
          properties: {
            code: { type: 'string', enum: Object.keys(REFUSAL_STATUS), description: 'Stable.' },
            message: { type: 'string', description: 'The problem and the remedy, in one sentence.' },
          },
        },
      },
      securitySchemes: { certificate: { type: 'mutualTLS' } },
    },
  };
}

function operation({ method, path, who, schema }: Route): object {
  const named = path.endsWith('/:name');
  const site = method === 'DELETE' ? [{ name: 'site', in: 'query', schema: { type: 'string' } }] : [];
  const name = named ? [{ name: 'name', in: 'path', required: true, schema: { type: 'string' } }] : [];
  return {
    summary: SUMMARIES[`${method} ${path}`],
    description: WHO[who],
    security: who === 'anyone' ? [{}, { certificate: [] }] : [{ certificate: [] }],
    ...(named ? { parameters: [...name, ...site] } : {}),
    ...(schema === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: jsonSchema(schema) } } } }),
    responses: {
      200: { description: 'Done.' },
      default: {
        description: 'Refused; nothing was done.',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Refusal' } } },
      },
    },
  };
}

function jsonSchema(schema: z.ZodType): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input' });
  return rest;
}
