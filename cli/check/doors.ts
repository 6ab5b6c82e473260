import { ingresses, meshServices, services } from '../../clients/kube/resources.ts';
import type { MutualTLS } from '../../crds/doors.ts';
import { type MeshService, parseMeshService } from '../../crds/mesh-service.ts';
import { doorsOf } from '../../mesh/doors/doors.ts';
import { type IngressFacts, type ServiceFacts, leadsTo } from '../../mesh/doors/leads.ts';
import { type InstallationMode, installationMode } from '../installation-mode.ts';
import { type Check, type Verdict, ok, warning } from './check.ts';

type Listed = Pick<MeshService, 'metadata' | 'status'>;
type Placed<T> = T & { metadata: { namespace?: string } };

/** Strict lets nobody reach an app past its sidecar: these checks say whether that holds, and name the ways that it cuts. */
export const doorChecks: Check[] = [
  {
    name: 'nobody reaches the pods of MeshServices past their sidecars',
    hint: 'doors-open',
    async run(look) {
      const mode = await installationMode(look.kube, await look.deployment('landbridge-operator'));
      return doorsVerdict((await look.kube.list<Listed>(meshServices)).items, mode);
    },
  },
  {
    name: 'nothing from outside the cluster leads to a port that is closed',
    hint: 'ways-that-are-cut',
    quietWhenOk: true,
    async run(look) {
      const { mode } = await installationMode(look.kube, await look.deployment('landbridge-operator'));
      const [asked, all, entries] = await Promise.all([
        look.kube.list<Parameters<typeof parseMeshService>[0]>(meshServices),
        look.kube.list<Placed<ServiceFacts>>(services),
        look.kube.list<Placed<IngressFacts>>(ingresses),
      ]);
      const readable = asked.items.flatMap((one) => {
        try {
          return parseMeshService(one);
        } catch {
          return [];
        }
      });
      return cutVerdict(readable, mode, { services: all.items, ingresses: entries.items });
    },
  },
];

/** Told below as Permissive, and by the check of machines. */
const ELSEWHERE = new Set(['Permissive', 'MachineDoorOpen', 'MachineDoorUntold']);

/** A port that is open works as before: a warning. */
export function doorsVerdict(listed: Listed[], { mode, because }: InstallationMode): Verdict {
  const found = listed.flatMap(({ metadata, status }) => {
    const condition = status?.conditions?.find(({ type }) => type === 'Enforced');
    return condition === undefined ? [] : [{ key: `${metadata.namespace}/${metadata.name}`, condition }];
  });
  const standard = `MeshServices that do not say it are ${mode}, since ${because}`;
  const permissive = found.filter(({ condition }) => condition.reason === 'Permissive');
  const open = found.filter(({ condition }) => condition.status === 'False' && !ELSEWHERE.has(condition.reason));
  const untried = found.filter(
    ({ condition }) => condition.status === 'Unknown' && !ELSEWHERE.has(condition.reason),
  ).length;
  const told = [
    ...open.slice(0, 5).map(({ key, condition }) => `${key} (${condition.message})`),
    ...(open.length > 5 ? [`${open.length - 5} more`] : []),
    ...(permissive.length === 0
      ? []
      : [`open to everybody, since they are Permissive: ${named(permissive.map(({ key }) => key))}; ${standard}`]),
  ];
  if (told.length > 0) return warning(told.join('; '));
  const tried = untried === 0 ? `${found.length} MeshServices` : `${untried} of ${found.length} not tried yet`;
  return ok(`${tried}; ${standard}`);
}

/** Ways from outside the cluster to the ports of Strict MeshServices, as far as their selectors say. */
export function cutVerdict(
  asked: MeshService[],
  standard: MutualTLS,
  all: { services: Placed<ServiceFacts>[]; ingresses: Placed<IngressFacts>[] },
): Verdict {
  const [ofServices, ofIngresses] = [byNamespace(all.services), byNamespace(all.ingresses)];
  const cut = asked.flatMap((meshService) => {
    const { namespace, name } = meshService.metadata;
    const doors = doorsOf(meshService, standard);
    if (doors.mode !== 'Strict' || meshService.spec.workloads.pods === undefined) return [];
    const there = { services: ofServices.get(namespace) ?? [], ingresses: ofIngresses.get(namespace) ?? [] };
    const leads = leadsTo(meshService, doors, [], there).filter(({ fromOutside }) => fromOutside);
    return leads.length === 0 ? [] : [`${namespace}/${name}: ${leads.map(({ text }) => text).join(', ')}`];
  });
  return cut.length === 0 ? ok() : warning(named(cut, '; '));
}

function byNamespace<T>(objects: Placed<T>[]): Map<string | undefined, T[]> {
  const found = new Map<string | undefined, T[]>();
  for (const object of objects) {
    const { namespace } = object.metadata;
    const there = found.get(namespace);
    if (there === undefined) found.set(namespace, [object]);
    else there.push(object);
  }
  return found;
}

const named = (all: string[], by = ', '): string =>
  [...all.slice(0, 10), ...(all.length > 10 ? [`${all.length - 10} more`] : [])].join(by);
