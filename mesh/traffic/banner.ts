import type { MeshService } from '../../crds/mesh-service.ts';
import type { TrafficProblem } from './problems.ts';

/**
 * Envoy's RBAC filter for tcp decides with the first byte of the caller, and by then the connection to the app is open
 * (https://github.com/envoyproxy/envoy/issues/9023). Where the server speaks first, a caller without access hears that.
 */
export function bannerHeard({ spec: { protocol, port, workloads, access } }: MeshService): TrafficProblem[] {
  const serves = port !== undefined || workloads.external !== undefined;
  if (protocol !== 'tcp' || !serves || access === undefined || access.some(({ from }) => from === '*')) return [];
  return [
    {
      weight: 'warn',
      reason: 'TrafficRefused',
      message:
        'protocol tcp: a caller in the mesh without access is cut off when it sends its first byte, so it hears what the server says before that, such as the greeting of SMTP, FTP or MySQL: have the server say nothing secret first, or set spec.protocol to http, http2 or grpc if it speaks one of them',
    },
  ];
}
