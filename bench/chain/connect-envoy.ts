import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { ensurePart } from '../../lab/parts/ensure-part.ts';
import { silent } from '../../lab/progress/progress.ts';
import { freePorts } from '../../test/support/real/consul-ports.ts';
import { startConsul } from '../../test/support/real/consul.ts';
import type { Link } from './link.ts';

/**
 * Services of an agent and their sidecars by `consul connect envoy -sidecar-for`, as in Consul's own guide for VMs:
 * service-defaults http, intentions that refuse everybody but the caller. The agent is a server without ACLs: sidecars
 * present no token, which is no part of a request's way.
 */
export async function startConnectSidecars() {
  const [server, consul, envoy] = await Promise.all([
    startConsul(),
    ensurePart('consul', silent),
    ensurePart('envoy', silent),
  ]);
  const children: ChildProcess[] = [];
  const put = async (path: string, body: object): Promise<void> => {
    const answer = await fetch(`http://${server.address}/v1${path}`, { method: 'PUT', body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`PUT ${path}: ${answer.status} ${await answer.text()}`);
  };
  const killAll = (): void => children.forEach((child) => child.kill('SIGKILL'));
  process.once('exit', killAll);
  return {
    async declare(callers: Record<string, string>) {
      await put('/config', { Kind: 'service-defaults', Name: 'edge', Protocol: 'http' });
      await put('/config', { Kind: 'service-intentions', Name: '*', Sources: [{ Name: '*', Action: 'deny' }] });
      for (const [callee, caller] of Object.entries(callers)) {
        await put('/config', { Kind: 'service-defaults', Name: callee, Protocol: 'http' });
        const allow = { Name: caller, Action: 'allow' };
        await put('/config', { Kind: 'service-intentions', Name: callee, Sources: [allow] });
      }
    },
    async sidecar({ service, appPort, upstreams }: Link) {
      const [port = 0, admin = 0] = await freePorts(2);
      const Upstreams = upstreams.map((each) => ({ DestinationName: each.service, LocalBindPort: each.localPort }));
      const SidecarService = { Port: port, Checks: [{ Name: 'app', AliasService: service }], Proxy: { Upstreams } };
      await put('/agent/service/register', {
        ...{ ID: service, Name: service, Address: '127.0.0.1', Port: appPort },
        Connect: { SidecarService },
      });
      const [http, grpc] = [`http://${server.address}`, `http://${server.grpcAddress}`];
      const where = ['-http-addr', http, '-grpc-addr', grpc, '-admin-bind', `127.0.0.1:${admin}`];
      const how = ['-envoy-binary', envoy, '-ignore-envoy-compatibility'];
      const quiet = ['--', '--log-level', 'warning'];
      const args = ['connect', 'envoy', '-sidecar-for', service, ...where, ...how, ...quiet];
      // It becomes Envoy by exec, under the same pid.
      children.push(
        spawn(consul, args, { stdio: ['ignore', 'ignore', process.env['BENCH_LOG'] ? 'inherit' : 'ignore'] }),
      );
    },
    async stop() {
      process.off('exit', killAll);
      for (const child of children) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        const ended = once(child, 'exit');
        child.kill('SIGKILL');
        await ended;
      }
      await server.stop();
    },
  };
}
