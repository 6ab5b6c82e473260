import { request } from 'node:https';
import type { RealConsul } from '../real/consul.ts';

/** A backup of all that a Consul server holds, https://developer.hashicorp.com/consul/api-docs/snapshot */
export const takeBackup = (server: RealConsul): Promise<Buffer> => ask(server, 'GET');

/** Puts the server back to where it was. */
export const restoreBackup = async (server: RealConsul, backup: Buffer): Promise<void> =>
  void (await ask(server, 'PUT', backup));

function ask(server: RealConsul, method: 'GET' | 'PUT', body?: Buffer): Promise<Buffer> {
  const [host, port] = server.address.split(':');
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        method,
        host,
        port,
        path: '/v1/snapshot',
        ca: server.caPem,
        servername: server.serverName,
        headers: { 'x-consul-token': server.token },
      },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () => {
          const whole = Buffer.concat(chunks);
          if (answer.statusCode === 200) resolve(whole);
          else reject(new Error(`${method} /v1/snapshot: ${answer.statusCode} ${whole.toString()}`));
        });
        answer.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}
