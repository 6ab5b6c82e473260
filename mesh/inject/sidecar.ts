import type { Container } from '../../crds/kubernetes.ts';
import { SIDECAR_PORT, SIDECAR_READY_PORT } from '../../crds/mesh-service.ts';
import type { ProxySettings } from '../../crds/proxy.ts';
import { BOOTSTRAP_FILE } from '../envoy/bootstrap.ts';
import { envoyArguments } from '../envoy/envoy-arguments.ts';
import { MARK_VARIABLES, SIDECAR_CONTAINER, sidecarId, sidecarSecret } from '../names/names.ts';
import { SIDECAR_USER } from './user.ts';

export const SIDECAR_VOLUME = 'landbridge';
/** Where the MeshService's Secret is mounted in the sidecar. */
export const SIDECAR_MOUNT = '/etc/landbridge';

export interface SidecarSettings {
  /** Image with stock Envoy at /usr/local/bin/envoy. */
  image: string;
  imagePullPolicy: 'IfNotPresent' | 'Always' | 'Never';
  /** The API server knows the preStop action `sleep` (Kubernetes 1.30). Default: true. */
  sleepHooks?: boolean;
}

/** The settings that differ from pod to pod. */
export interface SidecarPlace {
  /** Where the pod will be; undefined: nobody knows. */
  namespace: string | undefined;
  /** The variables that the pod's other containers are given. */
  variables: { name: string; value: string }[];
  /** Seconds of the preStop hook that the other containers are given; 0: none. */
  holdSeconds: number;
  /** Uid and gid. */
  user: number;
  /** The name of the volume with the MeshService's Secret. */
  volume: string;
}

/** Variables of the sidecar that Envoy does not read: a copy of the pod says by them what was done to the first. */
export const MARK_NAMESPACE = 'LANDBRIDGE_NAMESPACE';
/** Seconds of the preStop hook that the injection gave to containers. */
export const MARK_HOLD = 'LANDBRIDGE_STOP_SECONDS';

/**
 * Stock Envoy as a native sidecar (an init container with restartPolicy Always): the app starts after the startup
 * probe held, Jobs finish, and the proxy outlives the app at shutdown. It meets the `restricted` Pod Security Standard.
 */
export function sidecar(
  service: string,
  proxy: ProxySettings,
  settings: SidecarSettings,
  { namespace, variables, holdSeconds, user, volume }: SidecarPlace = NOWHERE,
): Container {
  return {
    name: SIDECAR_CONTAINER,
    image: settings.image,
    imagePullPolicy: settings.imagePullPolicy,
    restartPolicy: 'Always',
    command: ['/usr/local/bin/envoy'],
    args: envoyArguments({
      bootstrap: `${SIDECAR_MOUNT}/${BOOTSTRAP_FILE}`,
      node: sidecarId('$(POD_NAME)'),
      service,
      proxy,
    }),
    env: [
      { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      ...(namespace === undefined ? [] : [{ name: MARK_NAMESPACE, value: namespace }]),
      ...(variables.length === 0
        ? []
        : [{ name: MARK_VARIABLES, value: variables.map(({ name, value }) => `${name}=${value}`).join() }]),
      ...(holdSeconds === 0 ? [] : [{ name: MARK_HOLD, value: String(holdSeconds) }]),
    ],
    ports: [
      { name: 'mesh', containerPort: SIDECAR_PORT, protocol: 'TCP' },
      { name: 'mesh-ready', containerPort: SIDECAR_READY_PORT, protocol: 'TCP' },
    ],
    // Envoy is LIVE once Consul has answered; an hour of Consul being away must not become a restart loop.
    startupProbe: {
      httpGet: { path: '/ready', port: SIDECAR_READY_PORT },
      periodSeconds: 1,
      timeoutSeconds: 1,
      failureThreshold: 3600,
    },
    resources: proxy.resources,
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      runAsUser: user,
      runAsGroup: user,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
    volumeMounts: [{ name: volume, mountPath: SIDECAR_MOUNT, readOnly: true }],
  };
}

const NOWHERE = { namespace: undefined, variables: [], holdSeconds: 0, user: SIDECAR_USER, volume: SIDECAR_VOLUME };

/** The MeshService's Secret: bootstrap.json, token.json, ca.json. Mounted whole, since a subPath would never be updated. */
export const sidecarVolume = (meshService: string, name = SIDECAR_VOLUME) => ({
  name,
  secret: { secretName: sidecarSecret(meshService), defaultMode: 0o444 },
});

/** A name that no volume of the pod has. */
export function volumeBeside(volumes: readonly { name: string }[]): string {
  const names = new Set(volumes.map(({ name }) => name));
  let name = SIDECAR_VOLUME;
  for (let number = 2; names.has(name); number++) name = `${SIDECAR_VOLUME}-${number}`;
  return name;
}
