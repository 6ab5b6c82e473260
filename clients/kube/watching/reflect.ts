import { createBackoff } from '../../../base/backoff.ts';
import type { KubeClient } from '../client.ts';
import { systemClock, type Clock } from '../../../base/clock.ts';
import { errorOfStatus, isExpired, KubeError, type Status } from '../errors.ts';
import type { Log } from '../../../base/log.ts';
import { keyOf, type KubeObject } from '../object.ts';
import { collectionPath, type Resource } from '../resources.ts';
import { createStore, type Indexes, type StoreReader } from './store.ts';
import { watch } from './watch.ts';

export interface ReflectOptions<O extends KubeObject, T, Index extends string> {
  /** Default: all namespaces. */
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** Ask the server for metadata only. */
  metadataOnly?: boolean;
  /**
   * Trims an object: pure, and must not throw. The rest is freed at once, so memory holds only used fields.
   * `held` is the trimmed object so far: unchanged parts may be taken from there, or `held` itself given back.
   */
  trim: (object: O, held: T | undefined) => T;
  /**
   * Called after the store has changed, in the order of the server's events; `next` undefined is a deletion, `previous`
   * undefined an addition; with different uids the object was replaced by another of its name. Not called for objects that a new list shows unchanged. An exception of it is logged, and has no other effect.
   */
  onChange?: (key: string, next: T | undefined, previous: T | undefined) => void;
  indexes?: Indexes<T, Index>;
  /** Ends the reflection. The store stays readable. */
  signal: AbortSignal;
  log: Log;
  clock?: Pick<Clock, 'steady' | 'wait'>;
  /** 0 <= random() < 1. Default Math.random. */
  random?: () => number;
  /** No byte for this long on a watch: reconnect. Default 90 000: bookmarks come once a minute, or seldom where etcd reports no progress. */
  idleTimeoutMs?: number;
  /** Back-off after a failure. Default 200 to 5000, doubling, jittered. */
  backoff?: { baseMs?: number; capMs?: number };
  /** Items a list page. Default 500. */
  pageLimit?: number;
  maxLineBytes?: number;
}

/** A local mirror of one kind of object, kept up by list and watch. */
export interface Reflector<T, Index extends string = string> extends StoreReader<T, Index> {
  /** True once a first list was read whole: before that an absence says nothing. */
  readonly hasSynced: boolean;
  /** Resolves when `hasSynced` turns true; rejects when `signal` aborts first. */
  synced(): Promise<void>;
  /** Why the mirror may be behind; undefined while a watch is open. */
  readonly lastError: Error | undefined;
  /** Resolves when the loop has ended after `signal` aborted. Never rejects. */
  readonly stopped: Promise<void>;
}

/** A watch that lived this long was a good one even if nothing happened in it. */
const goodWatchMs = 30_000;

