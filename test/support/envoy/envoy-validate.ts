import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensurePart } from '../../../lab/parts/ensure-part.ts';
import { silent } from '../../../lab/progress/progress.ts';
import { envoyBootstrap } from '../../../mesh/envoy/bootstrap.ts';

type Json = Record<string, unknown>;

/** The complaint of the real Envoy about a bootstrap; '' when Envoy takes the bootstrap. */
export async function envoySays(bootstrap: Json): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'landbridge-validate-'));
  try {
    const file = join(folder, 'bootstrap.json');
    await writeFile(file, JSON.stringify(bootstrap));
    const args = ['--mode', 'validate', '-l', 'critical', '-c', file];
    const child = spawn(await ensurePart('envoy', silent), args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => (said += part.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    return code === 0 ? '' : said.trim() || `ended with ${code}`;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const HCM = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const ROUTER = 'envoy.extensions.filters.http.router.v3.Router';
const typeUrl = (name: string): string => `type.googleapis.com/${name}`;

/** That of every proxy of the product. */
function productRuntime(): unknown {
  const bootstrap = envoyBootstrap({
    consul: [],
    serverName: '',
    datacenter: '',
    service: '',
    consulNode: '',
    secretsDirectory: '',
    admin: { port: 0 },
    readyPort: undefined,
    stats: { tags: {}, extra: [] },
  });
  return (bootstrap as Json)['layered_runtime'];
}

/** One listener with these routes; each leads to a cluster `c` unless it says otherwise. */
export const withRoutes = (routes: Json[]): Json => ({
  layered_runtime: productRuntime(),
  static_resources: {
    clusters: [{ name: 'c', type: 'STATIC' }],
    listeners: [
      {
        name: 'l',
        address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
        filter_chains: [
          {
            filters: [
              {
                name: 'hcm',
                typed_config: {
                  '@type': typeUrl(HCM),
                  stat_prefix: 'x',
                  http_filters: [{ name: 'router', typed_config: { '@type': typeUrl(ROUTER) } }],
                  route_config: {
                    virtual_hosts: [
                      {
                        name: 'v',
                        domains: ['*'],
                        routes: routes.map((route) => ({ match: { prefix: '/' }, route: { cluster: 'c' }, ...route })),
                      },
                    ],
                  },
                },
              },
            ],
          },
        ],
      },
    ],
  },
});
