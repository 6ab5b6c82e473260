import type { Container, Pod, PodSpec } from '../../crds/kubernetes.ts';
import { MAX_UPSTREAMS } from '../../crds/mesh-service.ts';
import {
  ANNOTATION_INJECTED,
  HOST_PORT_NAME,
  LABEL_MESH_SERVICE,
  MARK_VARIABLES,
  meshServiceOfSecret,
  SIDECAR_CONTAINER,
} from '../names/names.ts';
import { type Operation, pointer } from './operations.ts';
import { podResourceOperations } from './pod-resources.ts';
import { MARK_HOLD, MARK_NAMESPACE, SIDECAR_MOUNT, SIDECAR_VOLUME } from './sidecar.ts';

/** The injection that the sidecar of a pod tells of. A copy of a pod may have lost its labels and annotations, and still has the sidecar. */
export interface Mark {
  /** The sidecar is there, and not its volume alone. */
  whole: boolean;
  /** The MeshService whose Secret it mounts. */
  meshService: string | undefined;
  /** Where the pod was injected; undefined: nobody knew, as by `landbridge inject`, or an older version did it. */
  namespace: string | undefined;
}

/** The mark of a pod with a sidecar of ours, or with the volume of one that somebody took out; undefined without either. */
export function markOf({ spec }: Pod): Mark | undefined {
  const sidecar = sidecarOf(spec);
  const left = leftVolume(spec, sidecar);
  if (sidecar === undefined && left === undefined) return undefined;
  const volume = spec.volumes?.find(({ name }) => name === left) as SecretVolume | undefined;
  const secret = volume?.secret?.secretName;
  return {
    whole: sidecar !== undefined,
    meshService: secret === undefined ? undefined : meshServiceOfSecret(secret),
    namespace: sidecar && variable(sidecar, MARK_NAMESPACE),
  };
}

interface SecretVolume {
  name: string;
  secret?: { secretName?: string };
}

const sidecarOf = ({ initContainers }: PodSpec): Container | undefined =>
  initContainers?.find(({ name }) => name === SIDECAR_CONTAINER);

/**
 * The name of the volume that an injection left. Where the sidecar alone was taken out, by hand or by
 * `kubectl debug --keep-init-containers=false`, it is one of ours that nobody mounts: a pod waits for the Secret of such a one too.
 */
function leftVolume(spec: PodSpec, sidecar: Container | undefined): string | undefined {
  if (sidecar !== undefined) return volumeOf(sidecar);
  const ours = (spec.volumes as SecretVolume[] | null | undefined)?.find(
    ({ name, secret }) => OUR_VOLUME.test(name) && meshServiceOfSecret(secret?.secretName ?? '') !== undefined,
  );
  if (ours === undefined) return undefined;
  const mounts = [...spec.containers, ...(spec.initContainers ?? [])].flatMap(mountsOf);
  return mounts.some(({ name }) => name === ours.name) ? undefined : ours.name;
}

const OUR_VOLUME = new RegExp(`^${SIDECAR_VOLUME}(-\\d+)?$`);

/** The name of the volume with the Secret. */
const volumeOf = (container: Container): string | undefined =>
  mountsOf(container).find(({ mountPath }) => mountPath === SIDECAR_MOUNT)?.name;

const mountsOf = ({ volumeMounts }: Container) => (volumeMounts ?? []) as { name: string; mountPath: string }[];

const variable = (container: Container, name: string): string | undefined =>
  container.env?.find((one) => one.name === name)?.value;

/**
 * The operations that take an earlier injection out of a pod, from the last place of each list to the first. Empty for other pods.
 * Each removal copies its list, so the most that goes is the work of one injection: one sidecar with its volume, and in each
 * container one port and a variable an upstream. A pod with two sidecars has one name twice, and the API server refuses that.
 */
