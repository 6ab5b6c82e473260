import { connect } from 'node:tls';

export interface Reached {
  ok: boolean;
  /** One line. */
  output: string;
}

const PATIENCE_MS = 3000;

/**
 * Whether another sidecar could reach this one: a TLS handshake up to the certificate that it shows, which must be the
 * service's (https://developer.hashicorp.com/consul/docs/connect/connect-internals#mutual-transport-layer-security-mtls).
 * The bridge has no certificate of the mesh, so the sidecar ends the connection after that, and nothing gets to the app.
 */
export function reachSidecar(at: { address: string; port: number; service: string }): Promise<Reached> {
  const { address, port, service } = at;
  const where = `${address.includes(':') ? `[${address}]` : address}:${port}`;
  const startedMs = performance.now();
  return new Promise((resolve) => {
    // Not verified: whose certificate it is decides, and nothing is said here.
    const socket = connect({ host: address, port, rejectUnauthorized: false, minVersion: 'TLSv1.3' });
    const end = (ok: boolean, output: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ ok, output: `${where}: ${output}` });
    };
    const timer = setTimeout(() => end(false, `no answer within ${PATIENCE_MS / 1000} s`), PATIENCE_MS);
    socket.once('error', (error: NodeJS.ErrnoException) => end(false, error.code ?? error.message.slice(0, 200)));
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
