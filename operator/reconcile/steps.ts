import type { Consul } from '../../clients/consul/consul.ts';
import type { KubeClient } from '../../clients/kube/client.ts';
import { isNotFound } from '../../clients/kube/errors.ts';
import { type KubeObject, splitKey } from '../../clients/kube/object.ts';
import { meshServices, pods } from '../../clients/kube/resources.ts';
import { consulName } from '../../crds/mesh-service.ts';
import type { LabelSelector } from '../../crds/kubernetes.ts';
import type { Intent } from '../../mesh/service/desired.ts';
import { FINALIZER, LABEL_INJECT, LABEL_MESH_SERVICE, podsNode } from '../../mesh/names/names.ts';
import { equal } from '../../mesh/equal.ts';
import { type Outside, outsideOf } from '../../mesh/status/outside.ts';
import { stillRefused } from '../../mesh/service/pod-refusal.ts';
import { invalidStatus } from '../../mesh/status/status.ts';
import { selectorQuery } from '../../mesh/service/selector.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { Doors } from '../doors/doors.ts';
import type { ForeignBook } from '../foreign/foreign-book.ts';
import type { Gateway } from '../gateways/keep-gateway.ts';
import { knownNames } from './known-names.ts';
import type { Steps } from './reconcile.ts';
import { type ReportParts, reportWalk } from './report-walk.ts';
import type { RefusedPods } from '../world/refused-pods.ts';
import { targetOf } from '../sidecar-secret/secret-target.ts';
import type { SidecarSecrets } from '../sidecar-secret/sidecar-secret.ts';
import type { ProxyWatch } from '../proxies/proxy-watch.ts';
import type { SiteReach } from '../world/site-reach.ts';
import type { StatusWriter } from './status-writer.ts';
import { type PodWithoutSidecar, podWithoutSidecar } from '../../mesh/status/without-sidecar.ts';
import type { World } from '../world/world.ts';

export interface StepsOptions extends ReportParts {
  kube: KubeClient;
  consul: Pick<Consul, 'health'>;
  cluster: string;
  catalog: Catalog;
  world: World;
  sidecarSecrets: SidecarSecrets;
  siteReach: Pick<SiteReach, 'seen'>;
  proxies: Pick<ProxyWatch, 'seen'>;
  foreign: Pick<ForeignBook, 'putRight' | 'seen' | 'forget'>;
  refusedPods: RefusedPods;
  doors: Pick<Doors, 'keep' | 'seen'>;
  edge: Pick<Gateway, 'verdictOf' | 'judgedOf'>;
  gateway: Pick<Gateway, 'verdictOf'>;
  statuses: StatusWriter;
  /** Asks for one more walk of a key. */
  again: (key: string) => void;
  now: () => string;
  nowMs: () => number;
}

/** A walk that was made for another reason looks around again after this long. */
const LOOK_GOOD_MS = 30_000;

interface Look {
  podsWithoutSidecar: PodWithoutSidecar[];
  external: Outside;
  atMs: number;
}

export interface OperatorSteps extends Steps {
  /** The next walk of a key looks around again. */
  forgetLooks(key: string): void;
  /** The next walk of a key writes its Secret in any case. */
  doubtSecret(key: string): void;
  /** Finds tokens that Consul has lost; see SidecarSecrets.prove. */
  proveTokens(): Promise<string[]>;
  /** True when this program cannot read the object; its status then says so. */
  refuseInvalid(key: string): Promise<boolean>;
  /** Consul holds entries with the mark of this key under these names: its next walk looks there as well. */
  foundInConsul(key: string, services: Iterable<string>): void;
  /** True while entries are left over of a MeshService that the mirror does not have, and the API server has it. */
  isOnlyUnseen(key: string): Promise<boolean>;
}

