import { LOST_HEADERS, LOST_HEADER_MESSAGE } from '../../crds/http-match.ts';
import type { MeshService } from '../../crds/mesh-service.ts';
import { nearName } from '../names/near-name.ts';
import type { TrafficProblem } from './problems/problem.ts';

/** Headers that many programs send, RFC 9110 and beyond. A name that is nearly one of them is mostly a slip. */
const WELL_KNOWN = [
  ...[
    'accept',
    'accept-encoding',
    'accept-language',
    'authorization',
    'cache-control',
    'content-encoding',
    'content-length',
  ],
  ...['content-type', 'cookie', 'forwarded', 'grpc-timeout', 'host', 'if-match', 'if-none-match', 'origin', 'referer'],
  ...['traceparent', 'tracestate', 'upgrade', 'user-agent', 'x-api-key', 'x-forwarded-client-cert', 'x-forwarded-for'],
  ...['x-forwarded-host', 'x-forwarded-proto', 'x-real-ip', 'x-request-id', 'x-requested-with'],
];
const known = new Set(WELL_KNOWN);

/** Headers of one connection that Envoy leaves in some requests. */
const KEPT_FOR = new Map([
  ['connection', 'in requests for a WebSocket alone: match upgrade'],
  ['te', 'with the value trailers alone: match that'],
]);

/** More distinct names of one object are not compared. */
const COMPARED = 32;

/** Names in header matches that no request can meet, and names that look like a slip. Nobody knows which headers callers send. */
export function headerNameProblems({ spec }: MeshService): TrafficProblem[] {
  const { routes = [], loadBalancing } = spec.traffic ?? {};
  const places: [where: string, names: string[]][] = [
    ...routes.map((route): [string, string[]] => [`route "${route.name}"`, namesOf(route)]),
    ...(spec.access ?? []).map((rule): [string, string[]] => [`access of ${rule.from}`, namesOf(rule)]),
    [
      'spec.traffic.loadBalancing.hashOn',
      loadBalancing?.hashOn?.header === undefined ? [] : [loadBalancing.hashOn.header],
    ],
  ];
  const compared = new Set<string>();
  return places.flatMap(([where, names]) =>
    names.flatMap((name): TrafficProblem[] => {
      if (LOST_HEADERS.includes(name))
        return [
          {
            weight: 'refuse',
            reason: 'TrafficRefused',
            message: `${where}: the header "${name}": ${LOST_HEADER_MESSAGE}`,
          },
        ];
      const rest = KEPT_FOR.get(name);
      if (rest !== undefined)
        return [
          {
            weight: 'warn',
            reason: 'TrafficRefused',
            message: `${where}: a sidecar keeps the header "${name}" ${rest}, or match another header`,
          },
        ];
      if (known.has(name) || compared.has(name) || compared.size >= COMPARED) return [];
      compared.add(name);
      const near = nearName(name, WELL_KNOWN);
      return near === undefined
        ? []
        : [
            {
              weight: 'warn',
              reason: 'TrafficRefused',
              message: `${where}: few programs send a header "${name}"; did you mean "${near}"?`,
            },
          ];
    }),
  );
}

const namesOf = ({ headers = [] }: { headers?: { name: string }[] | undefined }): string[] =>
  headers.map(({ name }) => name);
