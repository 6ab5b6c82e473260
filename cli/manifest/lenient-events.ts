import { type Event, parseEvents } from 'js-yaml';

/** Wider than most documents are indented; a line that needs more gets it several times. */
const PAD = ' '.repeat(200);
/** Characters that are parsed again at most, over all tries: some seconds. */
const MOST_PARSED = 50_000_000;
/** Deeper nesting is refused, because the readers of the result are recursive. */
const MAX_DEPTH = 500;

/**
 * The events of a text without js-yaml's rule about indentation inside brackets and quotes, which kubectl does not have:
 *
 *     args: [
 *       "--verbose",
 *     ]
 *
 * js-yaml wants the bracket further in than `args`. A line that it refuses for this reason is indented, which changes no value
 * there, and the offsets are corrected afterwards. Throws a YAMLException; its position is that of the text as given.
 */
export function lenientEvents(text: string): Event[] {
  /** Where lines begin that were moved in, ascending, as offsets of the text that was given. */
  const moved: number[] = [];
  let padded = text;
  for (let parsed = padded.length; ; parsed += padded.length) {
    try {
      return parseEvents(padded, { maxDepth: MAX_DEPTH }).map((event) => shifted(event, moved));
    } catch (error) {
      const { reason, mark } = error as { reason?: string; mark?: { position: number } };
      if (mark === undefined) throw error;
      const lineStart = padded.lastIndexOf('\n', mark.position - 1) + 1;
      if (reason !== 'deficient indentation' || parsed > MOST_PARSED) {
        mark.position = original(mark.position, moved);
        throw error;
      }
      moved.push(original(lineStart, moved));
      padded = padded.slice(0, lineStart) + PAD + padded.slice(lineStart);
    }
  }
}

/** Errors come in the order of the text, so the lines that were moved do too. */
function original(offset: number, moved: number[]): number {
  let shift = 0;
  for (const start of moved) {
    if (start + shift >= offset) break;
    shift = Math.min(shift + PAD.length, offset - start);
  }
  return offset - shift;
}

const OFFSETS = ['start', 'valueStart', 'valueEnd', 'anchorStart', 'anchorEnd', 'tagStart', 'tagEnd'] as const;

function shifted(event: Event, moved: number[]): Event {
  if (moved.length === 0) return event;
  const copy = { ...event } as Record<string, unknown>;
  for (const field of OFFSETS) {
    const offset = copy[field];
    if (typeof offset === 'number' && offset >= 0) copy[field] = original(offset, moved);
  }
  return copy as unknown as Event;
}
