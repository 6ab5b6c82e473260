import { z } from 'zod';
import { headerName, TEXT_RULES } from './http-match.ts';

/**
 * Headers that no rule may change: Envoy refuses a whole route table for a change of host, and the others belong to one
 * connection (RFC 9110 section 7.6.1) or say where a message ends, so a changed one makes two messages of one.
 */
export const FIXED_HEADERS = [
  'host',
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
] as const;

export const FIXED_HEADER_MESSAGE =
  'host and the headers of a connection (' +
  FIXED_HEADERS.slice(1).join(', ') +
  ') cannot be changed: leave them out; a host for the app goes into x-forwarded-host';

const LIST = `['${FIXED_HEADERS.join("', '")}']`;

/** Over a map of header names and values. */
const HEADER_VALUE_RULE = {
  rule: `self.all(name, self[name].matches(r'${TEXT_RULES.headerValue.pattern}'))`,
  message: `the value of a header ${TEXT_RULES.headerValue.message}`,
};

/** Over one change of headers: add, set, remove. */
const HEADER_CHANGE_RULES = ['add', 'set', 'remove'].map((field) => ({
  rule: `!has(self.${field}) || self.${field}.all(name, !(name in ${LIST}))`,
  message: FIXED_HEADER_MESSAGE,
}));

const headerValues = z.record(headerName, z.string().max(1024)).meta({
  maxProperties: 16,
  'x-kubernetes-validations': [
    {
      rule: "self.all(name, name.matches('^[a-z0-9_-]{1,128}$'))",
      message: 'names of headers are lower-case letters, digits, dashes and underscores',
    },
    HEADER_VALUE_RULE,
  ],
});

export const headerChange = z
  .strictObject({
    add: headerValues.optional().describe('Added beside values that are there.'),
    set: headerValues.optional().describe('Put in place of values that are there.'),
    remove: z.array(headerName).max(16).optional().meta({ 'x-kubernetes-list-type': 'set' }),
  })
  .meta({
    'x-kubernetes-validations': [
      {
        rule: 'has(self.add) || has(self.set) || has(self.remove)',
        message: 'a change of headers changes nothing: give add, set or remove',
      },
      ...HEADER_CHANGE_RULES,
    ],
  });
