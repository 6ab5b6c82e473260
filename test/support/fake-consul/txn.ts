import { deleteService, setCheck, setNode, setPlainService } from './catalog.ts';
import { demand } from './permission.ts';
import { type FakeReply, FakeRefusal, type FakeRequest, type FakeState, type Raw, ok } from './state.ts';

interface Operation {
  KV?: { Verb: 'check-index' | 'delete'; Key: string; Index?: number };
  Node?: {
    Verb: 'set' | 'cas' | 'delete';
    Node: { Node: string; Address: string; Meta?: Record<string, string>; ModifyIndex?: number };
  };
  Service?: { Verb: 'set' | 'delete'; Node: string; Service: Raw & { ID: string; Service: string } };
  Check?: { Verb: 'set'; Check: Raw & { Node: string; CheckID: string; ServiceName?: string } };
}

/**
 * PUT /v1/txn. As in Consul permissions are looked at first, for all operations and by the names the request gives;
 * then all are done on a copy, which becomes the state only if none failed.
 */
export function transact(state: FakeState, { body, token }: FakeRequest): FakeReply {
  const operations = body as Operation[];
  if (operations.length > 128) {
    throw new FakeRefusal(413, `Transaction contains too many operations (${operations.length} > 128)`);
  }
  const bytes = Buffer.byteLength(JSON.stringify(body));
  if (bytes > 524_288) throw new FakeRefusal(413, `Request body(${bytes} bytes) too large, max size: 524288 bytes`);

  const denied = errorsOf(operations, (operation) => check(state, token, operation));
  if (denied.length > 0) return { status: 409, body: { Results: null, Errors: denied } };
  state.index++;
  const nodes = structuredClone(state.nodes);
  const kv = new Map(state.kv);
  const failed = errorsOf(operations, (operation) => perform({ nodes, kv }, operation));
  if (failed.length > 0) return { status: 409, body: { Results: null, Errors: failed } };
  Object.assign(state, { nodes, kv });
  return ok({ Results: [], Errors: null });
}

function errorsOf(operations: Operation[], task: (operation: Operation) => void): { OpIndex: number; What: string }[] {
  return operations.flatMap((operation, OpIndex) => {
    try {
      task(operation);
      return [];
    } catch (error) {
      return [{ OpIndex, What: (error as Error).message }];
    }
  });
}

function check(state: FakeState, token: string, { KV, Node, Service, Check }: Operation): void {
  if (KV !== undefined) demand(state, token, 'key', KV.Key, KV.Verb === 'delete' ? 'write' : 'read');
  if (Node !== undefined) {
    if (Node.Node.Node === '') throw new FakeRefusal(500, 'Must provide node');
    demand(state, token, 'node', Node.Node.Node, 'write');
  }
  if (Service !== undefined) {
    if (Service.Service.Service === '') {
      throw new FakeRefusal(500, 'Must provide service name (Service.Service) when service ID is provided');
    }
    demand(state, token, 'service', Service.Service.Service, 'write');
  }
  if (Check !== undefined) demand(state, token, 'service', Check.Check.ServiceName ?? '', 'write');
}

function perform({ nodes, kv }: Pick<FakeState, 'nodes' | 'kv'>, { KV, Node, Service, Check }: Operation): void {
  if (KV?.Verb === 'check-index') {
    const held = kv.get(KV.Key);
    if (held === undefined) throw new FakeRefusal(500, `failed to check index, key "${KV.Key}" doesn't exist`);
    if (held.ModifyIndex !== KV.Index) {
      throw new FakeRefusal(
        500,
        `failed index check for key "${KV.Key}", current modify index ${held.ModifyIndex} != ${KV.Index}`,
      );
    }
  }
  if (KV?.Verb === 'delete') kv.delete(KV.Key);
  // The fake knows compare-and-set of a node as far as it is used: only for a node that does not exist.
  if (Node?.Verb === 'cas' && nodes.has(Node.Node.Node)) {
    throw new FakeRefusal(500, `failed to set node "${Node.Node.Node}", index is stale`);
  }
  if (Node?.Verb === 'set' || Node?.Verb === 'cas') setNode(nodes, Node.Node);
  if (Node?.Verb === 'delete') nodes.delete(Node.Node.Node);
  if (Service?.Verb === 'set') setPlainService(nodes, Service.Node, Service.Service);
  if (Service?.Verb === 'delete') deleteService(nodes, Service.Node, Service.Service.ID);
  if (Check !== undefined) setCheck(nodes, Check.Check.Node, Check.Check);
}
