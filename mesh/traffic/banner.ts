import type { MeshService } from '../../crds/mesh-service.ts';
import type { TrafficProblem } from './problems/problem.ts';

/** Whether sidecars connect to the app with the caller's first byte, and not before. */
export const waitsForCaller = ({ protocol, speaksFirst }: MeshService['spec']): boolean =>
  protocol === 'tcp' && speaksFirst === 'Caller';

/**
 * Envoy's RBAC filter for tcp decides with the first byte of the caller, and by then the connection to the app is open, unless
 * the sidecar waits for that byte (https://github.com/envoyproxy/envoy/issues/9023). Where the server speaks first the
 * caller sends no such byte, and a caller without access hears the greeting.
 */
export function bannerHeard({ spec }: MeshService): TrafficProblem[] {
  const { protocol, port, workloads, access, speaksFirst } = spec;
  const serves = port !== undefined || workloads.external !== undefined;
  if (protocol !== 'tcp' || !serves || waitsForCaller(spec)) return [];
  if (access === undefined || access.some(({ from }) => from === '*')) return [];
  if (speaksFirst === 'Server')
    return [
      {
        weight: 'refuse',
        reason: 'TrafficRefused',
        message:
          'spec.speaksFirst is Server, and spec.access is not for everybody: a caller without access would hear what the server says first, since nobody can be judged before a byte of the caller. Say access: [{ from: "*" }] and let the server ask for a password, or serve it by TLS of its own, in which the caller speaks first, and say speaksFirst: Caller',
      },
    ];
  return [
    {
      weight: 'warn',
      reason: 'TrafficRefused',
      message:
        'protocol tcp: a caller in the mesh without access is cut off when it sends its first byte, so it hears what the server says before that, such as the greeting of SMTP, FTP or MySQL: say spec.speaksFirst: Caller if callers speak first, and it hears nothing; or set spec.protocol to http, http2 or grpc if it speaks one of them',
    },
  ];
}
