import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { keyOf, type KubeObject } from '../../../clients/kube/object.ts';
import { apiVersionOf, namespaces } from '../../../clients/kube/resources.ts';
import { badRequest, conflict, Failure, notFound } from './failure.ts';
import { applyTo, noteWrite, type Owners } from './ownership.ts';
import type { Served } from './resources.ts';
import type { FakeStore } from './store.ts';

export interface Place {
  served: Served;
  namespace?: string;
  name: string;
  subresource?: string;
}

export interface FakeWriter {
  create(served: Served, namespace: string | undefined, body: KubeObject, manager: string): KubeObject;
  /** Writes the object that `change` gives; 404 when the object does not exist. */
  update(place: Place, manager: string, change: (current: KubeObject) => KubeObject): KubeObject;
  apply(place: Place, manager: string, wanted: KubeObject, force: boolean): KubeObject;
  delete(place: Place, options: DeleteBody): KubeObject;
}

interface DeleteBody {
  gracePeriodSeconds?: number;
  preconditions?: { uid?: string; resourceVersion?: string };
}

export function createFakeWriter(store: FakeStore, servedNamespaces: Served, now: () => Date): FakeWriter {
  const ownersByUid = new Map<string, Owners>();
  const ownersOf = (object: KubeObject): Owners => {
    const uid = object.metadata.uid!;
    if (!ownersByUid.has(uid)) ownersByUid.set(uid, new Map());
    return ownersByUid.get(uid)!;
  };
  const stamp = (plusSeconds = 0) =>
    new Date(now().getTime() + plusSeconds * 1000).toISOString().replace(/\.\d+Z$/, 'Z');

  function existing({ served, namespace, name }: Place): KubeObject {
    const object = store.get(served, keyOf({ metadata: { name, namespace } }));
    if (!object) throw notFound(pluralOf(served), name);
    return object;
  }

  function checkNamespace(namespace: string): void {
    const found = store.get(servedNamespaces, namespace);
    if (!found) throw notFound('namespaces', namespace);
    if (found.metadata.deletionTimestamp) {
      const message = `unable to create new content in namespace ${namespace} because it is being terminated`;
      throw new Failure(403, 'Forbidden', message, { causes: [{ reason: 'NamespaceTerminating', message }] });
    }
  }

  function create(served: Served, namespace: string | undefined, body: KubeObject, manager: string): KubeObject {
    const object = initial(served, namespace, body, stamp());
    if (namespace) checkNamespace(namespace);
    if (store.get(served, keyOf(object))) {
      throw new Failure(409, 'AlreadyExists', `${pluralOf(served)} "${object.metadata.name}" already exists`);
    }
    noteWrite(ownersOf(object), manager, undefined, object);
    return store.put(served, object);
  }

  function remove(served: Served, object: KubeObject): KubeObject {
    ownersByUid.delete(object.metadata.uid!);
    return store.remove(served, object);
  }

  function commit(place: Place, current: KubeObject, proposed: KubeObject): KubeObject {
    const { served, name } = place;
    checkUnchanged(served, name, current, proposed.metadata);
    const next =
      place.subresource === 'status' ? { ...current, status: proposed['status'] } : mainPart(served, current, proposed);
    if (isDeepStrictEqual(plain(next), plain(current))) return current;
    if (!isDeepStrictEqual(specOf(next), specOf(current))) {
      next.metadata = { ...next.metadata, generation: (current.metadata.generation ?? 1) + 1 };
    }
    const over =
      next.metadata.deletionTimestamp &&
      !next.metadata.finalizers?.length &&
      next.metadata['deletionGracePeriodSeconds'] === 0;
    return over ? remove(served, next) : store.put(served, plain(next));
  }

  return {
    create,
    update(place, manager, change) {
      const current = existing(place);
      const next = commit(place, current, change(current));
      noteWrite(ownersOf(next), manager, current, next);
      return next;
    },
    apply(place, manager, wanted, force) {
      const { served, namespace, name, subresource } = place;
      const current = store.get(served, keyOf({ metadata: { name, namespace } }));
      if (!current && subresource) throw notFound(pluralOf(served), name);
      if (!current) {
        if (wanted.metadata.uid) throw conflict(pluralOf(served), name, 'uid mismatch');
        const created = create(served, namespace, { ...wanted, metadata: { ...wanted.metadata, name } }, manager);
        ownersOf(created).clear();
        applyTo(ownersOf(created), manager, undefined, wanted, force);
        return created;
      }
      checkUnchanged(served, name, current, wanted.metadata);
      const { metadata, ...rest } = wanted;
      const part =
        subresource === 'status'
          ? ({ metadata: { name }, status: rest['status'] } as KubeObject)
          : { metadata, ...rest };
      return commit(place, current, applyTo(ownersOf(current), manager, current, part, force));
    },
    delete(place, { gracePeriodSeconds, preconditions }) {
      const { served, name } = place;
      const current = existing(place);
      checkUnchanged(served, name, current, preconditions ?? {});
      const grace = graceOf(served, current, gracePeriodSeconds);
      if (served.kind === namespaces.kind) return terminate(current);
      if (grace === 0 && !current.metadata.finalizers?.length) return remove(served, current);
      if (current.metadata.deletionTimestamp && current.metadata['deletionGracePeriodSeconds'] === grace)
        return current;
      const deletion = {
        deletionTimestamp: current.metadata.deletionTimestamp ?? stamp(grace),
        deletionGracePeriodSeconds: grace,
      };
      return store.put(served, { ...current, metadata: { ...current.metadata, ...deletion } });
    },
  };

  /** As on a server without controllers: the finalizer in `spec` keeps it for ever. */
  function terminate(namespace: KubeObject): KubeObject {
    if (namespace.metadata.deletionTimestamp) return namespace;
    const metadata = { ...namespace.metadata, deletionTimestamp: stamp() };
    return store.put(servedNamespaces, { ...namespace, metadata, status: { phase: 'Terminating' } });
  }
}

