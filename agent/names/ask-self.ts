import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';

import packet from 'dns-packet';

import type { Address } from '../machine/address.ts';
import type { Clock } from '../../base/clock.ts';

/** Not under consul, so that it is refused at once and Consul is not asked. */
const NAME = 'landbridge.invalid';
const PATIENCE_MS = 1000;
const EVERY_MS = 5000;
/** One lost packet does not count. */
const FAILURES = 2;

/** Whether a query to the DNS server at `at` is answered over UDP, as a resolver of this machine asks it. */
function isAnswered(at: Address): Promise<boolean> {
  const id = randomInt(1, 65536);
  const query = packet.encode({ type: 'query', id, questions: [{ type: 'A', name: NAME }] });
  return new Promise((resolve) => {
    const socket = createSocket(at.host.includes(':') ? 'udp6' : 'udp4');
    const end = (answered: boolean): void => {
      clearTimeout(timer);
      socket.removeAllListeners('message').close();
      resolve(answered);
    };
    const timer = setTimeout(() => end(false), PATIENCE_MS);
    socket.on('message', (message) => {
      if (message.length >= 12 && message.readUInt16BE(0) === id) end(true);
    });
    socket.once('error', () => end(false));
    // A firewall may refuse to send it. The query stays without an answer then.
    socket.send(query, at.port, at.host, () => undefined);
  });
}

/** The agent asks its own DNS server now and then: a port that listens is of no use where a firewall drops the queries. */
export interface SelfAsk {
  problem(): string | undefined;
  end(): void;
}

export function askSelf({
  at,
  listens,
  clock,
  ask = isAnswered,
}: {
  at: Address;
  listens: () => boolean;
  clock: Clock;
  ask?: (at: Address) => Promise<boolean>;
}): SelfAsk {
  let failures = 0;
  let ended = false;
  const turn = async (): Promise<void> => {
    if (listens()) failures = (await ask(at)) ? 0 : failures + 1;
    else failures = 0;
    if (!ended) cancel = clock.after(EVERY_MS, () => void turn());
  };
  let cancel = clock.after(0, () => void turn());
  return {
    problem: () =>
      failures < FAILURES
        ? undefined
        : `queries to ${at.host}:${at.port} are not answered, although the agent listens: let UDP port ${at.port} through on loopback (nft list ruleset, iptables-save)`,
    end() {
      ended = true;
      cancel();
    },
  };
}
