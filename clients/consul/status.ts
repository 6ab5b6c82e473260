import type { AgentSelf, CaRoots } from './consul.ts';
import { ConsulUnavailable } from './errors.ts';
import type { Transport } from './transport.ts';

export async function readLeader(transport: Transport): Promise<string> {
  const leader = (await transport.send({ method: 'GET', path: '/status/leader' })).body;
  if (typeof leader === 'string' && leader !== '') return leader;
  throw new ConsulUnavailable('The Consul servers have no leader; wait until a majority of them runs');
}

interface RawSelf {
  Config: { Version: string; Datacenter: string; NodeName: string };
  Stats: { raft: { applied_index: string } };
}

export async function readAgentSelf(transport: Transport): Promise<AgentSelf> {
  const { Config, Stats } = (await transport.send({ method: 'GET', path: '/agent/self' })).body as RawSelf;
  return {
    version: Config.Version,
    datacenter: Config.Datacenter,
    nodeName: Config.NodeName,
    appliedIndex: Number(Stats.raft.applied_index),
  };
}

interface RawRoots {
  TrustDomain: string;
  ActiveRootID: string;
  Roots: { ID: string; Name: string; Active: boolean; RootCert: string }[];
}

export async function readCaRoots(transport: Transport): Promise<CaRoots> {
  const raw = (await transport.send({ method: 'GET', path: '/connect/ca/roots' })).body as RawRoots;
  return {
    trustDomain: raw.TrustDomain,
    activeRootId: raw.ActiveRootID,
    roots: raw.Roots.map((root) => ({ id: root.ID, name: root.Name, active: root.Active, pem: root.RootCert })),
  };
}

/** https://developer.hashicorp.com/consul/api-docs/connect/intentions#check-intention-result */
export async function readMayCall(transport: Transport, source: string, destination: string): Promise<boolean> {
  const query = { source, destination };
  const { body } = await transport.send({ method: 'GET', path: '/connect/intentions/check', query });
  return (body as { Allowed: boolean }).Allowed;
}
