import { expect } from 'chai';

import { selfTest } from '../../../../agent/reach/self-test.ts';
import { selfTestText } from '../../../../cli/vm/self-test-text.ts';

const instance = {
  ...{ id: 'web-vm1-8080', service: 'web', appPort: 8080, sidecarPort: 21000, check: undefined, draining: false },
  envoy: { state: 'live' as const, pid: 1, version: '1.34.0', restarts: 0, connected: true, problem: undefined },
  ...{ refused: undefined, now: { health: 'passing' as const, output: '' }, inMesh: 'passing' as const, upstreams: [] },
};
const reach = async () => ({ instances: [{ id: 'web-vm1-8080', ok: true, output: 'answers as web in 3 ms' }] });
const unreached = async () => ({
  instances: [{ id: 'web-vm1-8080', ok: false, output: '10.0.0.9:21000: no answer within 3 s: let TCP port 21000 in' }],
});
type Options = Parameters<typeof selfTest>[0];
const test = (options: Partial<Options> = {}) =>
  selfTest({
    ...{ instances: [instance], runtimeDir: '/nowhere', reach, tryPods: async () => [] },
    ...{ address: '10.0.0.9', own: new Set(['127.0.0.1', '::1', '10.0.0.9', 'fe80::1']) },
    clockProblem: () => undefined,
    beatProblem: () => undefined,
    ...options,
  });
const textOf = async (options: Partial<Options>) => selfTestText(await test(options));
const withEnvoy = (envoy: object) => [{ ...instance, envoy: { ...instance.envoy, ...envoy } }] as Options['instances'];

describe('the self-test of a machine', () => {
  it('fails with the sentence about a wrong clock, for ways in any state', async () => {
    const findings = await test({ clockProblem: () => "this machine's clock is 7200 s behind the bridge's: set it" });
    expect(selfTestText(findings)).to.equal(
      "  FAIL this machine's clock is 7200 s behind the bridge's: set it\n  ok   mesh -> web-vm1-8080: answers as web in 3 ms\n",
    );
    expect(findings.some(({ ok }) => !ok)).to.equal(true);
  });

  it('says nothing of a clock that is right', async () => {
    expect((await test()).map(({ ok }) => ok)).to.deep.equal([true]);
  });

  it('fails on a copy, for which the bridge tries the sidecars of the original', async () => {
    expect(await textOf({ beatProblem: () => 'host "vm1" is the machine at 10.0.0.8, and this is another' })).to.equal(
      '  FAIL the bridge does not take this machine: host "vm1" is the machine at 10.0.0.8, and this is another\n' +
        '  ok   mesh -> web-vm1-8080: answers as web in 3 ms\n',
    );
  });

  it('says only once that no bridge answers', async () => {
    const problem = 'No bridge answers (10.0.0.1:30443: no connection within 500 ms).';
    const away = { beatProblem: () => problem, reach: () => Promise.reject(new Error(problem)) };
    expect(await textOf(away)).to.equal(`  FAIL mesh -> web-vm1-8080: the bridge could not be asked: ${problem}\n`);
  });

  it('blames no firewall while the Envoy itself does not serve', async () => {
    const problem = 'this machine does not reach Consul at 10.0.0.1:30503 (no answer within 2 s): let it out';
    const instances = withEnvoy({ state: 'starting', connected: false, problem });
    expect(await textOf({ instances, reach: unreached })).to.equal(
      `  FAIL mesh -> web-vm1-8080: its Envoy does not serve yet: ${problem}\n`,
    );
  });

  it('fails while an Envoy serves without Consul, whose changes do not come', async () => {
    const problem = 'this machine does not reach Consul at 10.0.0.1:30503 (ECONNREFUSED): let it out';
    expect(await textOf({ instances: withEnvoy({ connected: false, problem }) })).to.equal(
      `  FAIL ${problem}. Until then its Envoys go on with the configuration that they have\n` +
        '  ok   mesh -> web-vm1-8080: answers as web in 3 ms\n',
    );
  });

  it('names the addresses of the machine when the mesh does not reach another address', async () => {
    const own = new Set(['127.0.0.1', '::1', '10.0.0.3', 'fe80::1']);
    expect(await textOf({ reach: unreached, own })).to.equal(
      '  FAIL mesh -> web-vm1-8080: 10.0.0.9:21000: no answer within 3 s: let TCP port 21000 in; no interface of this machine has 10.0.0.9, ' +
        'it has 10.0.0.3: unless a NAT leads here from there, run the line of a new invite without --address, or with the right one\n',
    );
    expect(await textOf({ own })).to.equal('  ok   mesh -> web-vm1-8080: answers as web in 3 ms\n');
    expect(await textOf({ reach: unreached })).to.match(/let TCP port 21000 in\n$/);
  });
});
