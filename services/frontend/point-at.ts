const around = 30;

/**
 * Two lines that show a place in a text: the text near it, and a caret under it.
 * Line breaks and control characters show as spaces, so that the caret stays under its character.
 */
export function pointAt(text: string, position: number): [string, string] {
  const from = Math.max(0, position - around);
  const to = Math.min(text.length, position + around);
  const head = from > 0 ? '...' : '';
  const tail = to < text.length ? '...' : '';
  const line = head + text.slice(from, to).replace(/[\s\p{Cc}]/gu, ' ') + tail;
  return [line, ' '.repeat(head.length + position - from) + '^'];
}
