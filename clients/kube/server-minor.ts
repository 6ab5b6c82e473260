import type { KubeClient } from './client.ts';

/** The 34 of the API server's version 1.34.2. Throws a KubeError; undefined when it tells none that can be read. */
export async function serverMinor(kube: Pick<KubeClient, 'request'>): Promise<number | undefined> {
  const { gitVersion } = await kube.request<{ gitVersion?: string }>('GET', '/version', { timeoutMs: 10_000 });
  const minor = Number.parseInt(/^v?1\.(\d+)/.exec(gitVersion ?? '')?.[1] ?? '', 10);
  return Number.isNaN(minor) ? undefined : minor;
}