/** The calls of the walk, on the real API server and Consul. */
export function operatorSteps(options: StepsOptions): OperatorSteps {
  const { kube, consul, catalog, world, sidecarSecrets, statuses, log } = options;
  const stale = new Set<string>();
  const looks = new Map<string, Look>();
  const names = knownNames(options.cluster, (key) => world.meshServices.get(key) !== undefined);
  const keyOf = (intent: Intent): string => `${intent.namespace}/${intent.name}`;

  async function lookAround(intent: Intent) {
    const { pods: selection, external } = intent.meshService!.spec.workloads;
    const [podsWithoutSidecar, outside] = await Promise.all([
      selection === undefined ? [] : podsWithout(kube, intent.namespace, selection.selector),
      external === undefined
        ? { ready: 0, total: 0 }
        : countExternal(consul, intent, looks.get(keyOf(intent))?.external),
    ]);
    return { podsWithoutSidecar, external: outside };
  }

  return {
    readIntent: (key) => names.complete(key, world.readIntent(key)),
    foundInConsul: names.found,
    async isOnlyUnseen(key) {
      if (!names.hasAny(key) || world.meshServices.get(key) !== undefined) return false;
      // The mirror may lag behind: a MeshService that it does not show yet is not gone.
      const { namespace = '', name } = splitKey(key);
      const { items } = await kube.list<KubeObject>(meshServices, {
        namespace,
        fieldSelector: `metadata.name=${name}`,
      });
      return items.length > 0;
    },
    now: options.now,
    again: options.again,
    catalog,
    forgetLooks: (key) => void stale.add(key),
    doubtSecret: (key) => {
      const { namespace = '', name } = splitKey(key);
      sidecarSecrets.doubt(namespace, name);
    },

    proveTokens: () => sidecarSecrets.prove(),

    async refuseInvalid(key) {
      const held = world.meshServices.get(key);
      if (held?.invalid === undefined || held.metadata.deletionTimestamp !== undefined) return false;
      const { generation } = held.metadata;
      await statuses.write(key, invalidStatus(held.status, generation, held.invalid, options.now()));
      return true;
    },

    async holdObject(intent) {
      const { metadata } = intent.meshService!;
      if (metadata.finalizers?.includes(FINALIZER)) return;
      const finalizers = [...(metadata.finalizers ?? []), FINALIZER];
      const { resourceVersion } = metadata;
      await kube.patchMerge(meshServices, intent.name, intent.namespace, { metadata: { finalizers, resourceVersion } });
    },

    async keepSidecarSecret(intent, service) {
      if (intent.meshService!.spec.workloads.pods === undefined) return undefined;
      try {
        await sidecarSecrets.keep(targetOf(intent.meshService!, intent.pods, service));
        return undefined;
      } catch (error) {
        return (error as Error).message;
      }
    },

    async dropSidecarSecret({ namespace, name }) {
      try {
        await sidecarSecrets.remove(namespace, name);
        return undefined;
      } catch (error) {
        return (error as Error).message;
      }
    },

    keepDoors: (intent) => options.doors.keep(intent.meshService!),

    async look(intent) {
      const key = keyOf(intent);
      const namespaceEnabled = world.namespaces.get(intent.namespace) !== undefined;
      const known = looks.get(key);
      let look: Look = known ?? { podsWithoutSidecar: [], external: { ready: 0, total: 0 }, atMs: 0 };
      if (known === undefined || stale.has(key) || options.nowMs() - known.atMs > LOOK_GOOD_MS) {
        try {
          look = { ...(await lookAround(intent)), atMs: options.nowMs() };
          looks.set(key, look);
          stale.delete(key);
        } catch (error) {
          // The walk goes on with the last look, since a failed count does not prove that anything is gone.
          log.warn({ err: error, meshService: key }, 'could not look around');
        }
      }
      const { podsWithoutSidecar, external } = look;
      const refusal = options.refusedPods.of(intent.meshService!);
      const created = intent.pods.map(({ createdMs = 0 }) => createdMs);
      const podsRefused = refusal && stillRefused(refusal, created, options.nowMs()) ? refusal.message : undefined;
      // A verdict about an earlier wish says nothing about this one.
      const isJudged = equal(options.edge.judgedOf(key), intent.meshService!.spec.expose);
      const notExposed = isJudged ? options.edge.verdictOf(key) : undefined;
      return {
        podsWithoutSidecar,
        podsRefused,
        external,
        namespaceEnabled,
        notExposed,
        reach: options.siteReach.seen(consulName(intent.meshService!)),
        proxies: options.proxies.seen(key),
        doors: options.doors.seen(intent.meshService!),
        foreign: options.foreign.seen(key),
        notLinked: options.gateway.verdictOf(key),
        consulDown: undefined,
        tokenProblem: undefined,
      };
    },

    async writeStatus(intent, status) {
      const held = status.consul?.service;
      const ended = status.conditions?.some(({ type, status: is }) => type === 'Synced' && is === 'True') ?? false;
      if (ended && held !== undefined && held === consulName(intent.meshService!)) names.settled(keyOf(intent), held);
      await statuses.write(keyOf(intent), status);
    },

    async releaseObject(intent) {
      await sidecarSecrets.remove(intent.namespace, intent.name);
      looks.delete(keyOf(intent));
      stale.delete(keyOf(intent));
      options.foreign.forget(keyOf(intent));
      catalog.forget(podsNode(options.cluster, intent.namespace, intent.name));
      names.forget(keyOf(intent));
      const metadata = world.meshServices.get(keyOf(intent))?.metadata;
      if (!metadata?.finalizers?.includes(FINALIZER)) return;
      const finalizers = metadata.finalizers.filter((finalizer) => finalizer !== FINALIZER);
      const { resourceVersion } = metadata;
      try {
        await kube.patchMerge(meshServices, intent.name, intent.namespace, {
          metadata: { finalizers, resourceVersion },
        });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
      log.info({ meshService: keyOf(intent) }, 'removed from Consul');
    },

    report: (intent, plan, outcomes) => reportWalk(options, intent, plan, outcomes),
  };
}

/** Live pods that the selector matches and that no injection has marked, by name. */
async function podsWithout(kube: KubeClient, namespace: string, selector: LabelSelector): Promise<PodWithoutSidecar[]> {
  const labelSelector = [selectorQuery(selector), `!${LABEL_MESH_SERVICE}`, `${LABEL_INJECT}!=false`].join(',');
  const fieldSelector = 'status.phase!=Succeeded,status.phase!=Failed';
  const { items } = await kube.list(pods, { namespace, labelSelector, fieldSelector, metadataOnly: true });
  return items.map(({ metadata }) => podWithoutSidecar(metadata)).sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function countExternal(consul: Pick<Consul, 'health'>, intent: Intent, before: Outside | undefined) {
  const service = intent.meshService!.spec.service ?? intent.name;
  const outside = (await consul.health(service)).filter((instance) => instance.service.Meta.platform !== 'pod');
  return outsideOf(outside, before);
}