export function leftoverOperations({ metadata, spec }: Pod): Operation[] {
  const sidecar = sidecarOf(spec);
  const given = givenBy(sidecar);
  const volume = leftVolume(spec, sidecar);
  const held = sidecar && variable(sidecar, MARK_HOLD);
  return [
    ...key(['metadata', 'labels'], metadata.labels, LABEL_MESH_SERVICE),
    ...key(['metadata', 'annotations'], metadata.annotations, ANNOTATION_INJECTED),
    ...inContainers('containers', spec.containers, given),
    ...spec.containers.flatMap((container, index) => hook(container, ['spec', 'containers', index], held)),
    ...inContainers('initContainers', spec.initContainers ?? [], given),
    ...(sidecar === undefined ? [] : podResourceOperations(spec.resources, sidecar.resources, -1)),
    ...items(['spec', 'initContainers'], spec.initContainers, (one) => one === sidecar),
    ...items(['spec', 'volumes'], spec.volumes, ({ name }) => volume !== undefined && name === volume),
  ];
}

interface Given {
  values: ReadonlyMap<string, string | undefined>;
  /** An earlier version wrote names alone. */
  exact: boolean;
}

function givenBy(sidecar: Container | undefined): Given {
  const parts = ((sidecar && variable(sidecar, MARK_VARIABLES)) || '').split(',').filter((part) => part !== '');
  const pairs = parts.map((part) => part.split('=') as [string, string?]);
  return {
    values: new Map(pairs.map(([name, value]) => [name, value])),
    exact: pairs.every(([, value]) => value !== undefined),
  };
}

function inContainers(list: string, containers: Container[], given: Given): Operation[] {
  return containers.flatMap((container, index) => {
    const { name, ports } = container;
    const env = container.env ?? [];
    if (name === SIDECAR_CONTAINER) return [];
    return [
      ...(given.values.size === 0 ? [] : items(['spec', list, index, 'env'], env, isGiven(env, given), MAX_UPSTREAMS)),
      ...items(['spec', list, index, 'ports'], ports, (port) => port.name === HOST_PORT_NAME),
    ];
  });
}

/** The preStop hook that an injection gave. */
function hook({ lifecycle }: Container, at: (string | number)[], held: string | undefined): Operation[] {
  const { preStop, ...others } = (lifecycle ?? {}) as { preStop?: { sleep?: { seconds?: number } } };
  if (held === undefined || String(preStop?.sleep?.seconds) !== held) return [];
  const path = Object.keys(others).length === 0 ? [...at, 'lifecycle'] : [...at, 'lifecycle', 'preStop'];
  return [{ op: 'remove', path: pointer(...path) }];
}

/** Which variables of a container the injection gave. Another webhook may have put its own before them. */
function isGiven(env: Variable[], { values, exact }: Given): (one: Variable, place: number) => boolean {
  if (exact) return ({ name, value }) => value !== undefined && values.get(name) === value;
  // Ours stood before all others, and an app's own of the same name would have kept ours out.
  const others = env.findIndex(({ name, value }) => !values.has(name) || !isOurs(value));
  return (_, place) => others === -1 || place < others;
}

interface Variable {
  name: string;
  value?: string;
}

const isOurs = (value: string | undefined): boolean => /^(http:\/\/)?localhost:\d+$/.test(value ?? '');

const key = (path: string[], held: Record<string, string> | undefined, name: string): Operation[] =>
  held?.[name] === undefined ? [] : [{ op: 'remove', path: pointer(...path, name) }];

/** Removes the first `most` items of a list that go, or the whole list when nothing else is in it. */
function items<T>(
  path: (string | number)[],
  held: T[] | null | undefined,
  goes: (item: T, place: number) => boolean,
  most = 1,
): Operation[] {
  const places = (held ?? []).flatMap((one, place) => (goes(one, place) ? [place] : [])).slice(0, most);
  if (places.length === 0) return [];
  const remove = (...steps: (string | number)[]): Operation => ({ op: 'remove', path: pointer(...steps) });
  return places.length === held!.length ? [remove(...path)] : places.reverse().map((place) => remove(...path, place));
}
