import { expect } from 'chai';
import fc from 'fast-check';
import { createLineSplitter } from '../../../../../clients/kube/watching/line-splitter.ts';
import { watchEvents, type WatchEvent } from '../../../../../clients/kube/watching/watch-stream.ts';

async function* from(chunks: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

async function collect(chunks: Uint8Array[], maxLineBytes?: number): Promise<{ events: WatchEvent[]; error?: Error }> {
  const events: WatchEvent[] = [];
  try {
    for await (const event of watchEvents(from(chunks), maxLineBytes)) events.push(event);
    return { events };
  } catch (error) {
    return { events, error: error as Error };
  }
}

/** Cuts `bytes` at the given places, taken modulo its length; equal places give empty chunks. */
function cut(bytes: Uint8Array, places: number[]): Uint8Array[] {
  const sorted = places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b);
  return [...sorted, bytes.length].map((end, index) => bytes.subarray(index === 0 ? 0 : sorted[index - 1]!, end));
}

const event = fc.record({
  type: fc.constantFrom(
    'ADDED' as const,
    'MODIFIED' as const,
    'DELETED' as const,
    'BOOKMARK' as const,
    'ERROR' as const,
  ),
  object: fc.record({
    metadata: fc.record({ name: fc.string({ unit: 'binary' }), resourceVersion: fc.nat().map(String) }),
    note: fc.string({ unit: 'grapheme', maxLength: 40 }),
  }),
});
const places = fc.array(fc.nat(), { maxLength: 30 });
const encode = (events: object[], newline = '\n') =>
  Buffer.from(events.map((one) => JSON.stringify(one) + newline).join(''));

describe('watch stream', () => {
  it('yields the same events however the bytes are cut into chunks', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { maxLength: 8 }),
        places,
        fc.constantFrom('\n', '\r\n', '\n\n'),
        async (events, at, newline) => {
          const { events: got, error } = await collect(cut(encode(events, newline), at));
          expect(error).to.equal(undefined);
          expect(got).to.deep.equal(JSON.parse(JSON.stringify(events)));
        },
      ),
    );
  });

  it('yields the events before the place where the stream is cut off, and nothing of the one that was cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 6 }), fc.nat(), places, async (events, end, at) => {
        const bytes = encode(events).subarray(0, end % encode(events).length);
        const whole = bytes.filter((byte) => byte === 0x0a).length;
        const { events: got, error } = await collect(cut(bytes, at));
        expect(error).to.equal(undefined);
        expect(got).to.have.length(whole);
      }),
    );
  });

  it('puts a character together that was cut between its bytes', async () => {
    const bytes = encode([{ type: 'ADDED', object: { metadata: { name: 'ключ-🗝' } } }]);
    const { events } = await collect([...bytes].map((byte) => Uint8Array.of(byte)));
    expect(events[0]?.object.metadata.name).to.equal('ключ-🗝');
  });

  it('fails on a line that is not JSON, after the events before it, without quoting it', async () => {
    const bytes = Buffer.concat([
      encode([{ type: 'ADDED', object: { metadata: { name: 'a' } } }]),
      Buffer.from('{"password":"hunter2"\n'),
    ]);
    const { events, error } = await collect([bytes]);
    expect(events).to.have.length(1);
    expect(error).to.include({ name: 'KubeError', reason: 'BadResponse' });
    expect(error?.message).to.not.contain('hunter2');
  });

  for (const line of ['null', '[]', '"text"', '{}', '{"type":"ADDED"}', '{"type":1,"object":{}}']) {
    it(`fails on the line ${line}, which does not hold an event`, async () => {
      const { error } = await collect([Buffer.from(`${line}\n`)]);
      expect(error).to.include({ name: 'KubeError', reason: 'BadResponse' });
    });
  }

  it('fails on a line above the bound without waiting for its end', async () => {
    const endless = Array.from({ length: 100 }, () => Buffer.alloc(1000, 'x'));
    const { error } = await collect(endless, 10_000);
    expect(error).to.include({ name: 'KubeError', reason: 'BadResponse' });
  });
});

describe('line splitter', () => {
  it('holds at most the bound', () => {
    const splitter = createLineSplitter(4);
    expect(splitter.push(Buffer.from('abcd\nab'))).to.deep.equal(['abcd']);
    expect(splitter.push(Buffer.from('cd'))).to.deep.equal([]);
    expect(() => splitter.push(Buffer.from('e'))).to.throw(RangeError);
  });
});
