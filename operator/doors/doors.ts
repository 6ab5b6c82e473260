import type { Clock } from '../../base/clock.ts';
import type { KubeClient } from '../../clients/kube/client.ts';
import type { Log } from '../../base/log.ts';
import { ingresses, services } from '../../clients/kube/resources.ts';
import { tryPort } from '../../base/try-port.ts';
import type { MutualTLS } from '../../crds/doors.ts';
import type { MeshService } from '../../crds/mesh-service.ts';
import type { IngressFacts, ServiceFacts } from '../../mesh/doors/leads.ts';
import type { DoorsSeen } from '../../mesh/doors/verdict.ts';
import { doorPolicies } from './door-policies.ts';
import { doorTrials } from './door-trials.ts';
import type { World } from '../world/world.ts';

export interface DoorsOptions {
  kube: Pick<KubeClient, 'pages' | 'stream' | 'create' | 'patchJson' | 'delete' | 'list'>;
  world: Pick<World, 'meshServices' | 'pods'>;
  /** The mode of MeshServices that do not set one. */
  standard: () => MutualTLS;
  /** Namespaces. Default: all. */
  watched: readonly string[];
  onChange: (key: string) => void;
  clock: Clock;
  signal: AbortSignal;
  log: Log;
  /** For tests. Default: a real connection. */
  tryPort?: typeof tryPort;
}

export interface Doors {
  /** Keeps the NetworkPolicy; answers what went wrong, in a sentence. */
  keep(meshService: MeshService): Promise<string | undefined>;
  seen(meshService: MeshService): DoorsSeen;
  touched(key: string): void;
}

/** A port that drops what comes is silent. */
const TRY_MS = 1500;
/** One read of a namespace does for all MeshServices of it. */
const ENTRANCES_GOOD_MS = 30_000;

/** Closes the ports of apps, and finds out whether they are. */
export function keepDoors(options: DoorsOptions): Doors {
  const { kube, world, standard, watched, onChange, clock, signal, log } = options;
  const connect = options.tryPort ?? tryPort;
  const problems = new Map<string, string>();
  const policies = doorPolicies({
    kube,
    standard,
    watched,
    onOwn: (key) => {
      if (world.meshServices.get(key) === undefined) return;
      onChange(key);
      trials.policyChanged(key);
    },
    onOther: (namespace) => {
      for (const { metadata } of world.meshServices.by('namespace', namespace))
        trials.policyChanged(`${namespace}/${metadata.name}`);
    },
    onSynced: () => {
      for (const key of world.meshServices.keys()) onChange(key);
    },
    clock,
    signal,
    log,
  });
  const trials = doorTrials({
    world,
    standard,
    others: policies.others,
    entrances: entrancesOf(kube, clock, log),
    tryPort: (address, port) => connect(address, port, TRY_MS),
    onChange,
    clock,
    signal,
  });

  return {
    async keep(meshService) {
      const key = `${meshService.metadata.namespace}/${meshService.metadata.name}`;
      try {
        await policies.keep(meshService);
        problems.delete(key);
        return undefined;
      } catch (error) {
        problems.set(key, (error as Error).message);
        return (error as Error).message;
      }
    },
    seen(meshService) {
      const key = `${meshService.metadata.namespace}/${meshService.metadata.name}`;
      return {
        standard: standard(),
        policyOfAnother: policies.isOfAnother(meshService),
        problem: problems.get(key) ?? policies.unread(),
        ...trials.found(key),
      };
    },
    touched: (key) => trials.touched(key),
  };
}

type Entrances = { services: ServiceFacts[]; ingresses: IngressFacts[] };

/** If Services or Ingresses cannot be listed, the condition names none of them. */
function entrancesOf(kube: Pick<KubeClient, 'list'>, clock: Clock, log: Log) {
  const known = new Map<string, { read: Promise<Entrances>; atMs: number }>();
  let isTold = false;
  const listed = async <T>(resource: typeof services, namespace: string): Promise<T[]> => {
    try {
      return (await kube.list<T>(resource, { namespace })).items;
    } catch (error) {
      if (!isTold)
        log.warn({ err: error, namespace }, `could not list ${resource.plural}: ways past the sidecars are not seen`);
      isTold = true;
      return [];
    }
  };
  return (namespace: string): Promise<Entrances> => {
    const before = known.get(namespace);
    if (before !== undefined && clock.steady() - before.atMs < ENTRANCES_GOOD_MS) return before.read;
    const read = Promise.all([
      listed<ServiceFacts>(services, namespace),
      listed<IngressFacts>(ingresses, namespace),
    ]).then(([found, entries]) => ({ services: found.map(serviceFacts), ingresses: entries.map(ingressFacts) }));
    known.set(namespace, { read, atMs: clock.steady() });
    return read;
  };
}

const serviceFacts = ({ metadata: { name }, spec = {} }: ServiceFacts): ServiceFacts => {
  const { type, clusterIP, selector, ports } = spec;
  return { metadata: { name }, spec: { type, clusterIP, selector, ports } as ServiceFacts['spec'] & object };
};
const ingressFacts = ({ metadata: { name }, spec = {} }: IngressFacts): IngressFacts => ({ metadata: { name }, spec });
