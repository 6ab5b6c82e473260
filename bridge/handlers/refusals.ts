import type { RefusalsRequest } from '../../mesh/outside/bridge-api.ts';
import { equal } from '../../mesh/equal.ts';
import { type MachineReport, REFUSAL_KEYS, readMachineReport } from '../../mesh/outside/machine-report.ts';
import type { HostCall } from '../api/call.ts';
import { Refusal } from '../refusal.ts';

const MAX_TRIES = 3;

/**
 * POST /v1/refusals: writes for the operator what Envoys of the host refuse, or takes it away. Nothing is said of services
 * that the host has not joined.
 */
export async function refusals({ bridge, host, body }: HostCall<'clock' | 'consul', RefusalsRequest>): Promise<object> {
  const { consul, clock } = bridge;
  const joined = host.held?.record.services ?? [];
  const proxies = body.proxies.filter(({ service, refusals: all }) => joined.includes(service) && all.length > 0);
  const key = `${REFUSAL_KEYS}${host.site}/${host.host}`;
  if (proxies.length === 0) {
    await consul.kvDelete(key);
    return {};
  }
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const held = await consul.kvGet(key);
    const before = held && readMachineReport(held.value, clock.now());
    const heardAt = new Date(clock.now()).toISOString();
    const at = before !== undefined && equal(before.proxies, proxies) ? before.at : heardAt;
    const report: MachineReport = { site: host.site, host: host.host, at, heardAt, proxies };
    if (await consul.kvCas(key, JSON.stringify(report), held?.modifyIndex ?? 0)) return {};
  }
  throw new Refusal('changedMeanwhile', `what host "${host.host}" refuses keeps being written: try again`);
}
