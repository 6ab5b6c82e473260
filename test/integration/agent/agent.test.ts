import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { expect } from 'chai';

import type { InstanceStatus } from '../../../agent/instances/instance-status.ts';
import { recordOf } from '../../../agent/envoy/process-record.ts';
import { vmNode } from '../../../mesh/names/names.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type App, call, callSteadily, startApp } from './agent-app.ts';
import { type Machine, eventually, makeMachine } from './agent-machine.ts';
import { type Rig, SITE, startRig } from './agent-rig.ts';

const LEASE_MS = 3000;

/** Two machines: vm-a and vm-b run one add-svc each; on vm-b there is also a caller that only calls others. */
describe('the agent on a machine outside the cluster', function () {
  this.timeout(60_000);
  let rig: Rig;
  let a: Machine;
  let b: Machine;
  let appA: App;
  let appB: App;
  /** Where vm-b's caller reaches add-svc. */
  let upstreamPort: number;

  const instance = async (machine: Machine, service = 'add-svc'): Promise<InstanceStatus | undefined> =>
    (await machine.status()).instances.find((each) => each.service === service);
  /** The app's check in Consul. */
  const check = async (host: string, port: number): Promise<{ Status: string; Output: string } | undefined> =>
    (await rig.reader.readNode(vmNode(SITE, host)))?.registrations[`add-svc-${host}-${port}`]?.checks[0];
  const inConsul = (host: string, port: number, status: string, deadlineMs = 10_000): Promise<{ Output: string }> =>
    eventually(`add-svc on ${host} is ${status} in Consul`, deadlineMs, async () => {
      const held = await check(host, port);
      return held?.Status === status && held;
    });
  const live = (machine: Machine, but?: number): Promise<InstanceStatus> =>
    eventually('Envoy is live and the instance passing', 15_000, async () => {
      const held = await instance(machine);
      return held?.inMesh === 'passing' && held.now.health === 'passing' && held.envoy.pid !== but && held;
    });
  /** A check every 200 ms, so that the tests wait less. */
  const define = (machine: Machine, port: number): Promise<void> =>
    writeFile(
      join(machine.definitions, 'add-svc.yaml'),
      `service: add-svc\ninstances:\n  - port: ${port}\n    check: { type: http, path: /health, intervalMs: 200 }\n`,
    );

  before(async function () {
    this.timeout(600_000);
    [a, b] = await Promise.all([makeMachine(), makeMachine()]);
    const [portA = 0, portB = 0, localPort = 0] = await freePorts(3);
    upstreamPort = localPort;
    appA = await startApp(portA, 'a');
    appB = await startApp(portB, 'b');
    rig = await startRig({ leaseMs: LEASE_MS });
    // Connections leave a listener that changed within a second, so that a test need not wait for it.
    rig.admit('add-svc', [], { drainTime: '1s' });
    rig.admit('caller', [{ service: 'add-svc', localPort: upstreamPort }]);
    await rig.letCall('caller', 'add-svc');
  });

  after(async () => {
    await Promise.all([a?.remove(), b?.remove()]);
    await Promise.all([appA?.stop(), appB?.stop()]);
    await rig?.stop();
  });

  it('refuses an invite that was cut short, with advice and without a stack trace', async () => {
    const invite = await rig.invite('add-svc');
    const { code, stderr } = await a.landbridge('vm', 'join', invite.slice(0, -30), '--no-systemd');
    expect(code).to.equal(1);
    expect(stderr).to.match(/^error: .*cut short.*\n$/);
  });

  it('does not talk to a bridge whose authority is not the one of the invite', async () => {
    const invite = await rig.invite('add-svc');
    const { code, stderr } = await a.landbridge(
      'vm',
      'join',
      rig.withFingerprint(invite, 'ab'.repeat(32)),
      '--no-systemd',
    );
    expect(code).to.equal(1);
    expect(stderr).to.include('it is not the bridge that the invite names');
  });

  it('joins, and is healthy in the mesh as soon as the agent runs', async () => {
    const invite = await rig.invite('add-svc');
    const flags = ['--port', String(appA.port), '--check', 'http:/health', '--host-name', 'vm-a', '--no-systemd'];
    const joined = await a.landbridge('vm', 'join', invite, ...flags);
    expect(joined, joined.stderr).to.include({ code: 0 });
    expect(joined.stdout).to.match(/^joined add-svc at rack-1; .*agent run/s);
    await inConsulMissing();
    a.startAgent();
    await inConsul('vm-a', appA.port, 'passing');
    expect((await live(a)).sidecarPort).to.be.within(21000, 21255);
    const again = await b.landbridge('vm', 'join', invite, '--host-name', 'vm-x', '--no-systemd');
    expect(again.stderr).to.match(/^error: .*used already.*vm invite/);

    async function inConsulMissing(): Promise<void> {
      expect(await check('vm-a', appA.port)).to.equal(undefined);
    }
  });

  it('takes more services while it runs, and waits until they are healthy', async () => {
    const flags = ['--host-name', 'vm-b', '--no-systemd'];
    const add = ['--port', String(appB.port), '--check', 'http:/health'];
    await b.landbridge('vm', 'join', await rig.invite('add-svc'), ...add, ...flags);
    b.startAgent();
    await live(b);
    const joined = await b.landbridge('vm', 'join', await rig.invite('caller'), ...flags);
    expect(joined, joined.stderr).to.include({ code: 0 });
    expect(joined.stdout).to.match(
      /^joined caller at rack-1 as caller-vm-b-0 \(127\.0\.0\.1:21\d\d\d\), healthy after \d/,
    );
    expect(joined.stdout).to.match(
      new RegExp(`ok {3}caller-vm-b-0 -> add-svc \\(127\\.0\\.0\\.1:${upstreamPort}\\): GET / answered 200 in \\d+ ms`),
    );
    expect(joined.stdout).to.match(
      /ok {3}mesh -> add-svc-vm-b-\d+: 127\.0\.0\.1:21\d{3}: answers as add-svc in \d+ ms/,
    );
  });

  it('tries the mesh in both directions, and says which way fails and why', async () => {
    const all = await b.landbridge('vm', 'test');
    expect(all, all.stderr).to.include({ code: 0 });
    await rig.refuseCall('caller', 'add-svc');
    try {
      // Connections that were open may end for a moment first, which is another failure.
      const denied = await eventually('the intention is in force', 10_000, async () => {
        const { code, stdout } = await b.landbridge('vm', 'test');
        return code === 1 && /may not be called/.test(stdout) ? stdout : Promise.reject(new Error(stdout));
      });
      expect(denied).to.match(/FAIL caller-vm-b-0 -> add-svc .*it may not be called: .*spec\.access.*403/);
      expect(denied).to.match(/ok {3}mesh -> add-svc-vm-b/);
    } finally {
      await rig.letCall('caller', 'add-svc');
    }
    await eventually('it is let in again', 10_000, async () => (await b.landbridge('vm', 'test')).code === 0);
  });

  it('carries calls between the machines over mTLS', async () => {
    await eventually('both instances answer', 10_000, async () => {
      const answers = await Promise.all(Array.from({ length: 10 }, () => call(upstreamPort)));
      return new Set(answers).size === 2;
    });
    const { sidecarPort = 0 } = (await instance(a)) ?? {};
    // Plain text to the sidecar's port gets nothing.
    await call(sidecarPort).then(
      () => expect.fail('a call without mTLS was answered'),
      (error: Error) => expect(error.message).to.match(/hang up|reset/),
    );
  });

  it('names the upstreams of the caller in a file that its unit can read', async () => {
    expect(await readFile(join(b.runtimeDir, 'caller.env'), 'utf8')).to.include(
      `ADD_SVC_ADDR=http://localhost:${upstreamPort}\n`,
    );
  });

  it('logs each request as JSON as soon as the MeshService asks for it, and no longer than it does', async () => {
    rig.admit('add-svc', [], { drainTime: '1s', accessLog: 'json' });
    const requests = () => a.log().match(/"access":"\{[^\n]*response_code[^\n]*Envoy served/g)?.length ?? 0;
    await eventually('requests are logged', 10_000, async () => {
      await call(upstreamPort);
      return requests() > 0;
    });
    rig.admit('add-svc', [], { drainTime: '1s' });
    await eventually('requests are logged no more', 10_000, async () => {
      const before = requests();
      for (let n = 0; n < 10; n += 1) await call(upstreamPort);
      // Envoy writes its log every second.
      await delay(1500);
      return requests() === before;
    });
  });

  it('takes an edited definition without a restart, and tells the mesh of a failing app at once', async () => {
    const { envoy } = (await instance(a))!;
    await Promise.all([define(a, appA.port), define(b, appB.port)]);
    await eventually('the new interval is in force', 3000, async () => {
      appA.healthy = false;
      return (await instance(a))?.check?.state === 'critical';
    });
    // Not at the next regular beat, which is up to a second away.
    const { Output } = await inConsul('vm-a', appA.port, 'critical', 700);
    expect(Output).to.include('503');
    appA.healthy = true;
    await inConsul('vm-a', appA.port, 'passing', 1200);
    expect((await instance(a))?.envoy.pid).to.equal(envoy.pid);
  });

  it('keeps what was there when a definition has a mistake, and names file and field', async () => {
    await writeFile(join(a.definitions, 'add-svc.yaml'), 'service: add-svc\ninstances: [{ port: many }]\n');
    await eventually('the mistake is named', 3000, async () =>
      (await a.status()).problems.some((problem) => problem.startsWith('add-svc.yaml: instances[0].port')),
    );
    expect((await instance(a))?.now.health).to.equal('passing');
    await define(a, appA.port);
    await eventually('the mistake is forgotten', 3000, async () => (await a.status()).problems.length === 0);
  });

  it('goes on with the same Envoy when a definition was away for a moment', async () => {
    const { envoy } = (await instance(a))!;
    await rm(join(a.definitions, 'add-svc.yaml'));
    await eventually('it is out of the mesh', 3000, async () => (await check('vm-a', appA.port)) === undefined);
    await define(a, appA.port);
    expect((await live(a)).envoy.pid).to.equal(envoy.pid);
    await inConsul('vm-a', appA.port, 'passing');
  });

  it('repairs a killed Envoy on the same port', async () => {
    const before = (await instance(a))!;
    process.kill(before.envoy.pid!, 'SIGKILL');
    const after = await live(a, before.envoy.pid);
    expect(after.sidecarPort).to.equal(before.sidecarPort);
    expect(after.envoy.restarts).to.equal(before.envoy.restarts + 1);
    await inConsul('vm-a', appA.port, 'passing');
  });

  it('kills and repairs an Envoy that hangs', async () => {
    const before = (await instance(a))!;
    process.kill(before.envoy.pid!, 'SIGSTOP');
    await live(a, before.envoy.pid);
    expect(await recordOf(before.envoy.pid!)).to.equal(undefined);
  });

  it('does not kill Envoys that fall silent together: it says so, and they go on', async () => {
    const envoys = async () => (await b.status()).instances.map(({ envoy: { pid, restarts } }) => ({ pid, restarts }));
    const before = await envoys();
    expect(before).to.have.length(2);
    for (const { pid } of before) process.kill(pid!, 'SIGSTOP');
    try {
      await eventually('it is told', 20_000, async () =>
        /Envoy: it has not answered for \d+ s, and .* silent, too: this machine is short of CPU/.test(
          (await b.landbridge('vm', 'status')).stdout,
        ),
      );
    } finally {
      for (const { pid } of before) process.kill(pid!, 'SIGCONT');
    }
    await eventually('they answer', 10_000, async () =>
      (await b.status()).instances.every(({ envoy: { problem } }) => problem === undefined),
    );
    expect(await envoys()).to.deep.equal(before);
  });

  it('drains an instance for a restart of its app: no call is lost, and it returns by itself', async () => {
    const calls = callSteadily(upstreamPort, 10);
    const drained = await a.landbridge('vm', 'drain', `add-svc:${appA.port}`, '--wait', '1s');
    expect(drained, drained.stderr).to.include({ code: 0, stdout: `drained add-svc-vm-a-${appA.port}\n` });
    expect((await check('vm-a', appA.port))?.Output).to.equal('draining');
    const served = appA.served;
    // Quicker than the check can see.
    await appA.stop();
    await appA.start();
    expect(appA.served, 'calls after the drain').to.equal(served);
    await inConsul('vm-a', appA.port, 'passing');
    await eventually('it is called again', 5000, async () => appA.served > served);
    const { answers, failures } = await calls.stop();
    expect(failures).to.deep.equal([]);
    expect(answers.length).to.be.greaterThan(50);
  });

  it('goes on with a drain after its own restart, until undrain', async () => {
    await a.landbridge('vm', 'drain', 'add-svc', '--wait', '0s');
    await a.endAgent('SIGKILL');
    a.startAgent();
    await eventually('it still drains', 10_000, async () => (await instance(a))?.draining);
    await eventually('its check passes', 5000, async () => (await instance(a))?.check?.state === 'passing');
    expect((await instance(a))?.now).to.deep.equal({ health: 'critical', output: 'draining' });
    const { stdout } = await a.landbridge('vm', 'undrain', 'add-svc');
    expect(stdout).to.equal(`undrained add-svc-vm-a-${appA.port}\n`);
    await live(a);
  });

  it('uses a new token without a restart, and does not need the old one any longer', async () => {
    const tokensFile = join(b.stateDir, 'tokens.json');
    await b.endAgent('SIGTERM');
    const old = JSON.parse(await readFile(tokensFile, 'utf8')) as Record<string, { token: string; obtainedAt: string }>;
    for (const held of Object.values(old)) held.obtainedAt = '2020-01-01T00:00:00Z';
    await writeFile(tokensFile, JSON.stringify(old));
    // A bridge that has just started issues a new token; one that gave this one a moment ago would give it again.
    await rig.bridgeDown();
    b.startAgent();
    const { pid } = await eventually('Envoy is live with the old token', 10_000, async () => {
      const { envoy } = (await instance(b, 'caller')) ?? {};
      return envoy?.state === 'live' && envoy;
    });
    await rig.bridgeUp();
    const fresh = await eventually('a new token is kept', 10_000, async () => {
      const kept = JSON.parse(await readFile(tokensFile, 'utf8')) as typeof old;
      return kept['caller']?.token !== old['caller']?.token && kept;
    });
    const ofEnvoy = join(b.runtimeDir, 'caller-vm-b-0', 'token.json');
    await eventually('Envoy has it', 5000, async () =>
      (await readFile(ofEnvoy, 'utf8')).includes(fresh['caller']!.token),
    );
    await rig.endToken(old['caller']!.token);
    // Consul's restart ends every stream. The next stream of Envoy must carry the new token.
    await rig.consul.goDown();
    await rig.consul.comeBack();
    const [newPort = 0] = await freePorts(1);
    rig.admit('caller', [{ service: 'add-svc', localPort: newPort }]);
    upstreamPort = newPort;
    await eventually('Envoy has taken a change of its configuration', 20_000, () => call(upstreamPort));
    expect((await instance(b, 'caller'))?.envoy.pid).to.equal(pid);
  });

  it('leaves without losing a call when the agent is stopped', async () => {
    await Promise.all([live(a), live(b)]);
    const calls = callSteadily(upstreamPort, 10);
    await eventually('vm-a is called', 5000, async () => appA.served > 0);
    expect(await a.endAgent('SIGTERM')).to.equal(0);
    expect((await check('vm-a', appA.port))?.Output).to.equal('the agent was stopped there');
    const { failures } = await calls.stop();
    expect(failures).to.deep.equal([]);
    // The variables stay: an app that starts while the agent is away still finds its upstreams.
    expect(
      await readdir(a.runtimeDir).then((files) => files.filter((file) => file.startsWith('add-svc'))),
    ).to.deep.equal(['add-svc.env']);
  });

  it('after SIGKILL ends what is left of its Envoys, and serves on the same ports without any bridge', async () => {
    a.startAgent();
    const before = await live(a);
    // The kernel tells an Envoy to end when its agent does; one that hangs does not hear it.
    process.kill(before.envoy.pid!, 'SIGSTOP');
    await a.endAgent('SIGKILL');
    await rig.bridgeDown();
    expect(await recordOf(before.envoy.pid!), 'the Envoy outlives its agent').to.not.equal(undefined);
    a.startAgent();
    const after = await eventually('Envoy serves', 10_000, async () => {
      const held = await instance(a);
      return held?.now.health === 'passing' && held;
    });
    expect(await recordOf(before.envoy.pid!)).to.equal(undefined);
    expect(after.sidecarPort).to.equal(before.sidecarPort);
    expect((await a.status()).bridge.problem).to.match(/No bridge answers \(127\.0\.0\.1:\d+: connection refused\)/);
    await eventually('a call reaches it', 5000, async () => (await call(upstreamPort)) === 'a');
    await rig.bridgeUp();
    await eventually('it finds the bridge again', 1500, async () => (await a.status()).bridge.problem === undefined);
  });

  it('stops serving when the last MeshService stops admitting it, and returns when one admits it', async () => {
    await live(a);
    const facts = rig.facts.get('add-svc')!;
    rig.facts.set('add-svc', { ...facts, sites: [] });
    const refused = await eventually('it is refused', 5000, async () => {
      const held = await instance(a);
      return held?.refused !== undefined && held.envoy.state === 'off' && held;
    });
    expect(refused.refused).to.include('does not admit instances from site "rack-1"');
    rig.facts.set('add-svc', facts);
    await live(a);
  });

  it('leaves a service for good', async () => {
    const left = await b.landbridge('vm', 'leave', 'add-svc', '--wait', '0s');
    expect(left, left.stderr).to.include({ code: 0, stdout: 'left add-svc\n' });
    expect(await check('vm-b', appB.port)).to.equal(undefined);
    expect((await b.status()).instances.map(({ service }) => service)).to.deep.equal(['caller']);
  });

  it('leaves altogether: nothing of the machine is left in Consul or on its disk', async () => {
    const left = await b.landbridge('vm', 'leave', '--all', '--wait', '0s');
    expect(left, left.stderr).to.include({ code: 0 });
    await eventually('the agent ends', 10_000, async () => b.agent().exitCode === 0);
    expect(await rig.reader.readNode(vmNode(SITE, 'vm-b'))).to.equal(undefined);
    expect(await readdir(b.stateDir)).to.deep.equal([]);
    expect(await readdir(b.definitions)).to.deep.equal([]);
  });
});
