import { DUMP_SCHEMA, NOT_RESOLVED, defineScalarTag, dump } from 'js-yaml';
import type { Value } from './parse-document.ts';
import { resolveScalar } from './resolve-scalar.ts';

/** Whole numbers that a float cannot hold. */
const bigInteger = defineScalarTag<bigint>('tag:yaml.org,2002:int', {
  implicit: true,
  implicitFirstChars: null,
  resolve: (source) => {
    const value = resolveScalar(source);
    return typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value))
      ? (value as bigint)
      : NOT_RESOLVED;
  },
  identify: (data) => typeof data === 'bigint' || (Number.isInteger(data) && !Object.is(data, -0)),
});

/** Numbers to the base of 60, which other readers of YAML 1.1 know. */
const SEXAGESIMAL = /^[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?$/;

/** Never written: js-yaml puts a string in quotes when it is a word that a reader takes for something else. */
const noString = defineScalarTag<unknown>('tag:landbridge.dev,2026:no-string', {
  implicit: true,
  implicitFirstChars: null,
  resolve: (source) =>
    typeof resolveScalar(source) === 'string' && !SEXAGESIMAL.test(source) ? NOT_RESOLVED : resolveScalar(source),
  identify: () => false,
});

const SCHEMA = DUMP_SCHEMA.withTags(bigInteger, noString);

/** YAML that kubectl and any reader of YAML 1.1 or 1.2 read as this value; in one line of brackets and braces when `flow`. */
export const dumpYaml = (value: Value, flow = false): string =>
  dump(value, {
    schema: SCHEMA,
    noRefs: true,
    lineWidth: -1,
    ...(flow ? { flowLevel: 0, flowBracketPadding: true } : {}),
  });
