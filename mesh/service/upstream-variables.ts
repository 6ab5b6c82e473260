import type { MeshServiceSpec } from '../../crds/mesh-service.ts';

/** An environment variable by which an app finds an upstream. */
export interface Variable {
  name: string;
  value: string;
}

/** `ADD_SVC_ADDR` for `add-svc`; `_1ST_ADDR` for `1st`, since no variable begins with a digit. */
const defaultVariableName = (service: string): string =>
  `${service.replaceAll('-', '_').toUpperCase()}_ADDR`.replace(/^(?=\d)/, '_');

/**
 * The variables of a service's upstreams, in their order. A name that the user gave goes before one made here.
 * `protocolOf` may not know an upstream that no MeshService here describes: then it is taken to speak as the caller does.
 */
export function upstreamVariables(
  { upstreams, protocol }: Pick<MeshServiceSpec, 'upstreams' | 'protocol'>,
  protocolOf: (service: string) => string | undefined,
): (Variable & { service: string })[] {
  const given = new Set(upstreams.map(({ env }) => env));
  return upstreams.flatMap(({ service, localPort, env }) => {
    const name = env ?? defaultVariableName(service);
    if (name === '' || (env === undefined && given.has(name))) return [];
    const spoken = protocolOf(service) ?? protocol;
    const scheme = spoken === 'http' || spoken === 'http2' ? 'http://' : '';
    return [{ service, name, value: `${scheme}localhost:${localPort}` }];
  });
}

/** One sentence where a variable had to be written without knowing how its upstream speaks. */
export function unknownProtocols(
  { upstreams, protocol }: Pick<MeshServiceSpec, 'upstreams' | 'protocol'>,
  protocolOf: (service: string) => string | undefined,
): string[] {
  const unknown = upstreams.filter(({ service, env }) => env !== '' && protocolOf(service) === undefined);
  if (unknown.length === 0) return [];
  const names = [...new Set(unknown.map(({ service }) => service))].join(', ');
  return [
    `no MeshService that is known here has the name ${names}, so the variable of that upstream is written for the protocol of the caller, ${protocol}: where it speaks another, apply its MeshService first and make the pod again`,
  ];
}