function initial(served: Served, namespace: string | undefined, body: KubeObject, created: string): KubeObject {
  const metadata = { ...body.metadata };
  if (metadata.resourceVersion)
    throw new Failure(500, 'InternalError', 'resourceVersion should not be set on objects to be created');
  if (metadata.namespace && metadata.namespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  const prefix = metadata['generateName'] as string | undefined;
  const name = metadata.name || (prefix && prefix + randomUUID().slice(0, 5));
  if (!name)
    throw new Failure(
      422,
      'Invalid',
      `${served.kind} is invalid: metadata.name: Required value: name or generateName is required`,
    );
  const object: KubeObject = {
    ...body,
    apiVersion: apiVersionOf(served),
    kind: served.kind,
    metadata: {
      ...metadata,
      name,
      namespace,
      uid: randomUUID(),
      creationTimestamp: created,
      generation: 1,
      deletionTimestamp: undefined,
    },
  };
  if (served.statusSubresource) delete object['status'];
  if (served.kind === 'Pod') object['status'] = { phase: 'Pending' };
  if (served.kind === 'Namespace')
    Object.assign(object, { spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } });
  return plain(object);
}

function mainPart(served: Served, current: KubeObject, proposed: KubeObject): KubeObject {
  const { name, namespace, uid, creationTimestamp, generation, deletionTimestamp, deletionGracePeriodSeconds } =
    current.metadata;
  const fixed = { name, namespace, uid, creationTimestamp, generation, deletionTimestamp, deletionGracePeriodSeconds };
  const metadata = { ...proposed.metadata, ...fixed, resourceVersion: current.metadata.resourceVersion };
  const next: KubeObject = { ...proposed, apiVersion: current.apiVersion, kind: current.kind, metadata };
  return served.statusSubresource ? { ...next, status: current['status'] } : next;
}

function checkUnchanged(
  served: Served,
  name: string,
  current: KubeObject,
  claim: { uid?: string; resourceVersion?: string },
): void {
  const { uid, resourceVersion } = current.metadata;
  if (claim.uid && claim.uid !== uid) {
    throw conflict(
      pluralOf(served),
      name,
      `Precondition failed: UID in precondition: ${claim.uid}, UID in object meta: ${uid}`,
    );
  }
  if (claim.resourceVersion && claim.resourceVersion !== resourceVersion) {
    throw conflict(
      pluralOf(served),
      name,
      'the object has been modified; please apply your changes to the latest version and try again',
    );
  }
}

/** A pod on a node goes when its kubelet says so (a delete with grace 0); everything else at once. */
function graceOf(served: Served, object: KubeObject, asked: number | undefined): number {
  const spec = object['spec'] as { nodeName?: string; terminationGracePeriodSeconds?: number } | undefined;
  if (served.kind !== 'Pod' || !spec?.nodeName) return 0;
  return asked ?? spec.terminationGracePeriodSeconds ?? 30;
}

function specOf(object: KubeObject): object {
  return plain({ ...object, metadata: undefined, status: undefined });
}

/** As it would come out of JSON: without undefined values. */
function plain<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

function pluralOf(served: Served): string {
  return served.group ? `${served.plural}.${served.group}` : served.plural;
}
