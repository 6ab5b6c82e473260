import { type MeshService, consulName } from '../../../crds/mesh-service.ts';
import { parseDurationMs } from '../../duration.ts';
import { bannerHeard } from '../banner.ts';
import { edgeExpressions } from '../edge-access.ts';
import { entriesTooLarge } from '../entry-size.ts';
import { headerNameProblems } from '../header-names.ts';
import { regexProblems } from './regex.ts';
import { routeProblems } from './route-problems.ts';
import { speakerOf } from '../holder.ts';
import { splitCycle } from './split-cycle.ts';
import { referencesOf, servicesOf } from '../subset.ts';
import { type Suggest, suggestions } from './suggestions.ts';
import { textProblems } from './text-problems.ts';
import { unmetNames } from './unmet-names.ts';
import type { Neighbourhood, TrafficProblem } from './problem.ts';

/** `before` is the object before an update. A problem that it had already is not refused again. */
export function trafficProblems(
  meshService: MeshService,
  around: Neighbourhood,
  before?: MeshService,
): TrafficProblem[] {
  const suggest = suggestions(around);
  return [
    ...nameTaken(meshService, around, before),
    ...joinsItself(meshService),
    ...protocolsDiffer(meshService, around),
    ...splitCycle(meshService, around),
    ...siteUnknown(meshService, around),
    ...timeoutsCross(meshService),
    ...routeProblems(meshService.spec.traffic?.routes ?? []),
    ...regexProblems(meshService),
    ...textProblems(meshService),
    ...entriesTooLarge(meshService),
    ...headerNameProblems(meshService),
    ...edgeExpressions(meshService.spec).map(refuse),
    ...bannerHeard(meshService),
    ...serviceMissing(meshService, around, suggest),
    ...callRefused(meshService, around),
    ...unmetNames(meshService, around, suggest),
  ];
}

const refuse = (message: string): TrafficProblem => ({ weight: 'refuse', reason: 'TrafficRefused', message });

const keyOf = ({ metadata }: MeshService): string => `${metadata.namespace ?? ''}/${metadata.name}`;

const others = (meshService: MeshService, found: MeshService[]): MeshService[] =>
  found.filter((other) => keyOf(other) !== keyOf(meshService) && other.metadata.deletionTimestamp === undefined);

function nameTaken(meshService: MeshService, around: Neighbourhood, before?: MeshService): TrafficProblem[] {
  const name = consulName(meshService);
  const holder = speakerOf(name, others(meshService, around.named(name)));
  const hadIt = before !== undefined && consulName(before) === name;
  if (holder === undefined || hadIt || meshService.status?.consul?.service === name) return [];
  return [
    {
      ...refuse(
        `the name "${name}" in Consul belongs to MeshService ${keyOf(holder)}: give spec.service another name, or delete that one first`,
      ),
      reason: 'NameOwnedByAnother',
    },
  ];
}

const isNear = (a: MeshService, b: MeshService): boolean => a.metadata.namespace === b.metadata.namespace;

function joinsItself(meshService: MeshService): TrafficProblem[] {
  const name = consulName(meshService);
  if (!servicesOf(meshService.spec.traffic).includes(name)) return [];
  return [
    refuse(
      `spec.traffic sends requests of ${name} to the service ${name} itself, which goes round in a circle: name a subset, or leave "service" out of the route`,
    ),
  ];
}

function protocolsDiffer(meshService: MeshService, around: Neighbourhood): TrafficProblem[] {
  const name = consulName(meshService);
  const { protocol } = meshService.spec;
  const led = servicesOf(meshService.spec.traffic).flatMap((service) => {
    const other = speakerOf(service, others(meshService, around.named(service)));
    return other === undefined ? [] : [other];
  });
  // One of another namespace is refused itself: nobody pins a service of others by joining it.
  const leading = others(meshService, around.joining(name)).filter((other) => isNear(meshService, other));
  return [...led, ...leading]
    .filter((other) => other.spec.protocol !== protocol)
    .map((other) => ({
      ...refuse(
        `${name} speaks ${protocol} and ${consulName(other)} (MeshService ${keyOf(other)}) speaks ${other.spec.protocol}, but a route, split or fail over joins them, and Consul joins only services of one protocol: take the route, split or fail over out, change both, then put it back`,
      ),
      ...(isNear(meshService, other) ? {} : { withdraws: true as const }),
    }));
}

