import { z } from 'zod';

/** The features that distinguish HTTP requests; shared by routes (spec.traffic) and access rules (spec.access). */

export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT'] as const;

/** RFC 9110 section 5.1: a field name is a token. Lower case, as HTTP/2 has it. */
const HEADER_NAME = "^[a-z0-9!#$%&'*+.^_`|~-]+$";

export const headerName = z
  .string()
  .min(1)
  .max(128)
  .regex(new RegExp(HEADER_NAME))
  .meta({
    'x-kubernetes-validations': [
      {
        rule: `self.matches(r"${HEADER_NAME}")`,
        message:
          'names of headers are compared without case and written in lower case, such as x-tenant; for ":path" and ":method" there are path and methods, and ":authority" is host',
      },
    ],
  });

/** Headers of one connection (RFC 9110 section 7.6.1) that Envoy takes off before it compares. It leaves upgrade and trailer. */
export const LOST_HEADERS: readonly string[] = ['keep-alive', 'proxy-connection', 'transfer-encoding'];

export const LOST_HEADER_MESSAGE =
  'belongs to one connection, and a sidecar takes it off before it compares: match another header';

/**
 * Rules for strings that go to Envoy unchanged; the same expressions serve CEL (RE2) and JavaScript. Envoy refuses a whole
 * route table for a line feed or a zero in a header, takes the other control characters, and then never matches or sends them.
 */
export const TEXT_RULES = {
  visible: {
    pattern: '^[^\\x00-\\x08\\x0a-\\x1f\\x7f]*$',
    message: 'must have no line feed and no other control character: write it in one line',
  },
  path: {
    pattern: '^/[!-~]*$',
    message:
      'must be printable ASCII without blanks, as callers send paths: write other characters as percent escapes, such as %20 or %C3%A9',
  },
  headerValue: {
    pattern: '^[^\\x00-\\x20\\x7f]([^\\x00-\\x08\\x0a-\\x1f\\x7f]*[^\\x00-\\x20\\x7f])?$',
    message:
      'must be one line that neither begins nor ends with a blank, and not empty: Envoy refuses or drops other values; to take a header away use remove',
  },
} as const;

const holds = ({ pattern, message }: { pattern: string; message: string }) => ({
  'x-kubernetes-validations': [{ rule: `self.matches(r'${pattern}')`, message }],
});

const text = z.string().min(1).max(512).meta(holds(TEXT_RULES.visible));
const expression = z.string().min(1).max(512);
/** A path in Envoy's hands: compared, or put in place of another. */
export const requestPath = z
  .string()
  .max(1024)
  .regex(/^\/[^?#]*$/)
  .meta(holds(TEXT_RULES.path));

const ONE_OF = (fields: string[], what: string) => ({
  rule: `[${fields.map((field) => `has(self.${field})`).join(', ')}].filter(given, given).size() == 1`,
  message: `${what}: give exactly one of ${fields.join(', ')}`,
});

export const headerMatch = z
  .strictObject({
    name: headerName.describe('Name of the header, in lower case.'),
    present: z.literal(true).optional().describe('The header is there with any value.'),
    exact: text.optional(),
    prefix: text.optional(),
    suffix: text.optional(),
    regex: expression.optional().describe('RE2 expression that matches the whole value.'),
    invert: z
      .boolean()
      .optional()
      .describe('Turns the match round. A request without the header is taken by present alone then. Default: false.'),
  })
  .meta({ 'x-kubernetes-validations': [ONE_OF(['present', 'exact', 'prefix', 'suffix', 'regex'], 'a header match')] });

export const queryMatch = z
  .strictObject({
    name: z.string().min(1).max(128).meta(holds(TEXT_RULES.visible)),
    present: z.literal(true).optional(),
    exact: text.optional(),
    regex: expression.optional().describe('RE2 expression that matches the whole value.'),
  })
  .meta({ 'x-kubernetes-validations': [ONE_OF(['present', 'exact', 'regex'], 'a query parameter match')] });

export const methods = z.array(z.enum(METHODS)).min(1).max(METHODS.length).meta({ 'x-kubernetes-list-type': 'set' });

/** The path, in one of three ways; each schema that takes these adds `ONE_PATH`. */
export const pathFields = {
  path: requestPath.optional().describe('Exactly this path, without the query.'),
  pathPrefix: requestPath
    .optional()
    .describe('Paths that begin with this, character by character: /api is also the beginning of /apis.'),
  pathRegex: expression
    .optional()
    .describe('RE2 expression that matches the whole path as callers send it, with its percent escapes.'),
};

export const ONE_PATH = {
  rule: '[has(self.path), has(self.pathPrefix), has(self.pathRegex)].filter(given, given).size() <= 1',
  message: 'give only one of path, pathPrefix and pathRegex; write another rule for the other path',
};
