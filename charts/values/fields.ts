import { z } from 'zod';
import { proxyCpu, proxyMemory, proxySettings } from '../../crds/proxy.ts';

/** Kinds of values that occur several times. Patterns keep to what both JavaScript and Helm (RE2) read alike. */

/** Empty or as JSON has it: an empty text, list or map always means that nothing is set. */
const orEmpty = (pattern: RegExp): RegExp => new RegExp(`^$|${pattern.source}`);

const QUANTITY = /^\d+(\.\d+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$/;
export const quantity = z.string().regex(QUANTITY, 'is no quantity such as 100m or 64Mi');
const perhapsQuantity = z.string().regex(orEmpty(QUANTITY), 'is no quantity such as 100m or 64Mi');

/** Requests and limits of one container. An empty amount sets none. */
export const resources = (cpu: string, memory: string, memoryLimit: string) =>
  z
    .strictObject({
      requests: z
        .strictObject({
          cpu: perhapsQuantity.default(cpu).describe('CPU that the scheduler reserves.'),
          memory: perhapsQuantity.default(memory).describe('Memory that the scheduler reserves.'),
        })
        .prefault({}),
      limits: z
        .strictObject({
          cpu: perhapsQuantity
            .default('')
            .describe('Empty: none, for a throttled container makes everything behind it wait.'),
          memory: perhapsQuantity.default(memoryLimit).describe('Above this the container is killed.'),
        })
        .prefault({}),
    })
    .prefault({});

const own = proxySettings.parse(undefined);
const ofProxy = (amount: z.ZodString, text = '') =>
  z
    .string()
    .max(16)
    .regex(orEmpty(patternOf(amount)), 'is no quantity such as 100m or 64Mi')
    .default(text);

function patternOf({ def }: z.ZodString): RegExp {
  const [pattern] = (def.checks ?? []).flatMap(({ _zod }) =>
    'pattern' in _zod.def ? [_zod.def.pattern as RegExp] : [],
  );
  if (pattern === undefined) throw new Error('the amount has no pattern');
  return pattern;
}

/** The settings of a sidecar whose MeshService does not name them. The CRD is installed with these defaults. */
export const sidecar = z
  .strictObject({
    concurrency: z
      .int()
      .min(1)
      .max(64)
      .default(own.concurrency)
      .describe(
        'Worker threads of Envoy. As all of sidecar: of MeshServices made from then on that do not say spec.proxy.',
      ),
    resources: z
      .strictObject({
        requests: z
          .strictObject({
            cpu: ofProxy(proxyCpu, own.resources.requests.cpu).describe(
              'CPU that the scheduler reserves for a sidecar.',
            ),
            memory: ofProxy(proxyMemory, own.resources.requests.memory).describe('Memory that it reserves.'),
          })
          .prefault({}),
        limits: z
          .strictObject({
            cpu: ofProxy(proxyCpu, own.resources.limits.cpu).describe('Empty: none.'),
            memory: ofProxy(proxyMemory, own.resources.limits.memory).describe('Above this the sidecar is killed.'),
          })
          .prefault({}),
      })
      .prefault({}),
  })
  .prefault({});

/** mesh/names/host-and-port.ts, as far as a pattern can say it. */
const HOST_PORT =
  /^(\[[0-9a-fA-F:]*:[0-9a-fA-F:.]*\]|[A-Za-z0-9._-]+):([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])$/;
const HOST_PORT_WANTED = 'is no host:port such as 192.0.2.10:30443';
export const hostPort = z.string().regex(HOST_PORT, HOST_PORT_WANTED);
export const perhapsHostPort = z.string().regex(orEmpty(HOST_PORT), HOST_PORT_WANTED);
export const nodePort = z.int().min(1).max(65535);

/** A name in Kubernetes: of a Secret, a class. */
const NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
const NAME_WANTED = 'is no name of lower-case letters, digits, dashes and dots';
export const name = z.string().regex(NAME, NAME_WANTED);
export const perhapsName = z.string().regex(orEmpty(NAME), NAME_WANTED);

export const namespaceName = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'is no name of a namespace: lower-case letters, digits and dashes');

/** A host, all below one, or all that is not named. */
export const hostPattern = z
  .string()
  .regex(/^(\*|(\*\.)?[a-z0-9]([-a-z0-9.]{0,250}[a-z0-9])?)$/, 'is no host such as shop.example, *.shop.example or *');

export const texts = z.record(z.string(), z.string());

export const toleration = z.strictObject({
  key: z.string().optional(),
  operator: z.enum(['Equal', 'Exists']).optional(),
  value: z.string().optional(),
  effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']).optional(),
  tolerationSeconds: z.int().optional(),
});

/** A key of a Secret in the namespace of the installation. */
export const secretKey = (key: string, what: string) =>
  z
    .strictObject({
      name: perhapsName.default('').describe(`Secret in the namespace landbridge that holds ${what}.`),
      key: z.string().min(1).default(key).describe('Key of that Secret.'),
    })
    .prefault({});

export const exposure = (what: string) =>
  z
    .enum(['NodePort', 'LoadBalancer', 'ClusterIP'])
    .default('NodePort')
    .describe(`Type of the Service by which machines outside the cluster reach ${what}.`);
