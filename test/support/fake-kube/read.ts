import type http from 'node:http';
import { randomUUID } from 'node:crypto';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { apiVersionOf } from '../../../clients/kube/resources.ts';
import type { Failure } from './failure.ts';
import { badRequest, expired } from './failure.ts';
import type { Served } from './resources.ts';
import { fieldSelector, labelSelector, type Matches } from './selector.ts';
import { storageOf, type FakeStore, type Write } from './store.ts';

export interface FakeReader {
  list(served: Served, namespace: string | undefined, query: URLSearchParams, metadataOnly: boolean): object;
  /** Streams events into `response` until it is closed or `timeoutSeconds` are over. */
  watch(
    served: Served,
    namespace: string | undefined,
    query: URLSearchParams,
    metadataOnly: boolean,
    response: http.ServerResponse,
  ): void;
  /** Makes every continue token too old. */
  expireTokens(): void;
}

export function createFakeReader(store: FakeStore, settings: { bookmarkMs: number }): FakeReader {
  /** The remaining pages of lists: the pages of one list show one moment. */
  const rests = new Map<string, { items: KubeObject[]; version: string }>();

  function page(items: KubeObject[], version: string, limit: number) {
    const shown = limit > 0 ? items.slice(0, limit) : items;
    const rest = items.slice(shown.length);
    if (rest.length === 0) return { items: shown, metadata: { resourceVersion: version } };
    const token = randomUUID();
    rests.set(token, { items: rest, version });
    return { items: shown, metadata: { resourceVersion: version, continue: token, remainingItemCount: rest.length } };
  }

  return {
    list(served, namespace, query, metadataOnly) {
      const matches = matcherOf(namespace, query);
      const token = query.get('continue');
      const rest = token ? rests.get(token) : undefined;
      if (token && !rest)
        throw expired('The provided continue parameter is too old to display a consistent list result.');
      const items = rest?.items ?? store.all(served).filter(matches);
      const { items: shown, metadata } = page(
        items,
        rest?.version ?? String(store.version),
        Number(query.get('limit') ?? 0),
      );
      if (metadataOnly) {
        return {
          kind: 'PartialObjectMetadataList',
          apiVersion: 'meta.k8s.io/v1',
          metadata,
          items: shown.map(metadataOf),
        };
      }
      const listed = served.custom ? shown : shown.map(({ apiVersion: _version, kind: _kind, ...item }) => item);
      return { kind: `${served.kind}List`, apiVersion: apiVersionOf(served), metadata, items: listed };
    },
    watch(served, namespace, query, metadataOnly, response) {
      const matches = matcherOf(namespace, query);
      const from = query.get('resourceVersion') ?? '';
      if (!/^\d*$/.test(from)) throw badRequest(`Invalid value: ${from}: resourceVersion`);
      response.writeHead(200, { 'Content-Type': 'application/json' }).flushHeaders();
      const send = (type: string, object: object) => response.write(`${JSON.stringify({ type, object })}\n`);
      const tell = (write: Write) => {
        if (write.storage !== storageOf(served)) return;
        const is = write.type !== 'DELETED' && matches(write.object);
        const was = write.previous !== undefined && matches(write.previous);
        if (!is && !was) return;
        send(is ? (was ? 'MODIFIED' : 'ADDED') : 'DELETED', metadataOnly ? metadataOf(write.object) : write.object);
      };
      try {
        if (Number(from) > 0) store.since(Number(from)).forEach(tell);
        else
          for (const object of store.all(served).filter(matches))
            send('ADDED', metadataOnly ? metadataOf(object) : object);
      } catch (error) {
        // The real server says this, too, within a 200.
        send('ERROR', {
          kind: 'Status',
          apiVersion: 'v1',
          metadata: {},
          status: 'Failure',
          ...(error as Failure).status,
        });
        response.end();
        return;
      }
      const unsubscribe = store.subscribe(tell);
      const version = () => ({ resourceVersion: String(store.version), creationTimestamp: null });
      const bookmark = () =>
        send('BOOKMARK', { kind: served.kind, apiVersion: apiVersionOf(served), metadata: version() });
      const bookmarks =
        query.get('allowWatchBookmarks') === 'true' ? setInterval(bookmark, settings.bookmarkMs) : undefined;
      const end = setTimeout(() => response.end(), Number(query.get('timeoutSeconds') ?? 1800) * 1000);
      response.on('close', () => {
        unsubscribe();
        clearInterval(bookmarks);
        clearTimeout(end);
      });
    },
    expireTokens: () => rests.clear(),
  };
}

function matcherOf(namespace: string | undefined, query: URLSearchParams): Matches {
  try {
    const labels = labelSelector(query.get('labelSelector') ?? '');
    const fields = fieldSelector(query.get('fieldSelector') ?? '');
    return (object) => (!namespace || object.metadata.namespace === namespace) && labels(object) && fields(object);
  } catch (error) {
    throw badRequest((error as Error).message);
  }
}

export function metadataOf(object: KubeObject): KubeObject {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
}
