/**
 * Every reason a condition, an event or a refusal can carry: a closed set, each with one sentence for people.
 * Each name is also a heading in docs/troubleshooting.md, which says what to do; a test holds the two together.
 */
export const REASONS = {
  Synced: 'Consul holds exactly what this MeshService asks for.',
  ConsulUnavailable: 'Consul does not answer; running traffic goes on, and changes are written as soon as it is back.',
  ClusterNameTaken: 'Another Kubernetes cluster goes by the name of this one in Consul; nothing was read or written.',
  ConsulRefused: 'Consul refused a change.',
  NameOwnedByAnother: 'Another owner holds this name in Consul; nothing of it was touched.',
  NameInUse:
    'Nobody has claimed this name in Consul, and it has instances that no MeshService stands for; nothing of it was touched.',
  ForeignEntry: 'Another hand wrote under a name in Consul that this MeshService holds; it was put right.',
  EntryContested: 'Another hand writes again and again under a name in Consul that this MeshService holds.',
  AllInstancesReady: 'Every instance takes traffic.',
  SomeInstancesNotReady: 'At least one instance takes traffic, and at least one does not.',
  NoReadyInstances: 'No instance takes traffic.',
  AppNotListening: 'Nothing accepts connections where the sidecars pass calls on to the app.',
  ProtocolMismatch: 'The app does not answer in the protocol that spec.protocol says.',
  NoInstances: 'No instance exists.',
  AllPodsInjected: 'Every matching pod has its sidecar.',
  PodsWithoutSidecar: 'Pods that were there before this MeshService run without a sidecar.',
  PodsWithoutVariable: 'Pods that were made before an upstream was named lack its variable.',
  PodsRefused: 'Pods that it selects cannot be made: the API server refuses them.',
  SelectorsOverlap: 'Another MeshService selects the same pods, and a pod is an instance of one.',
  NoPodsSelected: 'This MeshService selects no pods.',
  NamespaceNotEnabled: 'The namespace has not opted in to the mesh, so its pods get no sidecar.',
  PortNotFound: 'A pod has no container port of the name that spec.port gives.',
  TrafficRefused: 'What spec.traffic or spec.access asks for cannot be served; Consul keeps what it held.',
  ReferenceMissing: 'A route, split or fail over names a service that is not there yet; Consul keeps what it held.',
  NameUnmet: 'It names a service or a version that nobody has.',
  CallRefused: 'It calls a service that does not let it in.',
  TokenUnavailable: 'No Consul token could be issued for the sidecars.',
  ProxiesAccept: 'Every proxy that answered has taken its updates from Consul.',
  ProxyRefuses: 'A proxy refused an update from Consul, and keeps its earlier configuration.',
  Exposed: 'The edge gateway serves it under the hosts and paths of spec.expose.',
  NotExposed: 'The edge gateway does not serve it.',
  NotJudged: 'The edge gateway has not judged yet what spec.expose asks for; that comes after Synced.',
  ReachedFromSites: 'Every machine that calls it and has tried reaches its pods.',
  NotReachedFromSite: 'A machine outside the cluster calls it and cannot reach its pods.',
  InstanceInDoubt: 'An instance outside the cluster is healthy by the word of its machine, and calls of it may fail.',
  NotProbed: 'No machine outside the cluster that calls it has tried to reach its pods yet.',
  PodsWithoutHostPort: 'Pods that were made before spec.reach asked for it have no port of their node.',
  HostPortForbidden: 'Pod Security forbids host ports in the namespace, so pods are made without one.',
  Enforced: 'Where it was tried, nobody got past the sidecars.',
  DoorOpen: 'A port of the app takes connections past the sidecar.',
  OpenedByPolicy: 'Another NetworkPolicy lets connections in past the sidecars.',
  PolicyOfAnother: 'A NetworkPolicy of another hand has the name of the one to keep; nothing of it was touched.',
  PolicyNotKept: 'The NetworkPolicy that closes the ports of the app could not be written.',
  DoorsNotTried: 'Whether the NetworkPolicy is enforced has not been tried yet.',
  MachineDoorOpen: 'On a machine a port of the app takes connections past the sidecar.',
  MachineDoorUntold: 'An instance on a machine did not say yet whether the port of its app is closed.',
  Permissive: 'The ports of the app are open to everybody, past spec.access.',
  Linked: 'Its instances without a sidecar can be called by way of the terminating gateway.',
  NotLinked: 'Its instances without a sidecar cannot be called from the mesh.',
  InvalidSpec: 'This version of Landbridge cannot read the MeshService; what Consul holds for it is left as it is.',
  Deleting: 'The MeshService is being deleted; its entries are being removed from Consul.',
} as const;

export type Reason = keyof typeof REASONS;

/** Condition types of a MeshService. `Ready` is the one people and kstatus look at. */
export type ConditionType =
  | 'Ready'
  | 'Synced'
  | 'Injected'
  | 'ProxiesAccept'
  | 'Exposed'
  | 'Reachable'
  | 'Linked'
  | 'NamesMet'
  | 'Enforced'
  | 'Untouched';
