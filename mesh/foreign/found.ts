import { type ActualState, configKey } from '../catalog/entry.ts';
import { equal } from '../equal.ts';

/**
 * Config entries that somebody else has changed, by `Kind/Name`: they differ from `before`, which was right until then. Where
 * an index went back Consul holds an earlier state, which nobody has written; where node and claim are gone, it has lost its data.
 */
export function foreignIn(before: ActualState, now: ActualState, service: string | undefined): string[] {
  const keys = [...new Set([...Object.keys(before.config), ...Object.keys(now.config)])];
  const claim = service === undefined ? undefined : now.config[configKey({ Kind: 'service-defaults', Name: service })];
  if (before.node !== undefined && now.node === undefined && claim === undefined) return [];
  const wentBack = keys.some((key) => {
    const [was, is] = [before.config[key], now.config[key]];
    return was !== undefined && is !== undefined && is.modifyIndex < was.modifyIndex;
  });
  if (wentBack) return [];
  return keys.filter((key) => {
    const [was, is] = [before.config[key], now.config[key]];
    return was?.modifyIndex !== is?.modifyIndex && !equal(was?.entry, is?.entry);
  });
}
