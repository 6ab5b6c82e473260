import { createServer } from 'node:net';
import { PortForward } from '@kubernetes/client-node';
import { type KubeConfigSource, loadKubeConfig } from './config.ts';

export interface Tunnel {
  /** `127.0.0.1:port`; each connection to it goes through the API server to the pod. */
  address: string;
  close(): void;
}

/** As `kubectl port-forward pod/NAME :PORT`. The local port is free for one process only: loopback, and closed by `close`. */
export async function openTunnel(
  source: KubeConfigSource,
  namespace: string,
  pod: string,
  port: number,
): Promise<Tunnel> {
  const forward = new PortForward(loadKubeConfig(source), true);
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    // A refused forward shows as a connection that closes: the caller's own error names the address.
    forward.portForward(namespace, pod, [port], socket, null, socket).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port: local } = server.address() as { port: number };
  return { address: `127.0.0.1:${local}`, close: () => void server.close() };
}
