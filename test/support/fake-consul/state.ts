/** The state of the fake, in the shapes of Consul's own JSON. Also the small language its handlers share. */
export type Raw = Record<string, unknown>;

export interface FakeService extends Raw {
  ID: string;
  Service: string;
  Kind: string;
  Address: string;
  Proxy: Raw;
}

export interface FakeCheck extends Raw {
  Node: string;
  CheckID: string;
  Name: string;
  Status: string;
  Output: string;
  ServiceID: string;
  ServiceName: string;
}

export interface FakeNode {
  Node: string;
  Address: string;
  Meta: Record<string, string>;
  services: Map<string, FakeService>;
  checks: Map<string, FakeCheck>;
}

interface FakeKv {
  Key: string;
  Value: string;
  ModifyIndex: number;
  Session?: string;
}

export interface FakeToken {
  AccessorID: string;
  SecretID: string;
  Description: string;
  Policies: { ID: string; Name: string }[];
  ServiceIdentities: string[];
  AuthMethod?: string;
  ExpirationTime?: string;
}

export interface FakeBindingRule extends Raw {
  AuthMethod: string;
  Selector?: string;
  BindType: string;
  BindName: string;
}

export interface FakeState {
  acl: boolean;
  /** Raft index: goes up by one with each write that Consul would commit. */
  index: number;
  nodes: Map<string, FakeNode>;
  /** By `Kind/Name`. */
  config: Map<string, Raw>;
  kv: Map<string, FakeKv>;
  sessions: Set<string>;
  bootstrapped: boolean;
  /** Keyed by secret. */
  tokens: Map<string, FakeToken>;
  policies: Map<string, { ID: string; Name: string; Description: string; Rules: string }>;
  authMethods: Map<string, Raw>;
  bindingRules: Map<string, FakeBindingRule>;
}

export const emptyState = (acl: boolean): FakeState => ({
  acl,
  index: 10,
  nodes: new Map(),
  config: new Map(),
  kv: new Map(),
  sessions: new Set(),
  bootstrapped: false,
  tokens: new Map(),
  policies: new Map(),
  authMethods: new Map(),
  bindingRules: new Map(),
});

export interface FakeRequest {
  method: string;
  /** Below /v1, decoded, split at each slash. */
  path: string[];
  query: Record<string, string>;
  body: unknown;
  token: string;
}

export interface FakeReply {
  status: number;
  body: unknown;
  filtered?: boolean;
}

export const ok = (body: unknown): FakeReply => ({ status: 200, body });

/** An answer other than success, thrown from anywhere in a handler. */
export class FakeRefusal extends Error {
  readonly status: number;
  constructor(status: number, sentence: string) {
    super(sentence);
    this.status = status;
  }
}
