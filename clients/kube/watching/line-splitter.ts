/**
 * Splits a byte stream into lines. Works on bytes, so a UTF-8 character cut in two by a chunk border is whole again in
 * its line. The rest after the last newline waits for the next chunk, and is never given out by itself: the API server
 * ends every event with a newline, so a rest is an event cut short.
 */
export interface LineSplitter {
  /** The lines that `chunk` completes, without empty ones. Throws RangeError when a line grows past `maxLineBytes`. */
  push(chunk: Uint8Array): string[];
}

export function createLineSplitter(maxLineBytes: number): LineSplitter {
  let parts: Uint8Array[] = [];
  let size = 0;

  function hold(part: Uint8Array): void {
    size += part.length;
    if (size > maxLineBytes) throw new RangeError(`a line is longer than ${maxLineBytes} bytes`);
    if (part.length > 0) parts.push(part);
  }

  return {
    push(chunk) {
      const lines: string[] = [];
      let start = 0;
      for (let end = chunk.indexOf(0x0a, start); end >= 0; end = chunk.indexOf(0x0a, start)) {
        hold(chunk.subarray(start, end));
        const line = Buffer.concat(parts).toString('utf8').trim();
        if (line !== '') lines.push(line);
        parts = [];
        size = 0;
        start = end + 1;
      }
      hold(chunk.subarray(start));
      return lines;
    },
  };
}
