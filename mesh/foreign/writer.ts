import { type ConfigEntry, OWNER_META } from '../catalog/entry.ts';

const QUOTED = 80;

/** Consul keeps no name of a writer: an entry says of itself who made it, and its kind says who may. */
export function writerOf(kind: ConfigEntry['Kind'], entry: ConfigEntry | undefined): string {
  const mark = entry?.Meta[OWNER_META];
  const source = entry?.Meta['external-source'];
  if (source !== undefined) return `by ${quoted(source)}, as its external-source says`;
  if (mark !== undefined) return `with the mark of ${quoted(mark)}`;
  const deed = entry === undefined ? 'removed' : 'written';
  const right = kind === 'service-intentions' ? 'intentions:write, which no sidecar has' : 'service:write';
  return `${deed} by a holder of ${right}`;
}

/** One who writes an entry chooses these words. */
const quoted = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?').slice(0, QUOTED);
