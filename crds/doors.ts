import { z } from 'zod';

/** Whether the ports of an instance, other than those of its sidecar, can be reached from outside it. */
export const MUTUAL_TLS = ['Strict', 'Permissive'] as const;
export type MutualTLS = (typeof MUTUAL_TLS)[number];

/** A port by number, or by the name that a container gives it. */
export type PlaintextPort = number | string;

/** As Kubernetes wants the name of a container port: with a letter in it. Both limits are for the API server, which reads neither from a union. */
const PORT_NAME = '^([0-9]-?)*[a-z](-?[a-z0-9])*$';
const PORT_LIMITS = { pattern: PORT_NAME, maxLength: 15, minimum: 1, maximum: 65535 };

const MAX_PLAINTEXT_PORTS = 32;

export const mutualTLS = z
  .enum(MUTUAL_TLS)
  .optional()
  .describe(
    'Strict: from outside an instance only its sidecar can be reached, and the ports of plaintextPorts; for pods the operator keeps a NetworkPolicy, which the network plugin of the cluster has to enforce. Permissive: the ports of the app can be reached by everybody, past spec.access, for the time in which callers move over. Default: the mode that the value defaultMutualTLS of the installation gives.',
  );

export const plaintextPorts = z
  .array(
    z
      .union([z.int().min(1).max(65535), z.string().min(1).max(15).regex(new RegExp(PORT_NAME))])
      .meta({ 'x-kubernetes-int-or-string': true, ...PORT_LIMITS }),
  )
  .max(MAX_PLAINTEXT_PORTS)
  .default([])
  .describe(
    'Ports that everybody reaches under Strict as well, by TCP and UDP, without the mesh: metrics for instance, or a port for callers outside the mesh. A number, or the name of a container port (pods only). Default: none.',
  )
  .meta({ 'x-kubernetes-list-type': 'set' });
