import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { readDefinitions } from '../../../../agent/instances/definitions.ts';
import type { InstanceStatus } from '../../../../agent/instances/instance-status.ts';
import { Problem } from '../../../../base/problem.ts';
import type { AgentStatus } from '../../../../agent/local-api/status.ts';
import { whoLeaves } from '../../../../cli/commands/vm-leave.ts';
import { statusText } from '../../../../cli/commands/vm-status.ts';
import { agentUnit } from '../../../../cli/vm/agent-unit.ts';
import { awaitPassing, whyNotPassing } from '../../../../cli/vm/await-passing.ts';
import { addInstances, removeDefinitions, removeInstance } from '../../../../cli/vm/definition-file.ts';
import { parseDuration } from '../../../../cli/vm/duration.ts';

const instance: InstanceStatus = {
  id: 'add-svc-vm2-7001',
  service: 'add-svc',
  appPort: 7001,
  sidecarPort: 21000,
  check: { state: 'passing', output: '200 OK' },
  envoy: { state: 'live', pid: 7, version: '1.40.0', restarts: 0, connected: true, problem: undefined },
  draining: false,
  refused: undefined,
  now: { health: 'passing', output: '200 OK' },
  inMesh: 'passing',
  upstreams: [{ service: 'sub-svc', localPort: 8181 }],
};
const status: AgentStatus = {
  host: 'vm2',
  site: 'rack-1',
  address: '10.89.0.102',
  leaseMs: 6000,
  bridge: { address: '10.89.0.3:30443', leaseAgeMs: 812, problem: undefined },
  certificateExpiresAt: '2026-11-25T00:00:00.000Z',
  problems: [],
  instances: [instance],
};

describe('why an instance is not healthy after join', () => {
  const critical = (output: string): InstanceStatus['now'] => ({ health: 'critical', output });
  const cases: [string, AgentStatus, InstanceStatus | undefined, string | undefined][] = [
    ['it is', status, instance, undefined],
    ['the agent has not read it', status, undefined, 'the agent does not know it yet'],
    ['its file is wrong', { ...status, problems: ['add-svc.yaml: no'] }, undefined, 'add-svc.yaml: no'],
    [
      'no bridge answers',
      { ...status, bridge: { address: 'b:1', leaseAgeMs: undefined, problem: 'No bridge answers (b:1: refused).' } },
      { ...instance, inMesh: undefined },
      'No bridge answers (b:1: refused).',
    ],
    [
      'no MeshService admits it',
      status,
      { ...instance, refused: 'add "rack-1"', now: critical('add "rack-1"'), inMesh: 'critical' },
      'the bridge refuses it: add "rack-1"',
    ],
    [
      'its check fails',
      status,
      {
        ...instance,
        check: { state: 'critical', output: 'connection refused' },
        now: critical('x'),
        inMesh: 'critical',
      },
      'its check fails: connection refused',
    ],
    [
      'Envoy does not run',
      status,
      {
        ...instance,
        envoy: { ...instance.envoy, state: 'waiting', problem: 'there is no Envoy at /x' },
        now: critical('there is no Envoy at /x'),
        inMesh: 'critical',
      },
      'Envoy: there is no Envoy at /x',
    ],
    [
      'it drains',
      status,
      { ...instance, draining: true, now: critical('draining'), inMesh: 'critical' },
      'it is draining (landbridge vm undrain ends that)',
    ],
    ['the bridge has not heard', status, { ...instance, inMesh: 'critical' }, 'the bridge has not taken it yet'],
  ];
  for (const [what, whole, one, why] of cases) {
    it(`is said when ${what}`, () => {
      expect(whyNotPassing(whole, one)).to.equal(why);
    });
  }

  it('is what the agent’s socket says when it does not run', async () => {
    const agent = { status: () => Promise.reject(new Problem('The agent is not running.')) } as never;
    expect((await awaitPassing(agent, ['a', 'b'], 0)).failing).to.deep.equal([
      { id: 'a', why: 'The agent is not running.' },
      { id: 'b', why: 'The agent is not running.' },
    ]);
  });

  it('is not asked any longer than the deadline, and no longer than needed', async () => {
    let asked = 0;
    const agent = {
      status: async () => {
        asked += 1;
        return { ...status, instances: [{ ...instance, inMesh: asked < 3 ? undefined : 'passing' }] };
      },
    } as never;
    const { passing, failing } = await awaitPassing(agent, [instance.id], 10_000);
    expect({ asked, passing: passing.length, failing }).to.deep.equal({ asked: 3, passing: 1, failing: [] });
  });
});

