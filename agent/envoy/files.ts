import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { BOOTSTRAP_FILE, envoyBootstrap } from '../../mesh/envoy/bootstrap.ts';
import { CA_FILE, TOKEN_FILE, caSecret, tokenSecret } from '../../mesh/envoy/consul-cluster.ts';
import type { ConsulAccess, PlannedProxy } from '../../mesh/outside/bridge-api.ts';
import { vmNode } from '../../mesh/names/names.ts';

import { parseAddress } from '../machine/address.ts';
import { atomicWrite } from '../machine/atomic-write.ts';
import { ADMIN_SOCKET } from '../machine/instance-id.ts';
import { Problem } from '../../base/problem.ts';

export interface EnvoyFiles {
  folder: string;
  site: string;
  host: string;
  service: string;
  consul: ConsulAccess;
  token: string;
  proxy: PlannedProxy;
}

const SECRET = { mode: 0o600 };

/** Writes what Envoy starts from. */
export async function writeEnvoyFiles(files: EnvoyFiles): Promise<void> {
  const { folder, site, host, service, consul, token } = files;
  await mkdir(folder, { recursive: true, mode: 0o750 });
  // A socket left by an Envoy before would look like a live one until the new one takes its place.
  await rm(join(folder, ADMIN_SOCKET), { force: true });
  const bootstrap = envoyBootstrap({
    consul: consul.grpc.map((text) => {
      const address = parseAddress(text);
      if (address === undefined) throw new Problem(`The bridge names a Consul address that cannot be read: ${text}.`);
      return address;
    }),
    serverName: consul.serverName,
    datacenter: consul.datacenter,
    service,
    consulNode: vmNode(site, host),
    secretsDirectory: folder,
    admin: { socket: join(folder, ADMIN_SOCKET) },
    readyPort: undefined,
    stats: files.proxy.stats,
  });
  await writeToken(folder, token);
  await atomicWrite(join(folder, CA_FILE), JSON.stringify(caSecret(consul.caPem)), { mode: 0o640 });
  await atomicWrite(join(folder, BOOTSTRAP_FILE), JSON.stringify(bootstrap, null, 2), { mode: 0o640 });
}

/** Envoy watches the folder: the rename that ends the write makes it take the new token, without a restart. */
export const writeToken = (folder: string, token: string): Promise<void> =>
  atomicWrite(join(folder, TOKEN_FILE), JSON.stringify(tokenSecret(token)), SECRET);
