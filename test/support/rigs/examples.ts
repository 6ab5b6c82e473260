import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../../../lab/paths.ts';
import { blocksOf, sectionOf } from './guide.ts';

const root = join(repositoryRoot, 'examples');

/** The folders of examples/ that are a task: they have a page of their own. */
export const exampleFolders: string[] = readdirSync(root, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && readdirSync(join(root, entry.name)).includes('README.md'))
  .map(({ name }) => name)
  .sort();

/** The manifests of an example, by their paths from the root of the repository. Templates of a Helm chart do not count. */
export const manifestsOf = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.yaml') && !path.startsWith('chart/') && !path.endsWith('-values.yaml'))
    .map((path) => `examples/${folder}/${path}`)
    .sort();

export const pageOf = (folder: string): string => readFileSync(join(root, folder, 'README.md'), 'utf8');

/** The commands below a heading of its page: one script for each block, and a line that goes on counts as one. */
export const scriptsOf = (folder: string, heading: string): string[] =>
  blocksOf(sectionOf(pageOf(folder), heading), 'sh').map((block) => block.replaceAll('\\\n', ' ').trim());

/** The output that the page shows, in order. */
export const seenOf = (folder: string): string[] =>
  blocksOf(sectionOf(pageOf(folder), 'Result'), 'text').map((block) => block.trim());

export interface Seen {
  /** Each has to be in what the commands below "Result" print. */
  shown: RegExp[];
  /** The log of an app that was called: where it is, the requests that have to be in it, and a pattern that must not. */
  saw?: { by: string; requests: RegExp[]; none?: RegExp };
}

/** The output of each example on a lab. The page says the same. */
export const SEEN: Record<string, Seen> = {
  canary: {
    shown: [/^v1 (7\d|8\d|9\d), v2 ([1-9]|1\d|2\d)$/m],
    saw: { by: 'kubectl -n example-canary logs deploy/prices-v2', requests: [/^GET \/pear$/m] },
  },
  'edge-tls': {
    shown: [/^\/shop\/shoes of the shop$/m],
    saw: { by: 'kubectl -n example-edge-tls logs deploy/storefront', requests: [/^GET \/shop\/shoes$/m] },
  },
  'external-database': {
    shown: [/^row 7 of the archive$/m, /^heard nothing$/m],
    saw: { by: 'npm run --silent vm -- vm3 journalctl -u example-archive -o cat', requests: [/^row 7$/m] },
  },
  failover: {
    shown: [/^200 from the machine vm2$/m],
    saw: { by: 'npm run --silent vm -- vm2 journalctl -u example-orders -o cat', requests: [/^GET \/next$/m] },
  },
  gitops: { shown: [/^1\/1$/m] },
  grpc: {
    shown: [/^Check 0$/m, /^Watch 7$/m],
    saw: {
      by: 'kubectl -n example-grpc logs deploy/stock',
      requests: [/^\/grpc\.health\.v1\.Health\/Check$/m],
      none: /Watch/,
    },
  },
  helm: {
    shown: [/^two entries$/m],
    saw: { by: 'kubectl -n example-helm logs deploy/guestbook-store', requests: [/^GET \/entries$/m] },
  },
  http: {
    shown: [/^GET 200 hello from greeter-[\w-]+$/m, /^POST 403 RBAC: access denied$/m],
    saw: {
      by: 'kubectl -n example-http logs -l app=greeter --tail=-1',
      requests: [/^GET \/hello$/m],
      none: /^POST/m,
    },
  },
  teams: {
    shown: [
      /^GET \/invoices\/7 200 paid$/m,
      /^DELETE \/invoices\/7 403 RBAC: access denied$/m,
      /^GET \/salaries 403 RBAC: access denied$/m,
      /^GET \/invoices\/7 403 RBAC: access denied$/m,
    ],
    saw: {
      by: 'kubectl -n example-team-a logs deploy/billing',
      requests: [/^GET \/invoices\/7$/m],
      none: /^DELETE|salaries/m,
    },
  },
  'vm-two-services': {
    shown: [/^200 winds and tides$/m],
    saw: { by: 'npm run --silent vm -- vm3 journalctl -u example-tides -o cat', requests: [/^GET \/today$/m] },
  },
};
