import type { FoundRegistration } from '../../mesh/outside/adoption.ts';
import type { CheckEntry, ConfigEntry, Health, HeldConfig, NodeEntry, ServiceEntry } from '../../mesh/catalog/entry.ts';
import type { Change, Outcome } from '../../mesh/catalog/plan.ts';

export interface ConsulOptions {
  /** `host:port` of each server. Tried in order, and the one that answered is kept until it fails. */
  addresses: string[];
  /** Default `https`. */
  scheme?: 'https' | 'http';
  /** PEM of the CA that signed the servers' certificates. Default: the system's roots. */
  caPem?: string;
  /** Name to expect in the servers' certificates, for example `server.dc1.consul`. Default: the host of the address. */
  serverName?: string;
  /** Asked at each request, so that a rotated token is used at once. Default: no token. */
  token?: () => string | undefined;
  /** Per request and address. Default 5000. */
  requestTimeoutMs?: number;
  /** A request that may be sent twice is sent again after so long without an answer. Default 1500: an election takes up to 3 s. */
  askAgainMs?: number;
  /** Ends the requests under way and refuses further ones. */
  signal?: AbortSignal;
}

/** Identity of a catalog node without what is registered on it. */
export interface NodeSummary {
  name: string;
  address: string;
  meta: Record<string, string>;
}

/** One instance of a service name. Anybody may have registered it. */
export interface ServiceInstance {
  node: string;
  /** Where it is reached: the service's own address, or its node's when it has none. */
  address: string;
  service: ServiceEntry;
  /** `critical` when any check of the instance or of its node is. */
  status: Health;
  /** Of the check that decides: the first that is critical, else the first. Empty without a check. */
  output: string;
}

export interface KvEntry {
  key: string;
  value: string;
  modifyIndex: number;
  /** Session that holds the key's lock. */
  session: string | undefined;
}

export interface Login {
  accessorId: string;
  secretId: string;
  /** RFC 3339; undefined when the auth method sets no TTL. */
  expiresAt: string | undefined;
}

export interface CaRoots {
  trustDomain: string;
  activeRootId: string;
  roots: { id: string; name: string; active: boolean; pem: string }[];
}

export interface AgentSelf {
  version: string;
  datacenter: string;
  nodeName: string;
  /** The raft index this server has applied. */
  appliedIndex: number;
}

export interface AclToken {
  accessorId: string;
  description: string;
  policies: string[];
  authMethod: string | undefined;
  expiresAt: string | undefined;
}

export interface AclBindingRule {
  description: string;
  authMethod: string;
  selector: string;
  bindType: 'service' | 'role' | 'policy' | 'node';
  bindName: string;
}

export interface AclAuthMethod {
  name: string;
  type: 'jwt';
  /** Go duration of at least 1m, for example `1h`. */
  maxTokenTtl: string;
  /** The auth method's own fields, for example JWTValidationPubKeys, BoundIssuer, ClaimMappings. */
  config: Record<string, unknown>;
  description?: string;
}

/** The ACL calls of an idempotent bootstrap job and an uninstaller. All but bootstrap need `acl:write`. */
export interface ConsulAcl {
  /** Makes `secretId` (a UUID) the first management token. `already` when the cluster was bootstrapped before, by whomever. */
  bootstrap(secretId: string): Promise<'done' | 'already'>;
  upsertPolicy(policy: { name: string; description: string; rules: string }): Promise<{ id: string }>;
  /** Finds a token by its accessorId. Consul never changes a token's secret, so an existing token with another one is refused. */
  upsertToken(token: { accessorId: string; secretId: string; description: string; policies: string[] }): Promise<void>;
  upsertAuthMethod(method: AclAuthMethod): Promise<void>;
  /** One rule for each pair of auth method and description. */
  upsertBindingRule(rule: AclBindingRule): Promise<{ id: string }>;
  listPolicies(prefix?: string): Promise<{ id: string; name: string }[]>;
  listTokens(filter?: { authMethod?: string; policy?: string }): Promise<AclToken[]>;
  listBindingRules(authMethod: string): Promise<(AclBindingRule & { id: string })[]>;
  /** The deletes give false when there was nothing to delete. Deleting an auth method ends every token it gave out. */
  deletePolicy(name: string): Promise<boolean>;
  deleteToken(accessorId: string): Promise<boolean>;
  deleteAuthMethod(name: string): Promise<boolean>;
  deleteBindingRule(id: string): Promise<boolean>;
}

