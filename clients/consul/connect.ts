import { aclOf } from './acl.ts';
import { apply } from './writing/apply.ts';
import { listNodes, readHealth, readNode, readServiceNames } from './reading/catalog-read.ts';
import { listConfig, readConfig } from './reading/config-read.ts';
import { createNode } from './writing/create-node.ts';
import { readFoundRegistrations } from './reading/found-registrations.ts';
import type { Consul, ConsulOptions } from './consul.ts';
import * as kv from './kv.ts';
import { knowsToken, login, logout } from './login.ts';
import { readAgentSelf, readCaRoots, readLeader, readMayCall } from './status.ts';
import { readChecks, readMarks, readServicesOn } from './reading/survey.ts';
import { type Transport, openTransport } from './transport.ts';

/** A client for one Consul cluster. Makes no request by itself. */
export const connectConsul = (options: ConsulOptions): Consul => consulOver(openTransport(options));

/** The client over any transport. */
export function consulOver(transport: Transport): Consul {
  return {
    readNode: (name) => readNode(transport, name),
    listNodes: (prefix) => listNodes(transport, prefix),
    readConfig: (kind, name) => readConfig(transport, kind, name),
    listConfig: (kind) => listConfig(transport, kind),
    marks: () => readMarks(transport),
    checks: (nodePrefix) => readChecks(transport, nodePrefix),
    servicesOn: (nodePrefix) => readServicesOn(transport, nodePrefix),
    foundRegistrations: (node) => readFoundRegistrations(transport, node),
    createNode: (node) => createNode(transport, node),
    apply: (changes) => apply(transport, changes),
    health: (service, { connect = false } = {}) => readHealth(transport, service, connect),
    services: () => readServiceNames(transport),
    login: (method, jwt, meta) => login(transport, method, jwt, meta),
    logout: (secretId) => logout(transport, secretId),
    knowsToken: (secretId) => knowsToken(transport, secretId),
    kvGet: (key) => kv.kvGet(transport, key),
    kvList: (prefix) => kv.kvList(transport, prefix),
    kvCas: (key, value, modifyIndex) => kv.kvCas(transport, key, value, modifyIndex),
    kvDelete: (key, modifyIndex) => kv.kvDelete(transport, key, modifyIndex),
    createSession: (name, ttlSeconds) => kv.createSession(transport, name, ttlSeconds),
    renewSession: (id) => kv.renewSession(transport, id),
    destroySession: (id) => kv.destroySession(transport, id),
    kvAcquire: (key, value, session) => kv.kvAcquire(transport, key, value, session),
    kvRelease: (key, session) => kv.kvRelease(transport, key, session),
    acl: aclOf(transport),
    leader: () => readLeader(transport),
    agentSelf: () => readAgentSelf(transport),
    mayCall: (source, destination) => readMayCall(transport, source, destination),
    caRoots: () => readCaRoots(transport),
    close: () => transport.close(),
  };
}
