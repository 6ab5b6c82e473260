import { expect } from 'chai';
import { type DoorReport, doorMark } from '../../../../mesh/doors/machine-doors.ts';
import { DOOR_META } from '../../../../mesh/names/names.ts';
import { NO_TRIAL, doorsVerdict } from '../../../../mesh/doors/verdict.ts';
import { outsideOf } from '../../../../mesh/status/outside.ts';
import { aMeshService } from '../../../support/builders.ts';

const strict = { mode: 'Strict' as const, plaintextPorts: [9090] };
const report = (more: Partial<DoorReport> = {}): DoorReport => ({ listens: [], closed: false, callers: [], ...more });

/** The instance of a machine whose registration says this of its door. */
const at = (host: string, door?: string, status: 'passing' | 'critical' = 'passing', more: object = {}) => ({
  service: {
    ID: `web-${host}-80`,
    Port: 80,
    Meta: { platform: 'vm', site: 'rack-1', node: host, ...(door === undefined ? {} : { [DOOR_META]: door }) },
    ...more,
  },
  status,
  output: '',
});
const trial = { ...NO_TRIAL, closed: 1, ports: [80] };
const seen = {
  ...{ standard: 'Strict' as const, policyOfAnother: false, problem: undefined, openers: [], leads: [] },
  trial: NO_TRIAL,
};
const external = { external: { sites: ['rack-1'] } };
const verdict = (
  found: ReturnType<typeof at>[],
  spec: Parameters<typeof aMeshService>[1] = { workloads: external },
  more: Partial<typeof seen> = {},
) => doorsVerdict(aMeshService('web', spec), { ...seen, ...more }, outsideOf(found).doors);

describe('the mark of a door on a machine', () => {
  it('says whether the port is closed, and why it is not', () => {
    expect(doorMark(strict, 80, report({ closed: true }), undefined)).to.equal('closed');
    expect(doorMark(strict, 80, report({ problem: 'nft is missing' }), 'closed')).to.equal('open: nft is missing');
    expect(doorMark(strict, 80, report({ problem: 'x'.repeat(5000) }), undefined)?.length).to.be.below(512);
    expect(doorMark(strict, 9090, report(), undefined)).to.equal('plaintext');
  });

  it('stays as it was while nobody knows better, and goes where nothing is to be closed', () => {
    expect(doorMark(strict, 80, undefined, 'closed')).to.equal('closed');
    expect(doorMark(undefined, 80, report(), 'closed')).to.equal('closed');
    expect(doorMark({ mode: 'Permissive', plaintextPorts: [] }, 80, report(), 'closed')).to.equal(undefined);
    expect(doorMark(strict, 0, report(), 'closed')).to.equal(undefined);
  });
});

describe('the condition Enforced of machines', () => {
  it('is true when every machine says so, and does not change with their number', () => {
    const one = verdict([at('vm1', 'closed')]);
    expect(one).to.include({ status: 'True', reason: 'Enforced' });
    expect(verdict([at('vm1', 'closed'), at('vm2', 'plaintext')])).to.deep.equal(one);
  });

  it('is false while one door stands open, and names the machine and the remedy', () => {
    expect(verdict([at('vm1', 'closed'), at('vm2', 'open: nft is not there: install nftables')])).to.deep.equal({
      status: 'False',
      reason: 'MachineDoorOpen',
      message:
        'a port of the app is not closed on machine rack-1/vm2: "nft is not there: install nftables". There "landbridge vm status" says more',
    });
  });

  it('names five machines at most, each once, and keeps its length with ten thousand', () => {
    const many = Array.from({ length: 10_000 }, (_, n) => at(`vm${n % 5000}`, `open: ${'\u001b"'.repeat(400)}`));
    const found = verdict(many);
    expect(found?.message).to.contain('rack-1/vm0, rack-1/vm1, rack-1/vm2, rack-1/vm3, rack-1/vm4 and 4995 more');
    expect(found?.message.length).to.be.below(600);
    expect(found?.message).not.to.match(/[\x00-\x1f]/);
  });

  it('is unknown while a healthy instance did not tell, and asks nothing of one that is down or takes no calls', () => {
    expect(verdict([at('vm1', 'closed'), at('vm2')])).to.include({ status: 'Unknown', reason: 'MachineDoorUntold' });
    expect(verdict([at('vm1', 'closed'), at('vm2', undefined, 'critical')])).to.include({ status: 'True' });
    expect(verdict([at('vm1', undefined, 'passing', { Port: 0 })])).to.equal(undefined);
    expect(
      verdict([{ ...at('vm1'), service: { ...at('vm1').service, Meta: { platform: 'external' } } } as never]),
    ).to.equal(undefined);
  });

  it('is false under Permissive, without a word about pods that it does not have', () => {
    const found = verdict([at('vm1')], { workloads: external, mutualTLS: 'Permissive' });
    expect(found).to.include({ status: 'False', reason: 'Permissive' });
    expect(found?.message).not.to.match(/pods|Service or Ingress/);
  });

  it('is that of the pods and of the machines together: the worse one gives the reason', () => {
    const both = { workloads: { ...external, pods: { selector: { matchLabels: { app: 'web' } } } } };
    const open = { trial: { ...NO_TRIAL, open: [{ pod: 'a', node: 'n', port: 80 }], openPods: 1 } };
    expect(verdict([at('vm1', 'closed')], both)).to.include({ status: 'Unknown', reason: 'DoorsNotTried' });
    expect(verdict([at('vm1', 'open: x')], both, { trial })).to.include({ reason: 'MachineDoorOpen' });
    expect(verdict([at('vm1')], both, open)).to.include({ reason: 'DoorOpen' });
    expect(verdict([at('vm1', 'closed')], both, { trial })?.message).to.match(
      /the pods that were tried .*; The rules of every machine/,
    );
    const bothOpen = verdict([at('vm1', 'open: x')], both, open);
    expect(bothOpen).to.include({ status: 'False', reason: 'DoorOpen' });
    expect(bothOpen?.message).to.match(
      /port 80 of pod a on node n.*; a port of the app is not closed on machine rack-1\/vm1/,
    );
  });
});
