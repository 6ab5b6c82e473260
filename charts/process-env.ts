import type { k8s } from 'cdk8s-plus-27';
import {
  CONSUL_GRPC_TLS_PORT,
  CONSUL_HTTPS_PORT,
  CONSUL_SERVER_NAME,
  CONSUL_SERVICE,
  DATACENTER,
  NAMESPACE,
} from '../mesh/installation/installation.ts';
import { type Expression, join, type Symbolic, when } from './template/expression.ts';
import { values } from './values/tree.ts';

const { externalConsul } = values;
const theirsOr = (theirs: Expression<string>, own: string): Expression<string> =>
  when<string>(externalConsul.enabled, theirs, own);

const CONSUL_HTTP = theirsOr(
  join(externalConsul.addresses, ','),
  `${CONSUL_SERVICE}.${NAMESPACE}.svc:${CONSUL_HTTPS_PORT}`,
);
/** Where sidecars in the cluster ask for their configuration. */
export const CONSUL_GRPC = theirsOr(externalConsul.grpc, `${CONSUL_SERVICE}.${NAMESPACE}.svc:${CONSUL_GRPC_TLS_PORT}`);

/** The namespaces that operator and bridge watch; empty: every namespace. */
export const watchEnv = { LANDBRIDGE_WATCH_NAMESPACES: join(values.watchNamespaces, ',') };

/** The environment of every Landbridge process, and the variables that only one of them needs. */
export function processEnv(own: Record<string, Symbolic<string>> = {}): Symbolic<k8s.EnvVar>[] {
  const all = {
    LANDBRIDGE_CLUSTER: values.cluster,
    LANDBRIDGE_CONSUL_HTTP: CONSUL_HTTP,
    LANDBRIDGE_CONSUL_SERVER_NAME: theirsOr(externalConsul.serverName, CONSUL_SERVER_NAME),
    LANDBRIDGE_DATACENTER: theirsOr(externalConsul.datacenter, DATACENTER),
    LANDBRIDGE_LOG_LEVEL: values.logLevel,
    ...own,
  };
  return [
    { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
    ...Object.entries(all).map(([name, value]) => ({ name, value })),
  ];
}
