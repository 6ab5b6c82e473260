import { KubeError, isNotFound } from '../../clients/kube/errors.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { persistentVolumes, services, storageClasses } from '../../clients/kube/resources.ts';
import type { Container, Pod } from '../../crds/kubernetes.ts';
import { apiServerChecks } from './api-server.ts';
import { type Check, failed, ok, warning } from './check.ts';
import { consulTargetChecks } from './consul-target.ts';
import type { Look } from './look.ts';
import { permissionChecks } from './permissions.ts';
import { cannotTry, dryRunCreate, probeContainer, probePod } from './probe-pod.ts';

const DEFAULT_CLASS = 'storageclass.kubernetes.io/is-default-class';

const CLUSTER: Check[] = [
  {
    name: 'sidecars are kept in pods',
    hint: 'native-sidecars-off',
    async run({ kube }) {
      const sidecar = { ...probeContainer('sidecar'), restartPolicy: 'Always' } as Container;
      const pod = probePod({}, { initContainers: [sidecar] });
      // With the feature gate off the API server drops the field, and the pod would wait for its sidecar to end.
      const answer = await dryRunCreate<Pod>(kube, '/api/v1/namespaces/default/pods', pod).catch(cannotTry);
      if (typeof answer === 'string') return warning(answer);
      return answer.spec.initContainers?.[0]?.restartPolicy === 'Always'
        ? ok()
        : failed('the feature gate SidecarContainers is off on the API server');
    },
  },
  {
    name: 'the API server reaches pods, as it must reach the webhook',
    hint: 'webhook-not-reachable',
    async run({ kube }) {
      // Nothing of ours runs yet. CoreDNS does, in almost every cluster, and has an HTTP port.
      const path = '/api/v1/namespaces/kube-system/services/kube-dns:metrics/proxy/metrics';
      try {
        const chunks = await kube.stream(path, { accept: '*/*', signal: AbortSignal.timeout(10_000) });
        await chunks[Symbol.asyncIterator]().return?.();
        return ok('it reaches CoreDNS; a firewall may still close port 9443, which is the webhook');
      } catch (error) {
        if (isNotFound(error) || (error instanceof KubeError && error.code === 403))
          return warning(`cannot be tried before the installation (${(error as Error).message})`);
        return failed(`asked for CoreDNS it says: ${error instanceof Error ? error.message : String(error)}`);
      }
    },
  },
  {
    name: 'the addresses of the cluster suit Consul',
    hint: 'ipv6-first',
    quietWhenOk: true,
    async run({ kube, consulTargets }) {
      type Service = KubeObject & { spec?: { ipFamilies?: string[] } };
      const found = await kube.get<Service>(services, 'kubernetes', 'default');
      const families = found?.spec?.ipFamilies ?? [];
      if (families[0] !== 'IPv6' || consulTargets.length > 0) return ok(families.join(', '));
      return failed(
        'the cluster gives IPv6 addresses first, and the Consul servers of the chart listen on IPv4: use externalConsul',
      );
    },
  },
  {
    name: 'there is a storage class for Consul',
    hint: 'no-storage-class',
    async run(look) {
      if (look.consulTargets.length > 0) return ok('not needed, Consul is elsewhere');
      const { items } = await look.kube.list<KubeObject>(storageClasses, { metadataOnly: true });
      const named = await claimedClasses(look);
      const names = items.map(({ metadata }) => metadata.name);
      const unknown = named.filter((name) => !names.includes(name));
      // Volumes that were made by hand need no object of their class.
      const made = unknown.length === 0 ? [] : await classesOfFreeVolumes(look);
      const missing = unknown.filter((name) => !made.includes(name));
      if (missing.length > 0)
        return failed(`there is no ${missing.join(', ')} and no free volume of it, only ${names.join(', ') || 'none'}`);
      if (named.length > 0) return ok(named.join(', '));
      const preset = items.find(({ metadata }) => metadata.annotations?.[DEFAULT_CLASS] === 'true');
      return preset === undefined
        ? failed('no default class, and consul.storageClass names none')
        : ok(`${preset.metadata.name}, the default`);
    },
  },
];

export const beforeChecks = (external: boolean): Check[] => [
  ...apiServerChecks,
  ...CLUSTER,
  ...permissionChecks,
  ...(external ? consulTargetChecks : []),
];

/** The storage classes that the values name. */
async function claimedClasses(look: Look): Promise<string[]> {
  interface Claiming {
    spec?: { volumeClaimTemplates?: { spec: { storageClassName?: string } }[] };
  }
  const claims = (await look.manifest()).flatMap((object) => (object as Claiming).spec?.volumeClaimTemplates ?? []);
  return [...new Set(claims.flatMap(({ spec }) => spec.storageClassName ?? []))];
}

async function classesOfFreeVolumes(look: Look): Promise<string[]> {
  interface Volume extends KubeObject {
    spec?: { storageClassName?: string };
    status?: { phase?: string };
  }
  const { items } = await look.kube.list<Volume>(persistentVolumes);
  return items.flatMap(({ spec, status }) => (status?.phase === 'Available' ? (spec?.storageClassName ?? []) : []));
}
