import type http from 'node:http';
import type { Operation } from 'rfc6902';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { Failure, badRequest } from './failure.ts';
import { jsonPatch, mergePatch } from './patch.ts';
import { metadataOf, type FakeReader } from './read.ts';
import { customResources, routeOf, type Route, type Served } from './resources.ts';
import { storageOf, type FakeStore } from './store.ts';
import type { FakeWriter, Place } from './write.ts';

export interface Exchange {
  method: string;
  path: string;
  query: URLSearchParams;
  incoming: http.IncomingMessage;
  response: http.ServerResponse;
  failWith: { code: number; reason: string; message?: string } | undefined;
  /** Grows and shrinks with CustomResourceDefinitions. */
  served: Served[];
  store: FakeStore;
  reader: FakeReader;
  writer: FakeWriter;
}

/** Answers one request. Never rejects: a failure becomes a `Status`. */
export async function answerRequest(exchange: Exchange): Promise<void> {
  const { failWith, path, incoming, response } = exchange;
  try {
    const body = await readText(incoming);
    if (failWith) throw new Failure(failWith.code, failWith.reason, failWith.message ?? 'told to fail');
    if (/^\/(readyz|livez|healthz)$/.test(path)) return void response.end('ok');
    if (path === '/version') return send(response, 200, { major: '1', minor: '34', gitVersion: 'v1.34.2' });
    const route = routeOf(path, exchange.served);
    if (!route) throw new Failure(404, 'NotFound', 'the server could not find the requested resource');
    if (route.subresource && !(route.subresource === 'status' && route.served.statusSubresource)) {
      throw new Failure(404, 'NotFound', 'the server could not find the requested resource');
    }
    if (route.name) answerObject(exchange, { ...route, name: route.name }, body);
    else answerCollection(exchange, route, body);
  } catch (error) {
    const status =
      error instanceof Failure ? error.status : { code: 500, reason: 'InternalError', message: String(error) };
    send(response, status.code, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', ...status });
  }
}

function answerCollection(exchange: Exchange, { served, namespace }: Route, body: string): void {
  const { method, query, response, reader, writer } = exchange;
  if (method === 'GET' && query.get('watch') === 'true')
    return reader.watch(served, namespace, query, wantsMetadata(exchange), response);
  if (method === 'GET') return send(response, 200, reader.list(served, namespace, query, wantsMetadata(exchange)));
  if (method !== 'POST') throw notAllowed();
  if (served.namespaced && !namespace)
    throw new Failure(405, 'MethodNotAllowed', 'the server does not allow this method here');
  const created = writer.create(served, namespace, parse(body), managerOf(query));
  send(response, 201, served.kind === 'CustomResourceDefinition' ? serve(exchange, served, created) : created);
}

function answerObject(exchange: Exchange, place: Place, body: string): void {
  const { method, query, response, store, writer } = exchange;
  const { served } = place;
  const manager = managerOf(query);
  switch (method) {
    case 'GET': {
      const object = store.get(served, [place.namespace, place.name].filter(Boolean).join('/'));
      if (!object) throw new Failure(404, 'NotFound', `${served.plural} "${place.name}" not found`);
      return send(response, 200, wantsMetadata(exchange) ? metadataOf(object) : object);
    }
    case 'PUT':
      return send(
        response,
        200,
        writer.update(place, manager, () => parse(body)),
      );
    case 'PATCH':
      return send(response, 200, patch(exchange, place, manager, body));
    case 'DELETE': {
      const gone = writer.delete(place, body === '' ? {} : parse(body));
      if (served.kind === 'CustomResourceDefinition') unserve(exchange, gone);
      return send(response, 200, gone);
    }
    default:
      throw notAllowed();
  }
}

function patch({ incoming, query, writer }: Exchange, place: Place, manager: string, body: string): KubeObject {
  const given: unknown = parse(body);
  switch (incoming.headers['content-type']) {
    case 'application/merge-patch+json':
      return writer.update(place, manager, (current) => mergePatch(current, given) as KubeObject);
    case 'application/json-patch+json':
      return writer.update(place, manager, (current) => jsonPatch(current, given as Operation[]));
    case 'application/apply-patch+yaml':
      if (!query.get('fieldManager'))
        throw badRequest('PatchOptions.meta.k8s.io is invalid: fieldManager: Required value');
      return writer.apply(place, manager, given as KubeObject, query.get('force') === 'true');
    default:
      throw new Failure(415, 'UnsupportedMediaType', 'the body of the request was in an unknown format');
  }
}

/** Serves what a new definition defines, and says so in its status as the real server does. */
function serve({ served, writer }: Exchange, definitions: Served, created: KubeObject): KubeObject {
  served.push(...customResources(created));
  const conditions = ['NamesAccepted', 'Established'].map((type) => ({ type, status: 'True' }));
  const place = { served: definitions, name: created.metadata.name, subresource: 'status' };
  return writer.update(place, 'kube-apiserver', (current) => ({ ...current, status: { conditions } }));
}

function unserve({ served, store }: Exchange, definition: KubeObject): void {
  for (const gone of customResources(definition)) {
    for (const object of store.all(gone)) store.remove(gone, object);
    const index = served.findIndex((one) => storageOf(one) === storageOf(gone) && one.version === gone.version);
    if (index >= 0) served.splice(index, 1);
  }
}

function wantsMetadata({ incoming }: Exchange): boolean {
  return incoming.headers.accept?.includes('as=PartialObjectMetadata') ?? false;
}

/** Without one the real server takes the User-Agent up to its first slash. */
function managerOf(query: URLSearchParams): string {
  return query.get('fieldManager') ?? 'landbridge';
}

function parse<T>(body: string): T {
  try {
    return JSON.parse(body) as T;
  } catch {
    throw badRequest('the body is not JSON');
  }
}

function notAllowed(): Failure {
  return new Failure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource');
}

async function readText(incoming: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function send(response: http.ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(body));
}
