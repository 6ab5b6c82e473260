import { z } from 'zod';
import { ONE_PATH, headerMatch, methods, pathFields } from './http-match.ts';

const serviceName = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);

/** One rule. A call is let through when any rule lets it; within a rule all that is given has to hold. */
const accessRule = z
  .strictObject({
    from: z
      .union([serviceName, z.literal('*')])
      .describe('Consul name of the service that may call, or "*" for every service of the mesh.'),
    methods: methods.optional().describe('http, http2, grpc: only these methods. Default: all.'),
    ...pathFields,
    headers: z
      .array(headerMatch)
      .min(1)
      .max(8)
      .optional()
      .describe('http, http2, grpc: only requests with all of these headers. Default: any.')
      .meta({ 'x-kubernetes-list-type': 'atomic' }),
  })
  .meta({ 'x-kubernetes-validations': [ONE_PATH] });

export const access = z
  .array(accessRule)
  .max(64)
  .optional()
  .describe(
    'Who may call, and for http what. A call is allowed when any rule allows it; by an empty list nobody may. Default: what the value defaultAccess of the installation says: nobody, unless it was set.',
  )
  .meta({ 'x-kubernetes-list-type': 'atomic' });

const PLAIN = '!has(a.methods) && !has(a.path) && !has(a.pathPrefix) && !has(a.pathRegex) && !has(a.headers)';

/** Rules over the whole spec. */
export const ACCESS_RULES = [
  {
    rule: `!has(self.access) || (has(self.protocol) && self.protocol != 'tcp') || self.access.all(a, ${PLAIN})`,
    message:
      'spec.access gives methods, paths or headers, but spec.protocol is tcp, where nobody can see them: set spec.protocol to http, http2 or grpc, or leave only "from"',
  },
  {
    rule: `!has(self.access) || self.access.all(a, !(${PLAIN}) || self.access.filter(b, b.from == a.from).size() == 1)`,
    message:
      'spec.access names a service in two rules, of which one already allows everything: leave out the others, or narrow that one',
  },
];

export type AccessRule = z.output<typeof accessRule>;
