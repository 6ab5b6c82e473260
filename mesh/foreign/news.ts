/** One kind of config entry as Consul told it last. */
export interface KindSeen {
  /** `entries` hold every write before it. */
  index: number;
  /** ModifyIndex by name. */
  entries: Pick<ReadonlyMap<string, number>, 'get'>;
}

/** The indexes of one config entry, as this owner remembers them. */
export interface Remembered {
  /** ModifyIndex; undefined: it is not there. */
  held: number | undefined;
  /** ModifyIndex of the entry that this owner itself removed last. */
  removed: number | undefined;
}

/**
 * Whether Consul tells something of an entry that is newer than what is remembered. An answer may be older than a write of
 * our own, and then says nothing.
 *
 * | remembered | told now | newer when                             |
 * |------------|----------|----------------------------------------|
 * | nothing    | 7        | it is not the one that we have removed |
 * | 5          | 7        | always                                 |
 * | 7          | 5        | never: the answer was given before     |
 * | 5          | nothing  | the answer was given after 5           |
 */
export function isNews({ held, removed = 0 }: Remembered, seen: KindSeen, name: string): boolean {
  const now = seen.entries.get(name);
  if (now === held) return false;
  if (held === undefined) return now! > removed;
  return now === undefined ? seen.index >= held : now > held;
}
