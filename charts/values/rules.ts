import { type Expression, equal, every, given, not, text } from '../template/expression.ts';
import type { ValuesTree } from './tree.ts';
import { values } from './tree.ts';

/** Rules between two values. parseValues and Helm check them by the same expressions. */
export interface ValueRule {
  /** The key that has to be changed. */
  key: string;
  broken: Expression<boolean>;
  /** After "KEY: ". */
  message: Expression<string>;
}

const { bridge, consul, externalConsul } = values as ValuesTree;
const own = not(externalConsul.enabled);

const says = (message: string): Expression<string> => text([message] as unknown as TemplateStringsArray);
const missing = (key: string, value: Expression<unknown>, needed: Expression<boolean>, message: string): ValueRule => ({
  key,
  broken: every(needed, not(given(value))),
  message: says(message),
});

export const valueRules: readonly ValueRule[] = [
  missing(
    'bridge.advertise',
    bridge.advertise,
    bridge.enabled,
    'is empty, but machines can only join at an address: name at least one, for example 192.0.2.10:30443',
  ),
  missing(
    'consul.advertise',
    consul.advertise,
    every(bridge.enabled, own),
    'is empty, but machines can only join at an address: name at least one, for example 192.0.2.10:30503',
  ),
  {
    key: 'bridge.nodePort',
    broken: every(
      bridge.enabled,
      own,
      equal(bridge.exposure, 'NodePort'),
      equal(consul.exposure, 'NodePort'),
      equal(bridge.nodePort, consul.xdsNodePort),
    ),
    message: says('is consul.xdsNodePort too'),
  },
  missing(
    'externalConsul.addresses',
    externalConsul.addresses,
    externalConsul.enabled,
    'is empty: name at least one server, for example consul.example:8501',
  ),
  missing(
    'externalConsul.grpc',
    externalConsul.grpc,
    externalConsul.enabled,
    "is empty: name the servers' gRPC TLS port, for example consul.example:8503",
  ),
  missing(
    'externalConsul.ca.name',
    externalConsul.ca.name,
    externalConsul.enabled,
    'is empty: kubectl -n landbridge create secret generic consul-ca --from-file=ca.crt, and name it here',
  ),
  missing(
    'externalConsul.token.name',
    externalConsul.token.name,
    every(externalConsul.enabled, externalConsul.manageAcls),
    'is empty: kubectl -n landbridge create secret generic consul-token --from-literal=token=..., and name it here; or set externalConsul.manageAcls to false',
  ),
];
