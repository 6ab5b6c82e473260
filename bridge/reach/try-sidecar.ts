import { BlockList } from 'node:net';
import { connect } from 'node:tls';
import { hostPort } from '../../base/host-port.ts';
import { MACHINE_SIDECAR_RANGE, isMachineSidecar } from '../../mesh/names/sidecar-ports.ts';

export interface Reached {
  ok: boolean;
  /** One line. */
  output: string;
  /** Nothing answered there, or nobody may know what did: a way may be missing. */
  unanswered?: boolean;
}

/** The result, and the remedy where a way is missing. Without figures that differ from try to try. */
export const reachSentence = ({ output, unanswered }: Reached, host: string, port: number): string =>
  unanswered ? `${output}, tried from the cluster: let TCP port ${port} in on ${host}` : output;

const NEVER = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 3],
] as const)
  NEVER.addSubnet(network, prefix);
for (const [network, prefix] of [
  ['::', 127],
  ['fe80::', 10],
  ['ff00::', 8],
] as const)
  NEVER.addSubnet(network, prefix, 'ipv6');

/** An address that means another machine here than there. The bridge tries it only for a machine that calls from it. */
const isNever = (address: string): boolean => NEVER.check(address, address.includes(':') ? 'ipv6' : 'ipv4');

/** A try of it from here says nothing of others. */
export const tellsNothing = ({ address, port }: { address: string; port: number }): boolean =>
  !isMachineSidecar(port) || isNever(address);

/**
 * Tries a sidecar at the address and port that a machine has given. A machine can give any, and must not scan the cluster's
 * network by this: the bridge tries only the ports of sidecars, and neither loopback nor link-local addresses. When the
 * address is not `from`, the one that the machine calls from, the answer says only whether the sidecar is reached.
 */
export async function reachMachine(
  at: { address: string; port: number; service: string },
  from: string,
  reach = reachSidecar,
): Promise<Reached> {
  const where = hostPort(at.address, at.port);
  if (!isMachineSidecar(at.port))
    return {
      ok: false,
      output: `${where}: is not tried: sidecars of machines have ports ${MACHINE_SIDECAR_RANGE}`,
    };
  const own = from.replace(/^::ffff:/, '') === at.address;
  if (!own && isNever(at.address))
    return {
      ok: false,
      output: `${where}: is not tried: give the address by which others reach this machine (--address)`,
    };
  const reached = await reach(at);
  if (reached.ok || own) return reached;
  return { ok: false, unanswered: true, output: `${where}: the sidecar of ${at.service} is not reached there` };
}

const PATIENCE_MS = 3000;

/**
 * Whether another sidecar could reach this one: a TLS handshake up to the certificate that it shows, which must be the
 * service's (https://developer.hashicorp.com/consul/docs/connect/connect-internals#mutual-transport-layer-security-mtls).
 * The bridge has no certificate of the mesh, so the sidecar ends the connection after that, and nothing gets to the app.
 */
export function reachSidecar(at: { address: string; port: number; service: string }): Promise<Reached> {
  const { address, port, service } = at;
  const where = hostPort(address, port);
  const startedMs = performance.now();
  return new Promise((resolve) => {
    // Not verified: whose certificate it is decides, and nothing is said here.
    const socket = connect({ host: address, port, rejectUnauthorized: false, minVersion: 'TLSv1.3' });
    const end = (ok: boolean, output: string, unanswered = false): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ ok, output: `${where}: ${output}`, unanswered });
    };
    const timer = setTimeout(() => end(false, `no answer within ${PATIENCE_MS / 1000} s`, true), PATIENCE_MS);
    socket.once('error', (error: NodeJS.ErrnoException) => end(false, error.code ?? error.message.slice(0, 200), true));
    socket.once('secureConnect', () => {
      const names = socket.getPeerCertificate()?.subjectaltname ?? '';
      const shown = /URI:spiffe:\/\/[^,]*\/svc\/([^,/]+)/.exec(names)?.[1];
      if (shown === service)
        return end(true, `answers as ${service} in ${Math.round(performance.now() - startedMs)} ms`);
      end(
        false,
        shown === undefined ? 'what answers is no sidecar of the mesh' : `the sidecar of ${shown} answers there`,
      );
    });
  });
}
