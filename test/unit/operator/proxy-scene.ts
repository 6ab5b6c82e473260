import type { MeshServiceSpecInput } from '../../../crds/mesh-service.ts';
import type { PodFacts } from '../../../mesh/service/pod.ts';
import { type ProxyCounters } from '../../../mesh/proxies/counters.ts';
import type { HeldMeshService } from '../../../operator/world/held-mesh-service.ts';
import { watchProxies } from '../../../operator/proxies/proxy-watch.ts';
import type { World } from '../../../operator/world/world.ts';
import { aMeshService, aPodFacts } from '../../support/builders.ts';
import { fakeClock } from '../bridge/fake-clock.ts';

/** Of an app that has answered: one that has not is looked at more often. */
const calls = { answered: 1, protocolErrors: 0, closed: 0 };
const WELL: ProxyCounters = { updates: [], connects: 0, connectFails: 0, probe: undefined, calls };
export const refusing = (rejected: number, acceptedAtMs = 1): ProxyCounters => ({
  ...WELL,
  updates: [{ subscription: 'http_web_rds_web', kind: 'route', rejected, acceptedAtMs }],
});

/** A watch of proxies: `web`, and `caller` that calls it; the counters of each pod are set by the test. */
export function scene(options: { gateways?: PodFacts[]; pods?: number } = {}) {
  const clock = fakeClock();
  const stop = new AbortController();
  const services = new Map<string, HeldMeshService>();
  const declare = (name: string, spec: Partial<MeshServiceSpecInput> = {}): void => {
    const meshService = aMeshService(name, spec);
    const { metadata } = meshService;
    services.set(`shop/${name}`, { metadata, meshService, invalid: undefined, status: undefined, formerServices: [] });
  };
  declare('web', { protocol: 'http', expose: { hosts: ['web.example'] } as never });
  declare('caller', { upstreams: [{ service: 'web', localPort: 9191 }] });
  declare('other');
  const pods = new Map<string, PodFacts>();
  for (const meshService of ['web', 'caller', 'other'])
    for (let i = 0; i < (options.pods ?? 1); i += 1)
      pods.set(
        `shop/${meshService}-${i}`,
        aPodFacts(`${meshService}-${i}`, { meshService, labels: { app: meshService } }),
      );
  const all = () => [...services.values()];
  const world = {
    meshServices: {
      get: (key: string) => services.get(key),
      keys: () => [...services.keys()],
      by: (index: string, name: string) =>
        all().filter(({ meshService }) =>
          index === 'service'
            ? meshService?.metadata.name === name
            : index === 'calls' && meshService?.spec.upstreams.some(({ service }) => service === name),
        ),
    },
    pods: {
      get: (key: string) => pods.get(key),
      keys: () => [...pods.keys()],
      by: (_: string, key: string) => [...pods.values()].filter((pod) => `${pod.namespace}/${pod.meshService}` === key),
    },
  } as unknown as Pick<World, 'meshServices' | 'pods'>;
  const counters = new Map<string, ProxyCounters | 'away'>();
  const listing = { fails: false };
  /** What happens while a pod is asked. */
  const during = new Map<string, () => void>();
  const looked: string[] = [];
  const read: string[] = [];
  const changed: string[] = [];
  let words = 'bad value';
  let refusedAtMs = 100;
  const watch = watchProxies({
    world,
    async gatewayPods() {
      if (listing.fails) throw new Error('no answer');
      return options.gateways ?? [];
    },
    async readCounters({ name }) {
      looked.push(name);
      during.get(name)?.();
      const found = counters.get(name) ?? WELL;
      if (found === 'away') throw new Error('no answer');
      return found;
    },
    async readWords({ name }) {
      read.push(name);
      return [{ kind: 'route', words, atMs: refusedAtMs }];
    },
    onChange: (key) => void changed.push(key),
    clock,
    signal: stop.signal,
  });
  const names = (key: string): string[] => watch.seen(key).refusing.map(({ proxy }) => proxy);
  return {
    services,
    declare,
    clock,
    stop,
    watch,
    counters,
    looked,
    read,
    changed,
    names,
    pods,
    listing,
    during,
    say: (text: string, atMs = refusedAtMs) => void ([words, refusedAtMs] = [text, atMs]),
  };
}
