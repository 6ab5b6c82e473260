import type { KubeClient } from './client.ts';
import { createLineSplitter } from './watching/line-splitter.ts';
import { objectPath, pods } from './resources.ts';

export interface PodLogOptions {
  namespace: string;
  name: string;
  container: string;
  /** Lines from its end. */
  lines: number;
  timeoutMs: number;
  /** The lines that are wanted. */
  keep: (line: string) => boolean;
}

/** An access log may be written beside what is looked for. */
const MAX_BYTES = 16 * 1024 * 1024;
const MAX_LINE_BYTES = 1024 * 1024;

/** Lines from the end of a container's log, each with its time before it. Throws KubeError, and the reason of an abort. */
export async function podLog(kube: Pick<KubeClient, 'stream'>, options: PodLogOptions): Promise<string[]> {
  const { namespace, name, container, lines, timeoutMs, keep } = options;
  const query = { container, tailLines: lines, timestamps: true, limitBytes: MAX_BYTES };
  const path = `${objectPath(pods, name, namespace)}/log`;
  const signal = AbortSignal.timeout(timeoutMs);
  const splitter = createLineSplitter(MAX_LINE_BYTES);
  const kept: string[] = [];
  for await (const chunk of await kube.stream(path, { query, accept: '*/*', signal })) {
    kept.push(...splitter.push(chunk).filter(keep));
  }
  return kept;
}
