import { z } from 'zod';

/** What an HTTP request can be told apart by; shared by routes (spec.traffic) and access rules (spec.access). */

export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT'] as const;

/** RFC 9110 section 5.1: a field name is a token. Lower case, as HTTP/2 has it. */
export const headerName = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[a-z0-9!#$%&'*+.^_`|~-]+$/);

const text = z.string().min(1).max(512);

const ONE_OF = (fields: string[], what: string) => ({
  rule: `[${fields.map((field) => `has(self.${field})`).join(', ')}].filter(given, given).size() == 1`,
  message: `${what}: give exactly one of ${fields.join(', ')}`,
});

export const headerMatch = z
  .strictObject({
    name: headerName.describe('Name of the header, in lower case.'),
    present: z.literal(true).optional().describe('The header is there, whatever its value.'),
    exact: text.optional(),
    prefix: text.optional(),
    suffix: text.optional(),
    regex: text.optional().describe('RE2 expression that matches the whole value.'),
    invert: z.boolean().optional().describe('Turns the match round. Default: false.'),
  })
  .meta({ 'x-kubernetes-validations': [ONE_OF(['present', 'exact', 'prefix', 'suffix', 'regex'], 'a header match')] });

export const queryMatch = z
  .strictObject({
    name: z.string().min(1).max(128),
    present: z.literal(true).optional(),
    exact: text.optional(),
    regex: text.optional().describe('RE2 expression that matches the whole value.'),
  })
  .meta({ 'x-kubernetes-validations': [ONE_OF(['present', 'exact', 'regex'], 'a query parameter match')] });

export const methods = z.array(z.enum(METHODS)).min(1).max(METHODS.length).meta({ 'x-kubernetes-list-type': 'set' });

/** The path, in one of three ways; each schema that takes these adds `ONE_PATH`. */
export const pathFields = {
  path: z
    .string()
    .max(1024)
    .regex(/^\/[^?#]*$/)
    .optional()
    .describe('Exactly this path, without the query.'),
  pathPrefix: z
    .string()
    .max(1024)
    .regex(/^\/[^?#]*$/)
    .optional()
    .describe('Paths that begin with this, character by character: /api is also the beginning of /apis.'),
  pathRegex: z.string().min(1).max(512).optional().describe('RE2 expression that matches the whole path.'),
};

export const ONE_PATH = {
  rule: '[has(self.path), has(self.pathPrefix), has(self.pathRegex)].filter(given, given).size() <= 1',
  message: 'give only one of path, pathPrefix and pathRegex; write another rule for the other path',
};
