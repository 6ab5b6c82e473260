/** `now` (ms since 1970) as MicroTime: the API server parses it with exactly six decimals. */
export function microTime(now: number): string {
  return new Date(now).toISOString().replace('Z', '000Z');
}
