import type { Clock } from '../../base/clock.ts';
import type { KubeClient } from '../../clients/kube/client.ts';
import { isAlreadyExists, isNotFound } from '../../clients/kube/errors.ts';
import type { Log } from '../../base/log.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { reflectIn } from '../../clients/kube/watching/reflect-in.ts';
import { networkPolicies } from '../../clients/kube/resources.ts';
import type { MutualTLS } from '../../crds/doors.ts';
import type { NetworkPolicySpec, ObjectMeta } from '../../crds/kubernetes.ts';
import type { MeshService } from '../../crds/mesh-service.ts';
import { type PolicyFacts, isAsWanted, isOurs, policyFacts, policyOf, policyPatch } from '../../mesh/doors/policy.ts';
import { meshServiceOfPolicy, sidecarPolicy } from '../../mesh/names/names.ts';

export interface DoorPoliciesOptions {
  kube: Pick<KubeClient, 'pages' | 'stream' | 'create' | 'patchJson' | 'delete'>;
  /** The mode of MeshServices that do not set one. */
  standard: () => MutualTLS;
  /** Namespaces. Default: all. */
  watched: readonly string[];
  /** The policy of a MeshService changed, or may be read for the first time. */
  onOwn: (key: string) => void;
  /** Another policy of a namespace changed. */
  onOther: (namespace: string) => void;
  /** All can be kept from now on. */
  onSynced: () => void;
  clock: Clock;
  signal: AbortSignal;
  log: Log;
}

export interface DoorPolicies {
  /** Makes, changes or removes the policy of a MeshService. Costs a look into memory while nothing changed. Throws what the API server refused. */
  keep(meshService: MeshService): Promise<void>;
  /** Somebody else's policy has the name. */
  isOfAnother(meshService: MeshService): boolean;
  /** Those of the namespace that are not its own. */
  others(meshService: MeshService): PolicyFacts[];
  /** Why nothing is known of policies; undefined: it is. */
  unread(): string | undefined;
}

/** Our own write counts as the stored state for so long, unless the watch shows another one before. */
const BELIEVED_MS = 5000;
/** If somebody else keeps changing a policy back, each repair waits longer. */
const GAPS_MS = [0, 0, 1000, 5000, 30_000];
const PEACE_MS = 300_000;

/** Keeps one NetworkPolicy for each MeshService with pods under Strict, from a mirror of all policies. */
export function doorPolicies(options: DoorPoliciesOptions): DoorPolicies {
  const { kube, standard, watched, onOwn, onOther, onSynced, clock, signal, log } = options;
  const written = new Map<string, { facts: PolicyFacts | undefined; untilMs: number }>();
  const putRight = new Map<string, { times: number; atMs: number }>();
  const mirror = reflectIn<PolicyFacts, Policy, 'namespace'>(watched, kube, networkPolicies, {
    trim: policyFacts,
    indexes: { namespace: ({ namespace }) => [namespace] },
    onChange: (key, next, previous) => {
      written.delete(key);
      const { namespace, name } = (next ?? previous)!;
      const meshService = meshServiceOfPolicy(name);
      if (meshService !== undefined) onOwn(`${namespace}/${meshService}`);
      onOther(namespace);
    },
    signal,
    log,
  });
  void mirror.synced().then(onSynced, () => undefined);

  function heldAt(key: string): PolicyFacts | undefined {
    const own = written.get(key);
    return own !== undefined && clock.steady() < own.untilMs ? own.facts : mirror.get(key);
  }
  const believe = (key: string, facts: PolicyFacts | undefined): void =>
    void written.set(key, { facts, untilMs: clock.steady() + BELIEVED_MS });

  /** False: not yet, and the key is walked again when it is time. */
  function mayPutRight(policyKey: string, key: string): boolean {
    const now = clock.steady();
    const before = putRight.get(policyKey);
    const times = before === undefined || now - before.atMs > PEACE_MS ? 0 : before.times;
    const waitMs = (before?.atMs ?? 0) + GAPS_MS[Math.min(times, GAPS_MS.length - 1)]! - now;
    if (times > 0 && waitMs > 0) {
      void clock.wait(waitMs, signal).then(() => signal.aborted || onOwn(key));
      return false;
    }
    putRight.set(policyKey, { times: times + 1, atMs: now });
    return true;
  }

  return {
    unread: () =>
      mirror.hasSynced ? undefined : (mirror.lastError?.message ?? 'the NetworkPolicies have not been read yet'),
    others: (meshService) =>
      mirror
        .by('namespace', meshService.metadata.namespace ?? '')
        .filter((policy) => policy.name !== sidecarPolicy(meshService.metadata.name)),
    isOfAnother(meshService) {
      const held = mirror.get(keyOf(meshService));
      return held !== undefined && !isOurs(held, meshService);
    },
    async keep(meshService) {
      if (!mirror.hasSynced) return;
      const { namespace = '', name } = meshService.metadata;
      const key = keyOf(meshService);
      const held = heldAt(key);
      const wanted = policyOf(meshService, standard());
      if (held !== undefined && !isOurs(held, meshService)) return;
      if (wanted === undefined) {
        if (held === undefined) return;
        await kube.delete(networkPolicies, held.name, namespace, { uid: held.uid });
        believe(key, undefined);
        log.info({ policy: key }, 'the ports of the app are open: its NetworkPolicy was removed');
      } else if (held === undefined) {
        const made = await kube.create<Policy>(networkPolicies, { ...wanted } as Policy).catch((error: unknown) => {
          // The watch is about to tell whose it is.
          if (isAlreadyExists(error)) return undefined;
          throw error;
        });
        if (made === undefined) return;
        believe(key, policyFacts(made));
        log.info({ policy: key }, 'a NetworkPolicy closes the ports of the app');
      } else if (!isAsWanted(held, wanted)) {
        if (!mayPutRight(key, `${namespace}/${name}`)) return;
        try {
          const put = await kube.patchJson<Policy>(networkPolicies, held.name, namespace, policyPatch(held, wanted));
          believe(key, policyFacts(put));
          log.info({ policy: key }, 'a NetworkPolicy was not as wanted, and is again');
        } catch (error) {
          // Gone meanwhile: the watch tells, and it is made again.
          if (!isNotFound(error)) throw error;
        }
      }
    },
  };
}

type Policy = KubeObject & { metadata: ObjectMeta; spec?: NetworkPolicySpec };

const keyOf = ({ metadata: { namespace = '', name } }: MeshService): string => `${namespace}/${sidecarPolicy(name)}`;
