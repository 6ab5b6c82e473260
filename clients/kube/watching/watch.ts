import type { KubeClient } from '../client.ts';
import { errorOfTransport } from '../errors.ts';
import { followAbort } from '../../../base/follow-abort.ts';
import { collectionPath, type Resource } from '../resources.ts';
import { metadataAccept } from '../verbs.ts';
import { watchEvents, type WatchEvent } from './watch-stream.ts';

export interface WatchOptions {
  /** The version after which events are wanted. */
  resourceVersion: string;
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  metadataOnly?: boolean;
  /** The server ends the watch by itself after this long. */
  timeoutSeconds: number;
  /** A connection without a byte for this long, its opening included, counts as dead. */
  idleTimeoutMs: number;
  maxLineBytes?: number;
  /** Called when the server has accepted the watch. */
  onOpen?: () => void;
  signal: AbortSignal;
}

/**
 * One watch, from opening to end. Ends quietly when the server closes it; throws KubeError when it cannot be opened, is
 * cut or falls silent (reason Timeout), and the reason of `signal` when that aborts.
 */
export async function* watch(
  client: Pick<KubeClient, 'stream'>,
  resource: Resource,
  options: WatchOptions,
): AsyncGenerator<WatchEvent> {
  const { idleTimeoutMs, maxLineBytes, signal } = options;
  const path = collectionPath(resource, options.namespace);
  const stop = new AbortController();
  const forget = followAbort(signal, () => stop.abort(signal.reason));
  const idle = setTimeout(() => {
    stop.abort(errorOfTransport(`watch ${path}`, 'Timeout', `silent for ${idleTimeoutMs} ms`));
  }, idleTimeoutMs);

  async function* chunks(): AsyncGenerator<Uint8Array> {
    const query = queryOf(options);
    const body = await client.stream(path, { query, accept: acceptOf(options), signal: stop.signal });
    options.onOpen?.();
    for await (const chunk of body) {
      idle.refresh();
      yield chunk;
    }
  }

  try {
    yield* watchEvents(chunks(), maxLineBytes);
  } catch (error) {
    throw stop.signal.aborted ? stop.signal.reason : asKubeError(path, error);
  } finally {
    clearTimeout(idle);
    forget();
    stop.abort();
  }
}

function queryOf(options: WatchOptions) {
  const { resourceVersion, labelSelector, fieldSelector, timeoutSeconds } = options;
  return { watch: true, allowWatchBookmarks: true, resourceVersion, labelSelector, fieldSelector, timeoutSeconds };
}

function acceptOf(options: WatchOptions): string | undefined {
  return options.metadataOnly ? metadataAccept.object : undefined;
}

function asKubeError(path: string, error: unknown): unknown {
  // A cut connection surfaces as a plain ECONNRESET from the stream.
  return error instanceof Error && error.name === 'KubeError'
    ? error
    : errorOfTransport(`watch ${path}`, 'Unreachable', error);
}
