import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Host, Hosts } from './hosts.ts';
import type { NodeWriter } from '../node-writer.ts';
import type { Tokens } from '../tokens/tokens.ts';

interface CleanUpParts {
  hosts: Hosts;
  writer: NodeWriter;
  tokens: Tokens;
  clock: Clock;
  log: Log;
}

const AT_MOST_EVERY_MS = 1000;

/**
 * Work by the time of death: the time of death is kept in the host's record, so that it survives a restart, and
 * the instances of a host dead for `deregisterAfterMs` leave the catalog. The record stays: the host may come back.
 * Call it as often as you like; it writes only what differs, and at most one record a host at a time.
 */
export function createCleanUp(bridge: CleanUpParts, deregisterAfterMs: number): () => void {
  const saving = new Set<Host>();
  let doneAtMs = -Infinity;

  async function saveDeath(host: Host): Promise<void> {
    if (saving.has(host)) return;
    saving.add(host);
    try {
      const diedAt = deathOf(host);
      await bridge.hosts.change(host, (record) => ({ ...record, diedAt }));
    } catch (error) {
      bridge.log.warn({ err: error, site: host.site, host: host.host }, 'saving the time of death failed');
    } finally {
      saving.delete(host);
    }
  }

  function deregister(host: Host): void {
    if (bridge.writer.wanted(host.node) === undefined) {
      // Nothing is left of a host without a record.
      if (host.held === undefined && bridge.writer.held(host.node) === undefined) bridge.hosts.remove(host);
      return;
    }
    bridge.log.warn({ site: host.site, host: host.host, diedAt: deathOf(host) }, 'dead host deregistered');
    void bridge.writer.want(host.node, host.owner, undefined);
    bridge.tokens.end(host, () => true);
  }

  return () => {
    const nowMs = bridge.clock.steady();
    if (nowMs - doneAtMs < AT_MOST_EVERY_MS) return;
    doneAtMs = nowMs;
    for (const host of bridge.hosts.all()) {
      const record = host.held?.record;
      if (record !== undefined && record.diedAt !== deathOf(host) && record.revokedAt === undefined) {
        void saveDeath(host);
      }
      const due = host.diedAtMs !== undefined && bridge.clock.now() - host.diedAtMs >= deregisterAfterMs;
      if (due && host.lease.down) deregister(host);
    }
    void bridge.tokens.retry();
    void bridge.tokens
      .prove()
      .catch((error: unknown) => bridge.log.warn({ err: error }, 'could not ask Consul for the tokens of hosts'));
  };
}

const deathOf = ({ diedAtMs }: Host): string | undefined =>
  diedAtMs === undefined ? undefined : new Date(diedAtMs).toISOString();
