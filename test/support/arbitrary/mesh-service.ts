import fc from 'fast-check';
import { METHODS } from '../../../crds/http-match.ts';
import type { MeshServiceSpecInput } from '../../../crds/mesh-service.ts';
import { EXPRESSIONS } from '../envoy/expressions.ts';

type Spec = Partial<MeshServiceSpecInput>;

/** Text as people and their tools write it: mostly plain, sometimes with what a proxy may stumble over. */
const NASTY = [
  '%',
  '%%',
  '50% off',
  '%REQ(x)%',
  '%{x}',
  '\n',
  '\r',
  '\t',
  '\0',
  '\u007f',
  'é',
  '日本',
  ' ',
  '"',
  '\\',
  '{}',
  ';',
  '//',
  '..',
  '%2f',
  '%zz',
  '*',
  '$1',
  '\\1',
];
const text = (maxLength: number): fc.Arbitrary<string> =>
  fc
    .array(
      fc.oneof(
        { weight: 8, arbitrary: fc.stringMatching(/^[a-zA-Z0-9/_.=-]{1,6}$/) },
        { weight: 1, arbitrary: fc.constantFrom(...NASTY) },
      ),
      { minLength: 1, maxLength: 5 },
    )
    .map((parts) => parts.join('').slice(0, maxLength));

const path = text(60).map((rest) => `/${rest.replace(/[?#]/g, '')}`);
const expression = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('/x/[0-9]+', '/[^/]+', '/(a|b)/.*', '[a-z]{1,63}') },
  { weight: 1, arbitrary: fc.constantFrom(...EXPRESSIONS) },
);
const headerName = fc.constantFrom(
  'x-a',
  'x-b',
  'cookie',
  'x_under',
  'authorization',
  'user-agent',
  'x-forwarded-for',
  'x-envoy-retry-on',
  'host',
  'te',
);
const onePath = fc.oneof(fc.record({ path }), fc.record({ pathPrefix: path }), fc.record({ pathRegex: expression }));
const methods = fc.uniqueArray(fc.constantFrom(...METHODS), { minLength: 1, maxLength: 9 });
const headerMatch = fc.oneof(
  fc.record({ name: headerName, present: fc.constant(true as const) }),
  ...(['exact', 'prefix', 'suffix'] as const).map((kind) => fc.record({ name: headerName, [kind]: text(40) })),
  fc.record({ name: headerName, regex: expression, invert: fc.boolean() }),
);
const queryMatch = fc.oneof(
  fc.record({ name: text(20), present: fc.constant(true as const) }),
  fc.record({ name: text(20), exact: text(40) }),
  fc.record({ name: fc.constant('q'), regex: expression }),
);
const values = fc.dictionary(
  headerName,
  fc.oneof({ weight: 9, arbitrary: text(60) }, { weight: 1, arbitrary: fc.constant('x'.repeat(1024)) }),
  { minKeys: 1, maxKeys: 4 },
);
const headerChange = fc.oneof(
  fc.record({ add: values }),
  fc.record({ set: values }),
  fc.record({ remove: fc.uniqueArray(headerName, { minLength: 1, maxLength: 3 }) }),
);

const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq: 2 });
const route = fc
  .tuple(
    onePath,
    fc.record({
      methods: optional(methods),
      headers: optional(fc.array(headerMatch, { minLength: 1, maxLength: 3 })),
      query: optional(fc.array(queryMatch, { minLength: 1, maxLength: 3 })),
      rewritePrefix: optional(path),
      timeout: optional(fc.constantFrom('1ms', '2s', '1h')),
      requestHeaders: optional(headerChange),
      responseHeaders: optional(headerChange),
    }),
  )
  .map(([where, more]) => ({ ...where, ...more }));
const rule = fc
  .tuple(
    fc.constantFrom('caller', 'other', '*', 'landbridge-edge'),
    optional(onePath),
    fc.record({ methods: optional(methods), headers: optional(fc.array(headerMatch, { minLength: 1, maxLength: 3 })) }),
  )
  .map(([from, where, more]) => ({ from, ...where, ...more }));

const hosts = fc.uniqueArray(
  fc
    .tuple(
      fc.constantFrom('', '*.'),
      fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/),
      fc.constantFrom('.example', `.${'long-label.'.repeat(12)}example`),
    )
    .map((parts) => parts.join('')),
  { minLength: 1, maxLength: 3 },
);

/** Specs of an http service that the types of the schema allow; its rules of CEL and the operator's may still refuse them. */
export const anyTraffic: fc.Arbitrary<Spec> = fc
  .record({
    routes: fc.array(route, { maxLength: 4 }),
    access: fc.array(rule, { maxLength: 4 }),
    expose: optional(
      fc.record({
        hosts,
        paths: fc.uniqueArray(
          text(30).map((rest) => `/${rest}`),
          { minLength: 1, maxLength: 3 },
        ),
      }),
    ),
    protocol: fc.constantFrom('http' as const, 'http' as const, 'http2' as const, 'grpc' as const),
    hashOn: optional(
      fc.oneof(
        fc.record({ header: headerName }),
        fc.record({ cookie: fc.record({ name: fc.constantFrom('session', 'a%b', "x'y") }) }),
      ),
    ),
  })
  .map(({ routes, access, expose, protocol, hashOn }) =>
    plain({
      protocol,
      access,
      expose: protocol === 'http' ? expose : undefined,
      traffic: {
        ...(hashOn === undefined ? {} : { loadBalancing: { policy: 'Maglev', hashOn } }),
        routes: routes.map((each, index) => ({ name: `r${index}`, ...each })),
      },
    }),
  );

/** Without what is not given, as JSON has it. */
const plain = (value: unknown): Spec => JSON.parse(JSON.stringify(value)) as Spec;