/**
 * All Consul I/O of the project. It decides nothing. Reads drop what Consul adds by itself, so that what apply() wrote
 * reads back deep-equal. All methods throw ConsulUnavailable, ConsulDenied or ConsulRefused (see errors.ts).
 *
 * Entries must be spelled as Consul spells them: durations as Go prints them (`500ms`, `1.5s`, `1m0s`), and no field
 * that holds its zero value except those which the types of mesh/catalog/entry.ts require.
 */
export interface Consul {
  /** The node, its services and their checks; undefined when there is no such node. */
  readNode(name: string): Promise<NodeEntry | undefined>;
  /** Nodes whose name starts with `prefix`, by name. */
  listNodes(prefix: string): Promise<NodeSummary[]>;
  readConfig(kind: ConfigEntry['Kind'], name: string): Promise<HeldConfig | undefined>;
  /** All entries of a kind, by name. */
  listConfig(kind: ConfigEntry['Kind']): Promise<HeldConfig[]>;
  /** Differs from an earlier one when anything in catalog or config entries was changed since, by whomever. */
  marks(): Promise<string>;
  /** Checks of services on nodes whose name starts with `prefix`, by node. May be some moments old. */
  checks(prefix: string): Promise<Map<string, CheckEntry[]>>;
  /** Names of services that have a check on a node whose name starts with `prefix`, sorted. May be some moments old. */
  servicesOn(prefix: string): Promise<string[]>;
  /** Every registration on a node, of anybody, with its checks; empty when the node does not exist. */
  foundRegistrations(node: string): Promise<FoundRegistration[]>;
  /** True for one of all who make a node of that name: false when there is one already. */
  createNode(node: Omit<NodeEntry, 'registrations'>): Promise<boolean>;
  /**
   * Writes as the table in mesh/catalog/plan.ts says. One outcome a change, in the order given. Never throws for a refused
   * change; throws ConsulUnavailable only when nothing was attempted with effect.
   */
  apply(changes: Change[]): Promise<Outcome[]>;
  /** Instances of a service name, by node and ID; with `connect`, the proxies that serve it. */
  health(service: string, options?: { connect?: boolean }): Promise<ServiceInstance[]>;
  /** Names of all services, sorted. */
  services(): Promise<string[]>;

  login(method: string, jwt: string, meta?: Record<string, string>): Promise<Login>;
  /** Ends a token that a login gave. A token that is gone already causes no error. */
  logout(secretId: string): Promise<void>;
  /** Whether Consul has a token with that secret: false when it was ended, has expired, or is younger than a backup that was restored. */
  knowsToken(secretId: string): Promise<boolean>;

  kvGet(key: string): Promise<KvEntry | undefined>;
  /** Sorted by key. */
  kvList(prefix: string): Promise<KvEntry[]>;
  /** Writes only if the key is still at `modifyIndex`; 0 = only if it does not exist. False: another wrote first. */
  kvCas(key: string, value: string, modifyIndex: number): Promise<boolean>;
  /** With `modifyIndex`, true for exactly one of all who try: false when the key has changed since, or is gone. */
  kvDelete(key: string, modifyIndex?: number): Promise<boolean>;

  /** A session's locks are released `ttlSeconds` (10 to 86400) after its last renewal. */
  createSession(name: string, ttlSeconds: number): Promise<string>;
  /** False when the session is gone. */
  renewSession(id: string): Promise<boolean>;
  destroySession(id: string): Promise<void>;
  /** False when another session holds the key. */
  kvAcquire(key: string, value: string, session: string): Promise<boolean>;
  kvRelease(key: string, session: string): Promise<boolean>;

  acl: ConsulAcl;
  /** Address of the raft leader. Throws ConsulUnavailable while the servers have no leader. */
  leader(): Promise<string>;
  agentSelf(): Promise<AgentSelf>;
  /** Whether Consul's intentions, or its default policy, let `source` call `destination`; neither has to exist. */
  mayCall(source: string, destination: string): Promise<boolean>;
  caRoots(): Promise<CaRoots>;
  /** Drops idle connections. */
  close(): void;
}
