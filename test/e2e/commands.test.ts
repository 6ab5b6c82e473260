import { expect } from 'chai';
import { type RunningLab, runningLab } from '../../lab/running.ts';
import { type CommandFailed, attempt } from '../../lab/host/exec.ts';
import { SAMPLE_NAMESPACE } from '../../lab/sample/in-cluster.ts';
import { LEDGER_PORT, SITE } from '../../lab/sample/on-vms.ts';
import { vmExec } from '../../lab/vm/exec.ts';
import { eventually } from '../support/eventually.ts';

interface Row {
  service: string;
  platform: string;
  site: string;
  host: string;
  health: string;
  output: string;
}

describe('the commands', () => {
  let lab: RunningLab;
  before(async () => (lab = await runningLab()));
  const inShop = ['-n', SAMPLE_NAMESPACE];
  const rows = async (): Promise<Row[]> =>
    (JSON.parse(await lab.landbridge(['vm', 'list', '--all', '-o', 'json'])) as { instances: Row[] }).instances;
  const failure = (args: string[]): Promise<string> =>
    lab.landbridge(args).then(
      () => expect.fail('it should have failed'),
      (error: CommandFailed) => error.result.stderr,
    );

  it('status shows each MeshService with its pods and VMs', async () => {
    const wanted = [/sub-svc\s+http\s+2\/2\s+1\/1\s+True/, /add-svc\s+http\s+0\/0\s+2\/2\s+True/];
    // A check of a busy machine can be late, so one look is not enough.
    await eventually('everything is ready', 60_000, async () => {
      const text = await lab.landbridge(['status', ...inShop]);
      if (wanted.every((row) => row.test(text))) return true;
      throw new Error(text);
    });
  });

  it('npm run vm runs a command in a machine, and ends with its exit code', async () => {
    const vm = (...args: string[]) => attempt(process.execPath, ['--import', 'tsx', 'lab/main.ts', 'vm', ...args]);
    expect(await vm('vm1', 'hostname')).to.include({ code: 0, stdout: 'vm1\n' });
    expect((await vm('vm1', 'sh', '-c', 'exit 7')).code).to.equal(7);
    const unknown = await vm('vm77', 'true');
    expect(unknown.code).to.equal(1);
    expect(unknown.stderr).to.contain('NAME is one of vm1, vm2, vm3');
  });

  it('status NAME lists its instances wherever they run', async () => {
    const text = await lab.landbridge(['status', 'sub-svc', ...inShop]);
    expect(text.match(/\bpod\b/g)).to.have.length(2);
    expect(text).to.match(/\bvm\s+rack-1/);
  });

  it('plan finds nothing to do when all is in place, and ends with 0', async () => {
    const text = await lab.landbridge(['plan', ...inShop]);
    expect(text).to.contain('shop/sub-svc: no change');
  });

  it('plan -f shows what an edit would do, and ends with 2', async () => {
    const edited = {
      apiVersion: 'landbridge.dev/v1alpha1',
      kind: 'MeshService',
      metadata: { name: 'sub-svc', namespace: SAMPLE_NAMESPACE },
      spec: {
        protocol: 'http',
        port: 9999,
        workloads: { pods: { selector: { matchLabels: { app: 'sub-svc' } } } },
        access: [{ from: '*' }],
      },
    };
    const error = await lab.landbridge(['plan', '-f', '-'], { input: JSON.stringify(edited) }).then(
      () => expect.fail('there are changes'),
      (failed: CommandFailed) => failed,
    );
    expect(error.result.code).to.equal(2);
    expect(error.result.stdout)
      .to.contain('~ service-intentions sub-svc')
      .and.to.match(/\+ service sub-svc-/);
  });

  it('plan -f shows what would be refused, by the CRD and by the webhook, and ends with 2', async () => {
    const made = (name: string, spec: object) => ({
      apiVersion: 'landbridge.dev/v1alpha1',
      kind: 'MeshService',
      metadata: { name, namespace: SAMPLE_NAMESPACE },
      spec: { protocol: 'http', workloads: { pods: { selector: { matchLabels: { app: 'none' } } } }, ...spec },
    });
    const split = [{ subset: 'pods', weight: 50 }];
    const items = [made('halved', { traffic: { split } }), made('second', { service: 'sub-svc' })];
    const input = items.map((item) => JSON.stringify(item)).join('\n---\n');
    const error = await lab.landbridge(['plan', '-f', '-'], { input }).then(
      () => expect.fail('it is refused'),
      (failed: CommandFailed) => failed,
    );
    expect(error.result.code).to.equal(2);
    expect(error.result.stdout)
      .to.match(/shop\/halved: would be refused\n.*must add up to 100/)
      .and.to.match(/shop\/second: would be refused\n.*"sub-svc" in Consul belongs to MeshService shop\/sub-svc/);
  });

  it('check finds the installation in order', async () => {
    // A CoreDNS that has not taken its new Corefile over yet is a warning.
    expect(await lab.landbridge(['check'])).not.to.contain('×');
  });

  it('vm list shows the ledger, which has nothing of ours on it, and follows its health', async () => {
    const ledger = async (): Promise<Row | undefined> => (await rows()).find(({ service }) => service === 'ledger');
    await eventually('it is healthy', 15_000, async () => ((await ledger())?.health === 'passing' ? true : undefined));
    expect(await ledger()).to.include({ platform: 'external', site: SITE });
    await vmExec(lab.vm('vm3'), ['systemctl', 'stop', 'ledger'], { timeoutMs: 30_000 });
    try {
      await eventually('it is critical', 15_000, async () =>
        (await ledger())?.health === 'critical' ? true : undefined,
      );
    } finally {
      await vmExec(lab.vm('vm3'), ['systemctl', 'start', 'ledger'], { timeoutMs: 30_000 });
    }
    await eventually('it is healthy again', 15_000, async () =>
      (await ledger())?.health === 'passing' ? true : undefined,
    );
  });

  it('deregister leaves nothing behind, register brings it back', async () => {
    await lab.landbridge(['deregister', 'ledger', '--site', SITE]);
    expect((await rows()).map(({ service }) => service)).not.to.include('ledger');
    const where = ['--address', lab.vm('vm3').address, '--port', `${LEDGER_PORT}`, '--site', SITE];
    await lab.landbridge(['register', 'ledger', ...where, '--check', 'http:/health', '--tag', 'legacy']);
    expect((await rows()).map(({ service }) => service)).to.include('ledger');
  });

  it('takes an invite from one machine only, and leaves nothing of a service that has left', async () => {
    const asked = await lab.landbridge(['vm', 'invite', 'echo-client-vm', '--site', SITE, '-o', 'json']);
    const { invite } = JSON.parse(asked) as { invite: string };
    const join = (name: string) => vmExec(lab.vm(name), ['landbridge', 'vm', 'join', invite], { timeoutMs: 60_000 });
    expect((await join('vm3')).stdout).to.match(/joined echo-client-vm at rack-1 as echo-client-vm-vm3/);
    const second = await join('vm2').then(
      () => expect.fail('the invite was taken twice'),
      (error: CommandFailed) => error.result.stderr,
    );
    expect(second).to.match(/^error: .*invite/m);
    await vmExec(lab.vm('vm3'), ['landbridge', 'vm', 'leave', 'echo-client-vm'], { timeoutMs: 60_000 });
    const left = await eventually('it has left', 15_000, async () => {
      const hosts = (await rows()).filter(({ service }) => service === 'echo-client-vm').map(({ host }) => host);
      return hosts.includes('vm3') ? undefined : hosts;
    });
    expect(left).to.deep.equal(['vm1']);
  });

  const wrong: [string, string[], RegExp][] = [
    [
      'an invite for a site that the MeshService does not admit',
      ['vm', 'invite', 'add-svc', '--site', 'rack-9'],
      /rack-9/,
    ],
    ['an invite for a service that nobody described', ['vm', 'invite', 'nothing-such', '--site', SITE], /MeshService/],
    ['a MeshService that is not there', ['status', 'nothing-such', ...inShop], /no MeshService nothing-such/],
    [
      'an address that is none',
      ['register', 'x', '--address', 'not an address', '--port', '1', '--check', 'tcp'],
      /address/,
    ],
  ];
  for (const [what, args, expected] of wrong) {
    it(`answers ${what} with one line that says what to do`, async () => {
      const said = await failure(args);
      expect(said).to.match(expected);
      expect(said).to.match(/^error: /);
      expect(said).not.to.match(/^\s+at /m);
    });
  }
});
