import { z } from 'zod';
import { refusalsRequest } from './bridge-api.ts';

/** Below these keys of Consul's KV, at `SITE/HOST`, bridges write which updates the Envoys of a machine refuse. The operator reads them. */
export const REFUSAL_KEYS = 'landbridge/proxies/';

/** A machine repeats it at least this often while it lasts, and is believed for three times as long. */
export const REFUSALS_AGAIN_MS = 300_000;
const REFUSALS_GOOD_MS = 3 * REFUSALS_AGAIN_MS;

const machineReport = z.object({
  site: z.string(),
  host: z.string(),
  /** RFC 3339, when the bridge heard of these refusals first, and last. */
  at: z.string(),
  heardAt: z.string(),
  proxies: refusalsRequest.shape.proxies,
});
export type MachineReport = z.output<typeof machineReport>;

/** Undefined when the text is not a report, or is too old to be believed. */
export function readMachineReport(text: string, nowMs: number): MachineReport | undefined {
  try {
    const report = machineReport.parse(JSON.parse(text));
    return nowMs - Date.parse(report.heardAt) > REFUSALS_GOOD_MS ? undefined : report;
  } catch {
    return undefined;
  }
}