function siteUnknown(meshService: MeshService, { cluster }: Neighbourhood): TrafficProblem[] {
  const { traffic, workloads } = meshService.spec;
  if (traffic === undefined) return [];
  const known = [...(workloads.external?.sites ?? []), ...(workloads.pods === undefined ? [] : [cluster])];
  const named = referencesOf(traffic).flatMap((each) => (each.startsWith('site:') ? [each.slice('site:'.length)] : []));
  const declared = (traffic.subsets ?? []).flatMap(({ site }) => site ?? []);
  const unknown = [...new Set([...named, ...declared])].filter((site) => !known.includes(site));
  const empty = (traffic.subsets ?? []).filter(
    ({ platform, site }) =>
      (platform === 'pod' && site !== undefined && site !== cluster) ||
      (platform !== undefined && platform !== 'pod' && (site === cluster || workloads.external === undefined)) ||
      (platform === 'pod' && workloads.pods === undefined),
  );
  return [
    ...unknown.map((site) =>
      refuse(
        `spec.traffic names the site "${site}", where no instance can be: admit it in spec.workloads.external.sites (admitted: ${known.join(', ') || 'none'}), or name another`,
      ),
    ),
    ...empty.map(({ name }) =>
      refuse(
        `the subset "${name}" matches nothing: pods are at the site "${cluster}" and need spec.workloads.pods, vm and external are at the sites of spec.workloads.external.sites`,
      ),
    ),
  ];
}

function timeoutsCross(meshService: MeshService): TrafficProblem[] {
  const { timeout, connectTimeout } = meshService.spec.traffic ?? {};
  // 0s: none.
  if (timeout === undefined || connectTimeout === undefined || parseDurationMs(timeout) === 0) return [];
  if (parseDurationMs(connectTimeout) <= parseDurationMs(timeout)) return [];
  return [
    refuse(
      `spec.traffic.connectTimeout (${connectTimeout}) is longer than spec.traffic.timeout (${timeout}), so a lost connection is never tried again: make it shorter`,
    ),
  ];
}

function serviceMissing(meshService: MeshService, around: Neighbourhood, suggest: Suggest): TrafficProblem[] {
  const missing = servicesOf(meshService.spec.traffic).filter(
    (service) => service !== consulName(meshService) && others(meshService, around.named(service)).length === 0,
  );
  const name = consulName(meshService);
  // A name that nobody has speaks tcp: Consul lets no service go that one of another protocol leads to.
  const withdraws = meshService.spec.protocol !== 'tcp';
  const meanwhile = withdraws
    ? `until there is one, ${name} is served without what leads to other services`
    : `what Consul holds for ${name} stays as it is until there is one`;
  return missing.map((service) => ({
    weight: 'wait',
    reason: 'ReferenceMissing',
    message: `spec.traffic names the service "${service}", which no MeshService has: ${meanwhile}${suggest(service)}`,
    ...(withdraws ? { withdraws } : {}),
  }));
}

/** Whether any rule lets calls of a service in. */
export const admits = ({ spec }: MeshService, caller: string): boolean =>
  (spec.access ?? []).some(({ from }) => from === caller || from === '*');

/** A call that this service is set up for and that the other one does not let in. */
function callRefused(meshService: MeshService, around: Neighbourhood): TrafficProblem[] {
  const name = consulName(meshService);
  return meshService.spec.upstreams.flatMap(({ service }) => {
    const callee = speakerOf(service, around.named(service));
    if (callee === undefined || admits(callee, name)) return [];
    return [
      {
        weight: 'warn' as const,
        reason: 'CallRefused' as const,
        message: `calls of ${name} to ${service} will be refused: add { from: ${name} } to spec.access of MeshService ${keyOf(callee)}`,
      },
    ];
  });
}
