import type { k8s } from 'cdk8s-plus-27';
import {
  CONSUL_GRPC_TLS_PORT,
  CONSUL_HTTPS_PORT,
  CONSUL_SERVER_NAME,
  CONSUL_SERVICE,
  DATACENTER,
  NAMESPACE,
} from '../mesh/installation.ts';
import type { Values } from './values.ts';

export const CONSUL_HTTPS_ADDRESS = `${CONSUL_SERVICE}.${NAMESPACE}.svc:${CONSUL_HTTPS_PORT}`;
export const CONSUL_GRPC_ADDRESS = `${CONSUL_SERVICE}.${NAMESPACE}.svc:${CONSUL_GRPC_TLS_PORT}`;

/** The environment of every Landbridge process, and what one of them needs besides. */
export function processEnv(values: Values, own: Record<string, string> = {}): k8s.EnvVar[] {
  const fixed = {
    LANDBRIDGE_CLUSTER: values.cluster,
    LANDBRIDGE_CONSUL_HTTP: CONSUL_HTTPS_ADDRESS,
    LANDBRIDGE_CONSUL_SERVER_NAME: CONSUL_SERVER_NAME,
    LANDBRIDGE_DATACENTER: DATACENTER,
    LANDBRIDGE_LOG_LEVEL: values.logLevel,
    ...own,
  };
  return [
    { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
    ...Object.entries(fixed).map(([name, value]) => ({ name, value })),
  ];
}
