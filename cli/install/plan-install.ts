import { inParallel } from '../../base/in-parallel.ts';
import type { KubeClient } from '../../clients/kube/client.ts';
import type { Discover } from '../../clients/kube/discover.ts';
import { KubeError, isNotFound } from '../../clients/kube/errors.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { objectPath, type Resource } from '../../clients/kube/resources.ts';
import { type Reshaping, renewsServers } from '../../mesh/installation/reshape.ts';
import { changedFields } from './shape/changed-fields.ts';
import { type Step, nameOf } from './step.ts';
import { installedObjects } from './installed-objects.ts';

/** Field manager of what `landbridge install` applies. */
export const INSTALL_MANAGER = 'landbridge-install';

/**
 * Finds out by dry runs of the API server how these objects would change the cluster, and which objects of an earlier
 * installation they leave out. The steps of `before` run first, and let fields change that otherwise never do. Writes
 * nothing. Throws one sentence when the server would refuse an object.
 */
export async function planInstall(
  kube: KubeClient,
  discover: Discover,
  objects: KubeObject[],
  before: readonly Reshaping[] = [],
): Promise<Step[]> {
  const renewed = new Set([
    ...(renewsServers(before) ? ['StatefulSet'] : []),
    ...(before.some((step) => step.do === 'renew-priority-class') ? ['PriorityClass'] : []),
  ]);
  const missing = new Set<string>();
  const steps = new Map<KubeObject, Step>();
  const problems = new Map<KubeObject, unknown>();
  const plan = async (object: KubeObject): Promise<void> => {
    await planObject(kube, discover, object, missing, renewed.has(object.kind!)).then(
      (step) => steps.set(object, step),
      (error: unknown) => problems.set(object, error),
    );
  };
  // Objects in a namespace that does not exist yet cannot be tried.
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
  renewed: boolean,
): Promise<Step> {
  const create: Step = { do: 'create', object, fields: [] };
  if (object.metadata.namespace !== undefined && missing.has(object.metadata.namespace)) return create;
  const resource = await discover(object.apiVersion!, object.kind!);
  const held = await kube.get<KubeObject>(resource, object.metadata.name, object.metadata.namespace);
  try {
    const tried = renewed && held !== undefined ? withFixedFieldsOf(held, object) : object;
    const next = await applyObject(kube, resource, tried, true);
    if (held === undefined) return create;
    const fields = changedFields(comparable(held), comparable(next));
    // Not told one by one: the whole object is made again.
    if (renewed) fields.push('/metadata/uid');
    return { do: fields.length === 0 ? 'keep' : 'change', object, fields };
  } catch (error) {
    // In a namespace that is not there, and that the values do not make.
    if (held === undefined && isNotFound(error)) {
      throw new Error(
        `the namespace ${object.metadata.namespace} is not there: kubectl create namespace ${object.metadata.namespace}, or set createNamespace to true`,
        { cause: error },
      );
    }
    throw isInvalid(error) ? refusalOf(object, error) : error;
  }
}

/** The API server does not take a value, such as a port outside the range of nodes. Its words name the field. */
function refusalOf(object: KubeObject, error: KubeError): Error {
  const words = error.message.replace(/^.*? Invalid: /s, '');
  return new Error(`${nameOf(object)} is refused, and nothing was changed: ${words}`, { cause: error });
}

const isInvalid = (error: unknown): error is KubeError => error instanceof KubeError && error.reason === 'Invalid';

/** As it would be if the fields that never change stayed: the API server judges the others. */
function withFixedFieldsOf(held: KubeObject, object: KubeObject): KubeObject {
  if (object.kind === 'PriorityClass') return { ...object, value: held['value'] };
  const { podManagementPolicy, volumeClaimTemplates } = held['spec'] as Record<string, unknown>;
  return { ...object, spec: { ...(object['spec'] as object), podManagementPolicy, volumeClaimTemplates } };
}

const identity = ({ kind, metadata: { namespace = '', name } }: KubeObject): string => `${kind} ${namespace}/${name}`;

/** Without what every write changes. */
function comparable(object: KubeObject): object {
  const { managedFields, resourceVersion, generation, ...metadata } = object.metadata as Record<string, unknown>;
  void [managedFields, resourceVersion, generation];
  return { ...object, metadata, status: undefined };
}
