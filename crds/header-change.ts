import { TEXT_RULES } from './http-match.ts';

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
export const HEADER_VALUE_RULE = {
  rule: `self.all(name, self[name].matches(r'${TEXT_RULES.headerValue.pattern}'))`,
  message: `the value of a header ${TEXT_RULES.headerValue.message}`,
};

/** Over one change of headers: add, set, remove. */
export const HEADER_CHANGE_RULES = ['add', 'set', 'remove'].map((field) => ({
  rule: `!has(self.${field}) || self.${field}.all(name, !(name in ${LIST}))`,
  message: FIXED_HEADER_MESSAGE,
}));
