import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout. */
export const repositoryRoot = dirname(dirname(fileURLToPath(import.meta.url)));

/** Files that the lab writes into the checkout for its user: the kubeconfig, and logs that outlive a stop. */
export const dotLab = join(repositoryRoot, '.lab');
export const kubeconfigFile = join(dotLab, 'kubeconfig');
/** The values of the installation in this lab: `landbridge upgrade -f` takes it. */
export const valuesFile = join(dotLab, 'values.yaml');
/** The CA of the certificate that the edge gateway serves the sample's HTTPS host with: `curl --cacert`. */
export const edgeCaFile = join(dotLab, 'edge-ca.crt');
export const logDirectory = join(dotLab, 'logs');

/** State of a running lab; gone after a stop, and after a reboot by itself. */
export const stateDirectory = '/run/landbridge-lab';
/** Disks of the VMs; gone after a stop. */
export const diskDirectory = '/var/lib/landbridge-lab';

/** Per-user cache: finished parts, and the private engine's images. LANDBRIDGE_CACHE overrides where it is. */
export function cacheDirectory(env: NodeJS.ProcessEnv = process.env): string {
  if (env.LANDBRIDGE_CACHE) return env.LANDBRIDGE_CACHE;
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'landbridge');
}
