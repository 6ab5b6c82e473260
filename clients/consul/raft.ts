import type { ConsulOptions } from './consul.ts';
import { ConsulRefused } from './errors.ts';
import { openTransport, type Transport } from './transport.ts';

export interface RaftPeer {
  id: string;
  /** Name of the server's node; empty for one that nobody has seen lately. */
  node: string;
  leader: boolean;
  voter: boolean;
}

/** The servers among themselves. Needs `operator:write`. All methods throw what those of Consul do. */
export interface ConsulRaft {
  peers(): Promise<RaftPeer[]>;
  /** Resolves when the servers have agreed to it; the next leader may take another moment. */
  transferLeadership(id: string): Promise<void>;
  /** The others go on without it. */
  removePeer(id: string): Promise<void>;
  /** Makes the others forget a server that is gone, without the three days that they would wait. */
  forget(node: string): Promise<void>;
  close(): void;
}

/** To forget a server takes 5 s: the word goes round among the others. */
const PATIENCE_MS = 20_000;

export const connectRaft = (options: ConsulOptions): ConsulRaft =>
  raftOver(openTransport({ requestTimeoutMs: PATIENCE_MS, ...options }));

interface RawPeer {
  ID: string;
  Node: string;
  Leader: boolean;
  Voter: boolean;
}

/** Over any transport. */
function raftOver(transport: Transport): ConsulRaft {
  return {
    async peers() {
      const { body } = await transport.send({ method: 'GET', path: '/operator/raft/configuration' });
      return (body as { Servers: RawPeer[] }).Servers.map(({ ID, Node, Leader, Voter }) => ({
        id: ID,
        node: Node,
        leader: Leader,
        voter: Voter,
      }));
    },
    async transferLeadership(id) {
      await transport.send({ method: 'POST', path: '/operator/raft/transfer-leader', query: { id } });
    },
    async removePeer(id) {
      await transport.send({ method: 'DELETE', path: '/operator/raft/peer', query: { id } });
    },
    async forget(node) {
      const path = `/agent/force-leave/${encodeURIComponent(node)}`;
      await transport.send({ method: 'PUT', path, query: { prune: '' }, repeatable: true }).catch((error: unknown) => {
        // They have forgotten it already.
        if (!(error instanceof ConsulRefused && /No node found/.test(error.message))) throw error;
      });
    },
    close: () => transport.close(),
  };
}