describe('vm status', () => {
  it('shows a machine on one page', () => {
    expect(statusText(status)).to.equal(
      `vm2 at rack-1 (10.89.0.102), bridge 10.89.0.3:30443, lease of 6 s held 0.8 s ago, certificate until 2026-11-25T00:00:00.000Z

INSTANCE          PORT  SIDECAR  CHECK    ENVOY        IN MESH  ENFORCED  UPSTREAMS
add-svc-vm2-7001  7001  21000    passing  live 1.40.0  passing  -         sub-svc:8181
`,
    );
  });

  it('says whether only the sidecar can be reached, and names the obstacle', () => {
    const door = { listens: ['[::]:7001'], callers: [], closed: false };
    const shown = (more: object): string[] =>
      statusText({
        ...status,
        instances: [{ ...instance, door: { ...door, mode: 'Strict', note: undefined, ...more } }],
      })
        .split('\n')
        .slice(3);
    const cell = (more: object): string => shown(more)[0]!.split(/ {2,}/)[6]!;
    expect(cell({ closed: true })).to.equal('yes');
    expect(cell({ note: 'port 7001 is not closed' })).to.equal('no');
    expect(cell({})).to.equal('plaintext');
    expect(cell({ mode: 'Permissive' })).to.equal('permissive');
    expect(cell({ mode: undefined })).to.equal('-');
    expect(shown({ note: 'port 7001 is not closed' })).to.include('add-svc-vm2-7001: door: port 7001 is not closed');
  });

  it('does not claim to know what the mesh thinks when the lease is over', () => {
    expect(statusText({ ...status, bridge: { ...status.bridge, leaseAgeMs: 5999 } })).to.match(
      /live 1\.40\.0 +passing/,
    );
    expect(statusText({ ...status, bridge: { ...status.bridge, leaseAgeMs: 6001 } })).to.match(
      /live 1\.40\.0 +unknown/,
    );
  });

  it('says what is not well', () => {
    const text = statusText({
      ...status,
      bridge: { ...status.bridge, problem: 'No bridge answers.' },
      problems: ['a.yaml: service: wrong'],
      instances: [
        { ...instance, now: { health: 'critical', output: '503' }, inMesh: 'critical' },
        {
          ...instance,
          id: 'x',
          appPort: 0,
          check: undefined,
          envoy: { ...instance.envoy, restarts: 2, connected: false, problem: 'cannot bind' },
        },
      ],
    });
    for (const line of [
      'bridge: No bridge answers.',
      'problem: a.yaml: service: wrong',
      'add-svc-vm2-7001: 503',
      'x: Envoy: cannot bind',
      'live 1.40.0, without Consul, 2 restarts',
    ])
      expect(text).to.include(line);
  });
});

describe('the unit of the agent', () => {
  it('runs the program unprivileged, and quotes what systemd would read otherwise', () => {
    const unit = agentUnit(['/opt/my node/bin/node', '/opt/100%/$x.mjs'], { LANDBRIDGE_ENVOY: '/opt/envoy "1"' });
    expect(unit).to.include('ExecStart="/opt/my node/bin/node" /opt/100%%/$$x.mjs agent run\n');
    expect(unit).to.include('Environment="LANDBRIDGE_ENVOY=/opt/envoy \\"1\\""\n');
    for (const line of [
      'User=landbridge',
      'NoNewPrivileges=yes',
      'CapabilityBoundingSet=',
      'ProtectSystem=strict',
      'StateDirectory=landbridge',
      'RuntimeDirectory=landbridge',
      'Restart=always',
      'TimeoutStopSec=30',
      'KillMode=mixed',
    ])
      expect(unit.split('\n')).to.include(line);
  });
});

