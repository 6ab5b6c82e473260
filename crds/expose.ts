import { z } from 'zod';

/** Consul name of the edge gateway; no MeshService may have it. */
export const EDGE_SERVICE = 'landbridge-edge';

/** RFC 1035: labels of 63 characters at most. Consul refuses others, and a route with them. */
const host = z
  .string()
  .max(253)
  .regex(/^(\*\.)?[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$/);

const path = z
  .string()
  .max(256)
  .regex(/^\/[A-Za-z0-9\-._~!$&'()+,;=:@/]*$/);

/** The part of a service that the edge gateway serves to clients outside the mesh. */
export const exposeSettings = z
  .strictObject({
    hosts: z
      .array(host)
      .min(1)
      .max(16)
      .describe('Host names that are asked for, such as shop.example, or *.shop.example for all below it.')
      .meta({ 'x-kubernetes-list-type': 'set' }),
    paths: z
      .array(path)
      .min(1)
      .max(32)
      // A set would keep the default beside what is applied later: all would go on being served.
      .default(['/'])
      .describe(
        'Paths that are served, each with everything below it: /api serves /api and /api/x, not /apis. Default: /.',
      )
      .meta({ 'x-kubernetes-list-type': 'atomic' }),
    sharedWith: z
      .array(
        z
          .string()
          .max(63)
          .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/),
      )
      .max(32)
      .optional()
      .describe(
        'Namespaces whose MeshServices may serve these hosts too, under other paths, and hosts below them where one begins with a star. Default: none; a host belongs to the namespace that was the first to expose it.',
      )
      .meta({ 'x-kubernetes-list-type': 'set' }),
    tlsSecret: z
      .string()
      .max(253)
      .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/)
      .optional()
      .describe(
        'Secret of the same namespace with tls.crt and tls.key, as kubernetes.io/tls has them. With it the hosts are served over HTTPS only, and a changed Secret is taken over within 15 s. Default: none, plain HTTP.',
      ),
  })
  .describe(
    'Serves the service to those outside the mesh through the edge gateway, which may then call it without an entry in access. Default: not exposed.',
  );

export type ExposeSettings = z.output<typeof exposeSettings>;
