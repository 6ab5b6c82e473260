import type { KubeObject } from '../../clients/kube/object.ts';
import { nodes } from '../../clients/kube/resources.ts';
import { type Check, failed, ok, warning } from './check.ts';

/** Native sidecars are on by default since Kubernetes 1.29 (KEP-753). */
const OLDEST_MINOR = 29;

/** Between clocks, s. A service's JWT is good from 30 s before it is made until 60 s after; certificates start at once. */
const SKEW_WARNING = 10;
const SKEW_FAILED = 30;

const minorOf = (version: string): number => Number.parseInt(/^v?1\.(\d+)/.exec(version)?.[1] ?? '', 10);
export const isTooOld = (version: string): boolean => !(minorOf(version) >= OLDEST_MINOR);

/** Asked before and after an installation alike. */
export const apiServerChecks: Check[] = [
  {
    name: 'the API server answers',
    hint: 'api-server-does-not-answer',
    stopsOthers: true,
    async run({ kube }) {
      await kube.request('GET', '/version', { timeoutMs: 10_000 });
      return ok(kube.server);
    },
  },
  {
    name: 'the API server is new enough',
    hint: 'kubernetes-too-old',
    stopsOthers: true,
    async run({ kube }) {
      const { gitVersion } = await kube.request<{ gitVersion: string }>('GET', '/version');
      if (isTooOld(gitVersion))
        return failed(`${gitVersion} has no native sidecar containers; 1.${OLDEST_MINOR} or newer is needed`);
      return ok(gitVersion);
    },
  },
  {
    name: 'every node can run sidecars',
    hint: 'node-too-old',
    async run({ kube }) {
      type Node = KubeObject & { status?: { nodeInfo?: { kubeletVersion?: string } } };
      const { items } = await kube.list<Node>(nodes);
      const old = items.flatMap(({ metadata, status }) => {
        const version = status?.nodeInfo?.kubeletVersion ?? '';
        return isTooOld(version) ? [`${metadata.name} (kubelet ${version || 'unknown'})`] : [];
      });
      if (old.length > 0) return failed(`older than 1.${OLDEST_MINOR}: ${old.join(', ')}`);
      return ok(`${items.length} of them`);
    },
  },
  {
    name: 'the clocks of this machine and the API server agree',
    hint: 'clocks-differ',
    run: async ({ kube, nowMs }) => {
      const before = nowMs();
      const there = await kube.dateMs();
      return skewVerdict(there, before, nowMs());
    },
  },
];

/** The server's time was read between `fromMs` and `toMs`, and is cut to whole seconds. */
export function skewVerdict(thereMs: number | undefined, fromMs: number, toMs: number) {
  if (thereMs === undefined) return warning('it sends no Date header, so they cannot be compared');
  const seconds = Math.max((fromMs - thereMs - 1000) / 1000, (thereMs - toMs) / 1000, 0);
  const words = `they differ by ${seconds.toFixed(0)} s`;
  if (seconds >= SKEW_FAILED) return failed(words);
  return seconds >= SKEW_WARNING ? warning(words) : ok();
}
