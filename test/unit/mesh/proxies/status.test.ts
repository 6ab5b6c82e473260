import { expect } from 'chai';
import { desiredState } from '../../../../mesh/service/desired.ts';
import type { ProxiesSeen } from '../../../../mesh/proxies/verdict.ts';
import { statusOf } from '../../../../mesh/status/status.ts';
import { aMeshService, aPodFacts } from '../../../support/builders.ts';

const SAID = {
  status: 'False',
  reason: 'ProxyRefuses',
  message: 'pod caller-1 refused',
  lastTransitionTime: '2026-11-30T10:00:00Z',
} as const;

describe('the status of a MeshService with its proxies', () => {
  const statusWith = (proxies: ProxiesSeen | undefined, before = false, status: 'True' | 'False' = 'False') => {
    const meshService = aMeshService('web');
    if (before) meshService.status = { conditions: [{ type: 'ProxiesAccept', ...SAID, status }] };
    const pods = ['web-1', 'web-2'].map((name) => aPodFacts(name, { meshService: 'web', labels: { app: 'web' } }));
    const intent = { cluster: 'lab', namespace: 'shop', name: 'web', meshService, pods, formerServices: [] };
    const seen = {
      podsWithoutSidecar: [],
      namespaceEnabled: true,
      external: { ready: 0, total: 0 },
      consulDown: undefined,
      tokenProblem: undefined,
      proxies,
    };
    const made = statusOf(
      intent,
      desiredState(intent),
      { changes: [], conflicts: [] },
      [],
      seen,
      '2026-11-30T12:00:00Z',
    );
    return { ...made, of: (type: string) => made.conditions?.find((one) => one.type === type) };
  };
  const well: ProxiesSeen = { known: true, refusing: [], silent: [] };
  const silent = (...instances: string[]) => instances.map((instance) => ({ instance, port: 8080, calls: false }));

  it('is nothing while nobody has looked', () => {
    for (const proxies of [undefined, { ...well, known: false }])
      expect(statusWith(proxies).of('ProxiesAccept')).to.equal(undefined);
  });
  it('leaves the condition as it was until all were asked after a start', () => {
    expect(statusWith({ ...well, known: false }, true).of('ProxiesAccept')).to.include(SAID);
    expect(statusWith(undefined, true).of('ProxiesAccept')).to.include(SAID);
    expect(statusWith(well, true).of('ProxiesAccept')).to.include({
      status: 'True',
      lastTransitionTime: '2026-11-30T12:00:00Z',
      observedGeneration: 1,
    });
  });
  it('ends the condition of a refusal when no proxy that exists has it, and keeps one that says all is well', () => {
    const over = { ...well, known: false, over: true };
    expect(statusWith(over, true).of('ProxiesAccept')).to.equal(undefined);
    expect(statusWith(over).of('ProxiesAccept')).to.equal(undefined);
    expect(statusWith(over, true, 'True').of('ProxiesAccept')).to.include({ status: 'True' });
  });
  it('leaves Ready alone when a proxy refuses an update, since the earlier configuration serves', () => {
    const refusing = [{ proxy: 'pod web-1', refusals: [{ kind: 'route' as const, subscription: 'x', words: 'bad' }] }];
    expect(statusWith({ ...well, refusing }).of('Ready')).to.include({ status: 'True', reason: 'AllInstancesReady' });
  });
  it('does not count an instance whose app does not listen', () => {
    const one = statusWith({ ...well, silent: silent('pod web-1') });
    expect(one.pods).to.equal('1/2');
    expect(one.of('Ready')).to.include({ status: 'True', reason: 'SomeInstancesNotReady' });
    expect(one.of('Ready')?.message).to.contain('127.0.0.1:8080 in pod web-1');
    const both = statusWith({ ...well, silent: silent('pod web-1', 'pod web-2') });
    expect(both.pods).to.equal('0/2');
    expect(both.of('Ready')).to.include({ status: 'False', reason: 'AppNotListening' });
  });

  it('does not count an instance whose app speaks another protocol, and counts one that is silent as well once', () => {
    const of = (...instances: string[]) =>
      instances.map((instance) => ({ instance, port: 8080, protocol: 'http2' as const, how: 'garbled' as const }));
    const one = statusWith({ ...well, silent: [], mismatched: of('pod web-1') });
    expect(one.pods).to.equal('1/2');
    expect(one.of('Ready')).to.include({ status: 'True', reason: 'SomeInstancesNotReady' });
    expect(one.of('Ready')?.message).to.contain(
      'Calls to pod web-1 fail: the app at port 8080 does not answer in HTTP/2',
    );
    const both = statusWith({ ...well, mismatched: of('pod web-2', 'pod web-1') });
    expect(both.pods).to.equal('0/2');
    expect(both.of('Ready')).to.include({ status: 'False', reason: 'ProtocolMismatch' });
    expect(both.of('Ready')?.message).to.match(
      /^Calls to pod web-1, pod web-2 fail: .*write http if it speaks HTTP\/1\.1/,
    );
    expect(statusWith({ ...well, silent: silent('pod web-1'), mismatched: of('pod web-1') }).pods).to.equal('1/2');
  });
});
