import { expect } from 'chai';
import { reachVerdict } from '../../../../cli/check/after.ts';
import { isTooOld, skewVerdict } from '../../../../cli/check/api-server.ts';
import { type Check, type Finding, exitCodeOf, failed, ok, runChecks, warning } from '../../../../cli/check/check.ts';
import { certificateDays } from '../../../../cli/check/days-left.ts';
import type { Look } from '../../../../cli/check/look.ts';
import type { InstanceRow } from '../../../../mesh/outside/bridge-api.ts';
import { doorsOfMachines, machinesVerdict } from '../../../../cli/check/machines.ts';
import { resolversVerdict } from '../../../../cli/check/names.ts';
import { createAuthority } from '../../../../clients/pki/authority.ts';

const NOW = Date.parse('2030-01-01T00:00:00Z');
const DAY = 86_400_000;

const findings = async (checks: Check[]): Promise<Finding[]> => {
  const all: Finding[] = [];
  for await (const finding of runChecks(checks, {} as Look)) all.push(finding);
  return all;
};

describe('landbridge check', () => {
  it('warns of pods that a site does not reach, and of nothing else that a Reachable condition says', () => {
    const meshService = (name: string, status?: 'True' | 'False' | 'Unknown') => ({
      metadata: { name, namespace: 'shop' },
      status: {
        conditions: status && [
          { type: 'Reachable', status, reason: 'x', message: `it is ${status}`, lastTransitionTime: '' },
        ],
      },
    });
    expect(reachVerdict([meshService('a')])).to.deep.equal(ok('they call none'));
    expect(reachVerdict([meshService('a', 'True'), meshService('b', 'Unknown')])).to.deep.equal(
      ok('1 of 2 not tried yet'),
    );
    const called = meshService('c', 'False');
    called.status.conditions![0]!.reason = 'InstanceInDoubt';
    expect(reachVerdict([called])).to.deep.equal(ok('they call none'));
    expect(reachVerdict([meshService('a', 'True'), meshService('b', 'False')])).to.deep.equal(
      warning('shop/b (it is False)'),
    );
  });

  it('says what each check found, with a hint where not all is well', async () => {
    const all = await findings([
      { name: 'a', hint: 'h-a', run: async () => ok('fine') },
      { name: 'b', hint: 'h-b', run: async () => warning('soon') },
      { name: 'c', hint: 'h-c', run: () => Promise.reject(new Error('broken')) },
    ]);
    expect(all).to.deep.equal([
      { check: 'a', result: 'ok', detail: 'fine' },
      { check: 'b', result: 'warning', detail: 'soon', hint: 'h-b' },
      { check: 'c', result: 'failed', detail: 'broken', hint: 'h-c' },
    ]);
  });

  it('asks nothing more once a check that stops the others has failed', async () => {
    const after: Check = { name: 'after', hint: 'x', run: async () => ok() };
    const first = (result: 'ok' | 'failed'): Check => ({
      name: 'first',
      hint: 'x',
      stopsOthers: true,
      run: async () => ({ result, detail: '' }),
    });
    expect(await findings([first('failed'), after])).to.have.length(1);
    expect(await findings([first('ok'), after])).to.have.length(2);
  });

  it('ends with 0 when nothing failed, 1 when something did, 2 when it could not look', () => {
    const of = (...verdicts: { result: Finding['result']; detail: string }[]) =>
      verdicts.map((verdict) => ({ check: 'x', ...verdict }));
    expect(exitCodeOf(of(ok(), warning('w')), true)).to.equal(0);
    expect(exitCodeOf(of(ok(), failed('f')), true)).to.equal(1);
    expect(exitCodeOf(of(failed('f')), false)).to.equal(2);
  });

  it('takes Kubernetes from 1.29 on', () => {
    for (const old of ['v1.28.9', 'v1.9.0', '', 'v0.0.0-master']) expect(isTooOld(old), old).to.equal(true);
    for (const good of ['v1.29.0', 'v1.34.2', 'v1.30.1-gke.100', '1.31+']) expect(isTooOld(good), good).to.equal(false);
  });

  it('forgives clocks what a header in whole seconds and a slow answer cannot tell', () => {
    const result = (thereMs: number, tookMs = 0) => skewVerdict(thereMs, NOW, NOW + tookMs).result;
    expect(result(NOW)).to.equal('ok');
    expect(result(NOW - 10_900)).to.equal('ok');
    expect(result(NOW - 11_000)).to.equal('warning');
    expect(result(NOW + 10_000)).to.equal('warning');
    expect(result(NOW + 10_000, 5000)).to.equal('ok');
    expect(result(NOW + 30_000)).to.equal('failed');
    expect(result(NOW - 31_000)).to.equal('failed');
    expect(skewVerdict(undefined, NOW, NOW).result).to.equal('warning');
  });

  it('counts the days of a certificate', async () => {
    const { certPem } = await createAuthority('test', { nowMs: NOW, days: 100 });
    const at = (days: number) => certificateDays(certPem, 30, NOW + days * DAY);
    expect(at(0)).to.deep.equal(ok('100 days left'));
    expect(at(69.9).result).to.equal('ok');
    expect(at(70.1)).to.deep.equal(warning('29 days left'));
    expect(at(101.5)).to.deep.equal(failed('it ended 2 days ago'));
    expect(at(-10).detail).to.match(/^it is good only from .*: do the clocks agree\?$/);
    expect(certificateDays('nonsense', 30, NOW)).to.deep.equal(failed('it holds no certificate'));
  });

  it('waits for CoreDNS to take a changed Corefile over, and no longer than that takes', () => {
    const problem = 'consul.service.consul gives SERVFAIL and no address';
    const [good, old] = [{ pod: 'a' }, { pod: 'b', problem, withoutBlock: true }];
    const broken = { pod: 'c', problem, withoutBlock: false };
    expect(resolversVerdict([], 0).result).to.equal('warning');
    expect(resolversVerdict([good, { pod: 'b' }], 0)).to.deep.equal(ok('at 2 of CoreDNS'));
    expect(resolversVerdict([good, old], 40_000)).to.deep.equal(
      warning('b: not taken over yet, the Corefile that was changed 40 s ago; that takes up to two minutes'),
    );
    expect(resolversVerdict([good, old], 200_000)).to.deep.equal(
      failed('b: it does not take over the Corefile that was changed 200 s ago'),
    );
    expect(resolversVerdict([old, broken], 10_000).result, 'Consul was asked and does not answer').to.equal('failed');
    expect(resolversVerdict([broken], 10_000)).to.deep.equal(failed(`c: ${problem}`));
  });

  it('warns of apps that are reached past their sidecars', () => {
    const row = { id: 'a-vm1-1', host: 'vm1' } as Parameters<typeof doorsOfMachines>[0]['instances'][number];
    expect(doorsOfMachines({ instances: [row] })).to.include({ result: 'ok' });
    expect(doorsOfMachines({ instances: [row, { ...row, door: 'port 1 is not closed' }] })).to.include({
      result: 'warning',
      detail: 'a-vm1-1 on vm1 (port 1 is not closed)',
    });
  });

  it('doubts machines that are critical, that missed a beat, or that only the brake keeps up', () => {
    const row = { service: 'web', platform: 'vm', site: 'r1', address: '10.0.0.1', port: 1 } as const;
    const one = (id: string, health: 'passing' | 'critical', silentMs: number, output = '') => ({
      ...row,
      id,
      host: id,
      health,
      output,
      silentMs,
    });
    const all = (...instances: InstanceRow[]) => machinesVerdict({ instances, brakes: [] }, 6000);
    expect(all(one('a', 'passing', 2000), one('b', 'passing', 4000))).to.deep.equal(ok('2 instances'));
    expect(all(one('a', 'passing', 4100))).to.deep.equal(warning('a on a (silent for 4.1 s)'));
    expect(all(one('a', 'critical', 0, 'GET / answered 500\nmore'))).to.deep.equal(
      warning('a on a (GET / answered 500)'),
    );
    expect(all(one('a', 'passing', 0, 'calls may fail: 10.0.0.9:21000: no answer'))).to.deep.equal(
      warning('a on a (calls may fail: 10.0.0.9:21000: no answer)'),
    );
    expect(all({ ...one('a', 'passing', 0), note: 'a copy at 10.0.0.9 claims to be a' })).to.deep.equal(
      warning('a on a (a copy at 10.0.0.9 claims to be a)'),
    );
    expect(all({ ...one('a', 'critical', 0, 'no answer'), note: 'the clock of a is 300 s behind' })).to.deep.equal(
      warning('a on a (no answer; the clock of a is 300 s behind)'),
    );
    const message = 'MeshService shop/web does not admit instances from site "r1": add "r1"';
    const notAdmitted = [{ site: 'r1', host: 'vm1', service: 'web', message }];
    expect(machinesVerdict({ instances: [], brakes: [], notAdmitted }, 6000)).to.deep.equal(
      warning(`vm1 has joined web and is kept out: ${message}`),
    );
    expect(machinesVerdict({ instances: [], brakes: [{ site: 'r1', held: ['x', 'y'] }] }, 6000).detail).to.contain(
      'keeps x, y up',
    );
  });
});
