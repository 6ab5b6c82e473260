import { expect } from 'chai';
import type { Condition } from '../../../../crds/kubernetes.ts';
import type { ConfigEntry } from '../../../../mesh/catalog/entry.ts';
import { type ForeignChange, foreignVerdict, untouchedVerdict } from '../../../../mesh/foreign/verdict.ts';
import { writerOf } from '../../../../mesh/foreign/writer.ts';

const change = (name: string, more: Partial<ForeignChange> = {}): ForeignChange => ({
  entry: `service-splitter ${name}`,
  writer: 'written by a holder of service:write',
  at: '2026-01-01T00:00:00.000Z',
  contested: false,
  ...more,
});
const entry = (Meta: Record<string, string>): ConfigEntry => ({ Kind: 'service-splitter', Name: 'web', Meta });

describe('the condition Untouched', () => {
  it('is not there when nobody has changed anything', () => {
    expect(untouchedVerdict([], undefined, '2026-01-01T00:00:00Z')).to.deep.equal([]);
  });

  it('names the latest changes first, and three at most', () => {
    const changes = [1, 2, 3, 4, 5].map((n) => change(`s${n}`, { at: `2026-01-01T00:00:0${n}.000Z` }));
    const { message } = foreignVerdict(changes)!;
    expect(message).to.match(/service-splitter s5, .*service-splitter s4, .*service-splitter s3, .*; and 2 more/);
  });

  it('says the same of a contest all the time, so that the status is written once', () => {
    const at = (time: string) => foreignVerdict([change('web', { contested: true, at: time }), change('web-2')]);
    const first = at('2026-01-01T00:00:00.000Z');
    expect(first).to.include({ reason: 'EntryContested', status: 'False' });
    expect(first!.message).to.include('service-splitter web, written by').and.include('every 5 s at most');
    expect(at('2026-01-01T00:09:00.000Z')).to.deep.equal(first);
  });

  it('stays for ten minutes after a start of the operator', () => {
    const said: Condition = {
      type: 'Untouched',
      status: 'False',
      reason: 'ForeignEntry',
      message: 'so it was',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    };
    expect(untouchedVerdict([], [said], '2026-01-01T00:09:59Z')).to.deep.equal([
      ['Untouched', { status: 'False', reason: 'ForeignEntry', message: 'so it was' }],
    ]);
    expect(untouchedVerdict([], [said], '2026-01-01T00:10:00Z')).to.deep.equal([]);
  });
});

describe('the writer of a foreign entry', () => {
  it('is what the entry says of itself, else who may write its kind', () => {
    expect(writerOf('service-splitter', entry({ 'external-source': 'kubernetes' }))).to.equal(
      'by kubernetes, as its external-source says',
    );
    expect(writerOf('service-splitter', entry({ 'landbridge-owner': 'k8s/b/c/d' }))).to.equal(
      'with the mark of k8s/b/c/d',
    );
    expect(writerOf('service-splitter', entry({}))).to.equal('written by a holder of service:write');
    expect(writerOf('service-splitter', undefined)).to.equal('removed by a holder of service:write');
    expect(writerOf('service-intentions', undefined)).to.include('intentions:write, which no sidecar has');
  });

  it('is quoted without control characters and cut', () => {
    const said = writerOf('service-splitter', entry({ 'external-source': `\u001b[31m\n${'x'.repeat(5000)}` }));
    expect(said).to.match(/^by \?\[31m\?x+, as its external-source says$/);
    expect(said.length).to.be.below(130);
  });
});