describe('the file that join writes', () => {
  let folder: string;
  beforeEach(async () => (folder = join(await mkdtemp(join(tmpdir(), 'landbridge-join-')), 'services.d')));
  afterEach(() => rm(join(folder, '..'), { recursive: true, force: true }));
  const one = (port: number, version?: string) => ({ port, check: undefined, failures: 1, successes: 1, version });

  it('is read back by the agent, gains instances, and takes the newer word on a port', async () => {
    await addInstances(folder, 'add-svc', [one(7002), one(7001)]);
    await addInstances(folder, 'add-svc', [one(7002, 'v2'), one(7003)]);
    const { definitions, problems } = await readDefinitions(folder, new Map());
    expect(problems).to.deep.equal([]);
    const [definition] = [...definitions.values()];
    expect(definition?.instances.map(({ port, version }) => [port, version])).to.deep.equal([
      [7001, undefined],
      [7002, 'v2'],
      [7003, undefined],
    ]);
  });

  it('is not overwritten when somebody made a mistake in it', async () => {
    await addInstances(folder, 'add-svc', [one(7001)]);
    const path = join(folder, 'add-svc.yaml');
    await writeFile(path, 'service: add-svc\ninstances: [{ prot: 1 }]');
    const error = await addInstances(folder, 'add-svc', [one(7002)]).catch((thrown: Error) => thrown);
    expect(error).to.be.instanceOf(Problem).with.property('message').that.includes('mend it first');
    expect(await readFile(path, 'utf8')).to.include('prot');
  });

  it('goes with its service under any name, and all go with the machine', async () => {
    await addInstances(folder, 'add-svc', [one(7001)]);
    await addInstances(folder, 'sub-svc', [one(7002)]);
    await writeFile(join(folder, 'other-name.yaml'), 'service: third\ninstances: [{ port: 3 }]');
    expect(await removeDefinitions(folder, ['third'])).to.deep.equal(['third']);
    expect(await readdir(folder)).to.have.members(['add-svc.yaml', 'sub-svc.yaml']);
    await writeFile(join(folder, 'broken.yaml'), '[');
    expect(await removeDefinitions(folder, 'all')).to.have.members(['add-svc', 'sub-svc']);
    expect(await readdir(folder)).to.deep.equal([]);
  });
});

describe('a duration', () => {
  it('has a unit', () => {
    expect(['500ms', '3s', '1.5s', '2m'].map(parseDuration)).to.deep.equal([500, 3000, 1500, 120_000]);
    for (const text of ['', '3', '-1s', '3h', 's', '1 s']) expect(() => parseDuration(text), text).to.throw(Problem);
  });
});

describe('the target of vm leave', () => {
  const each = { check: undefined, failures: 1, successes: 1 };
  const definitions = [
    { service: 'sub-svc', instances: [7997, 7998].map((port) => ({ ...each, port })) },
    { service: 'add-svc', instances: [{ ...each, port: 7001 }] },
  ];
  const who = (target: string) => whoLeaves(definitions, 'vm1', target, '/etc/x');

  it('is a service, one instance of several, or the last one', () => {
    expect(who('sub-svc')).to.deep.equal({ service: 'sub-svc', port: undefined, isLast: true });
    expect(who('sub-svc:7997')).to.deep.equal({ service: 'sub-svc', port: 7997, isLast: false });
    expect(who('sub-svc-vm1-7998')).to.deep.equal({ service: 'sub-svc', port: 7998, isLast: false });
    expect(who('add-svc:7001')).to.deep.equal({ service: 'add-svc', port: 7001, isLast: true });
  });

  it('lists the instances of the machine when none has the name', () => {
    expect(() => who('sub-svc:1')).to.throw(
      Problem,
      'No service and no instance called sub-svc:1 is in /etc/x. There are: sub-svc:7997, sub-svc:7998, add-svc:7001.',
    );
  });

  it('is taken out of the file alone, and the others stay', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'landbridge-leave-'));
    await addInstances(folder, 'sub-svc', definitions[0]!.instances);
    await removeInstance(folder, 'sub-svc', 7997);
    const { definitions: left } = await readDefinitions(folder, new Map());
    expect([...left.values()].flatMap(({ instances }) => instances.map(({ port }) => port))).to.deep.equal([7998]);
    await rm(folder, { recursive: true });
  });
});
