import { inParallel } from '../../clients/consul/in-parallel.ts';
import type { KubeClient } from '../../clients/kube/client.ts';
import type { Discover } from '../../clients/kube/discover.ts';
import { isNotFound } from '../../clients/kube/errors.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { objectPath, type Resource } from '../../clients/kube/resources.ts';
import { changedFields } from './changed-fields.ts';
import type { Step } from './step.ts';
import { installedObjects } from './installed-objects.ts';

/** Field manager of what `landbridge install` applies. */
export const INSTALL_MANAGER = 'landbridge-install';

/**
 * What applying these objects would do, found by dry runs of the API server itself, and which objects of an earlier
 * installation are no longer among them. Writes nothing. Throws KubeError when the server would refuse an object.
 */
export async function planInstall(kube: KubeClient, discover: Discover, objects: KubeObject[]): Promise<Step[]> {
  const missing = new Set<string>();
  const steps = new Map<KubeObject, Step>();
  const problems = new Map<KubeObject, unknown>();
  const plan = async (object: KubeObject): Promise<void> => {
    await planObject(kube, discover, object, missing).then(
      (step) => steps.set(object, step),
      (error: unknown) => problems.set(object, error),
    );
  };
  // What lies in a namespace that is to be made cannot be tried.
  const [spaces, others] = [objects.filter(isNamespace), objects.filter((object) => !isNamespace(object))];
  await inParallel(spaces, PARALLEL, plan);
  for (const space of spaces) if (steps.get(space)?.do === 'create') missing.add(space.metadata.name);
  await inParallel(others, PARALLEL, plan);
  const refused = objects.find((object) => problems.has(object));
  if (refused !== undefined) throw problems.get(refused);
  const wanted = new Set(objects.map(identity));
  const installed = (await installedObjects(kube, discover)).filter(
    // A CRD goes with all its objects, a namespace with everything: only `landbridge uninstall` takes those.
    (object) => !wanted.has(identity(object)) && !KEPT.has(object.kind!),
  );
  return [
    ...objects.map((object) => steps.get(object)!),
    ...installed.map((object): Step => ({ do: 'delete', object, fields: [] })),
  ];
}

const PARALLEL = 8;
const isNamespace = ({ kind }: KubeObject): boolean => kind === 'Namespace';
const KEPT = new Set(['CustomResourceDefinition', 'Namespace']);

/** Applies one object, or says what that would do. */
export const applyObject = (kube: KubeClient, resource: Resource, object: KubeObject, dryRun = false) =>
  kube.request<KubeObject>('PATCH', objectPath(resource, object.metadata.name, object.metadata.namespace), {
    body: object,
    contentType: 'application/apply-patch+yaml',
    query: {
      fieldManager: INSTALL_MANAGER,
      force: true,
      fieldValidation: 'Strict',
      dryRun: dryRun ? 'All' : undefined,
    },
  });

async function planObject(
  kube: KubeClient,
  discover: Discover,
  object: KubeObject,
  missing: ReadonlySet<string>,
): Promise<Step> {
  const create: Step = { do: 'create', object, fields: [] };
  if (object.metadata.namespace !== undefined && missing.has(object.metadata.namespace)) return create;
  const resource = await discover(object.apiVersion!, object.kind!);
  const held = await kube.get<KubeObject>(resource, object.metadata.name, object.metadata.namespace);
  try {
    const next = await applyObject(kube, resource, object, true);
    if (held === undefined) return create;
    const fields = changedFields(comparable(held), comparable(next));
    return { do: fields.length === 0 ? 'keep' : 'change', object, fields };
  } catch (error) {
    // In a namespace that is not there, and that the values do not make.
    if (held === undefined && isNotFound(error)) {
      throw new Error(
        `the namespace ${object.metadata.namespace} is not there: kubectl create namespace ${object.metadata.namespace}, or set createNamespace to true`,
        { cause: error },
      );
    }
    throw error;
  }
}

const identity = ({ kind, metadata: { namespace = '', name } }: KubeObject): string => `${kind} ${namespace}/${name}`;

/** Without what every write changes. */
function comparable(object: KubeObject): object {
  const { managedFields, resourceVersion, generation, ...metadata } = object.metadata as Record<string, unknown>;
  void [managedFields, resourceVersion, generation];
  return { ...object, metadata, status: undefined };
}