/**
 * Keeps a mirror of `resource` until `signal` aborts:
 *
 *     list (paged) -> watch from its version -> closed or cut -> watch from the last version seen -> ...
 *          ^                                                                                         |
 *          +--- 410 Gone, any other 4xx, ERROR event, unreadable event (after a back-off) -----------+
 *
 * A failed list changes nothing: only a list read to its end says what is gone. Every turn of the loop is followed by a
 * jittered delay; it grows to 5 s unless the watch delivered something or lived for 30 s.
 * Semantics: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
export function reflect<T, O extends KubeObject = KubeObject, Index extends string = string>(
  client: Pick<KubeClient, 'pages' | 'stream'>,
  resource: Resource,
  options: ReflectOptions<O, T, Index>,
): Reflector<T, Index> {
  const { namespace, labelSelector, fieldSelector, metadataOnly, trim, onChange, signal, log, maxLineBytes } = options;
  const { clock = systemClock, random = Math.random, idleTimeoutMs = 90_000, pageLimit } = options;
  const scope = { namespace, labelSelector, fieldSelector, metadataOnly };
  const what = collectionPath(resource, namespace);
  const store = createStore<T, Index>(options.indexes ?? ({} as Indexes<T, Index>));
  /** The resourceVersion of each stored object, to tell what a new list changed. */
  const versions = new Map<string, string>();
  const backoff = createBackoff({ ...options.backoff, random });
  /** From where to watch; undefined: list first. */
  let position: string | undefined;
  let unpagedNext = false;
  let lastError: Error | undefined;
  let hasSynced = false;
  const firstList = deferred();

  function tell(key: string, next: T | undefined, previous: T | undefined): void {
    try {
      onChange?.(key, next, previous);
    } catch (error) {
      log.error({ err: error, resource: what, key }, 'a change handler failed');
    }
  }

  function put(object: O): void {
    const key = keyOf(object);
    const next = trim(object, store.get(key));
    const previous = store.set(key, next);
    versions.set(key, object.metadata.resourceVersion ?? '');
    tell(key, next, previous);
  }

  function drop(key: string): void {
    versions.delete(key);
    const previous = store.delete(key);
    if (previous !== undefined) tell(key, undefined, previous);
  }

  async function relist(): Promise<void> {
    const seen = new Set<string>();
    let version = '';
    const limit = unpagedNext ? 0 : pageLimit;
    for await (const page of client.pages<O>(resource, { ...scope, limit, signal })) {
      for (const object of page.items) {
        const key = keyOf(object);
        seen.add(key);
        if (versions.get(key) !== object.metadata.resourceVersion) put(object);
      }
      version = page.resourceVersion;
    }
    for (const key of store.keys()) if (!seen.has(key)) drop(key);
    position = version;
    unpagedNext = false;
    lastError = undefined;
    hasSynced = true;
    firstList.resolve();
    log.debug({ resource: what, objects: store.size, resourceVersion: version }, 'listed');
  }

  async function watchOnce(from: string): Promise<void> {
    const startedAt = clock.steady();
    // 4 to 8 minutes, so that watches opened together do not end together.
    const timeoutSeconds = Math.round(240 + random() * 240);
    const onOpen = () => (lastError = undefined);
    const watching = { ...scope, resourceVersion: from, timeoutSeconds, idleTimeoutMs, maxLineBytes, signal, onOpen };
    try {
      for await (const event of watch(client, resource, watching)) {
        if (event.type === 'ERROR') {
          // Even a 500 here may come again for ever from the same version (an object the server cannot decode).
          position = undefined;
          const status = event.object as Status;
          throw errorOfStatus(`watch ${what}`, status.code ?? 500, status);
        }
        backoff.reset();
        if (event.type === 'DELETED') drop(keyOf(event.object));
        else if (event.type !== 'BOOKMARK') put(event.object as O);
        position = event.object.metadata.resourceVersion ?? position;
      }
    } finally {
      if (clock.steady() - startedAt >= goodWatchMs) backoff.reset();
    }
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      let listing = position === undefined;
      try {
        if (listing) await relist();
        listing = false;
        if (position !== undefined) await watchOnce(position);
        log.debug({ resource: what, resourceVersion: position }, 'watch closed by the server');
      } catch (error) {
        if (signal.aborted) break;
        lastError = error as Error;
        // Too slow for the server's five minutes of history: take it in one go.
        if (listing && isExpired(error)) unpagedNext = true;
        if (!resumable(error)) position = undefined;
        // A silent watch is nothing to worry about where etcd sends no progress for bookmarks to be made of.
        const silent = !listing && error instanceof KubeError && error.reason === 'Timeout';
        log[silent ? 'info' : 'warn'](
          { err: error, resource: what, relist: position === undefined },
          'reflection interrupted',
        );
      }
      await clock.wait(backoff.next(), signal);
    }
    firstList.reject(signal.reason);
  }

  const stopped = run();
  return {
    get size() {
      return store.size;
    },
    get: store.get,
    list: store.list,
    keys: store.keys,
    by: store.by,
    get hasSynced() {
      return hasSynced;
    },
    synced: () => firstList.promise,
    get lastError() {
      return lastError;
    },
    stopped,
  };
}

/** May the watch go on from the last version seen? Not after the server, or the stream, showed that it cannot. */
function resumable(error: unknown): boolean {
  if (!(error instanceof KubeError)) return false;
  return error.code === 0 ? error.reason !== 'BadResponse' : [429, 500, 502, 503].includes(error.code);
}

function deferred(): { promise: Promise<void>; resolve(): void; reject(reason: unknown): void } {
  let resolve!: () => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  // Nobody has to ask for it.
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}
