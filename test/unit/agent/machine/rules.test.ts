import { expect } from 'chai';
import fc from 'fast-check';

import { parseAddress, sourceAddress } from '../../../../agent/machine/address.ts';
import { backOffMs } from '../../../../base/backoff.ts';
import { isPastHalf } from '../../../../agent/state/certificate.ts';
import { type Condition, healthOf } from '../../../../agent/instances/health.ts';
import { HOT_RESTART_SOCKET, instanceFolder, instanceId } from '../../../../agent/machine/instance-id.ts';
import { localPortConflicts } from '../../../../agent/instances/local-port-conflicts.ts';
import { Problem } from '../../../../base/problem.ts';
import { readSettings } from '../../../../agent/machine/settings.ts';
import { matchTarget } from '../../../../agent/instances/target.ts';
import { upstreamBinders } from '../../../../agent/instances/upstream-binders.ts';
import { wantedInstances } from '../../../../agent/instances/wanted-instances.ts';

describe('the health of an instance', () => {
  const well: Condition = {
    app: { state: 'passing', output: '200 OK', against: 0 },
    sidecarReady: true,
    sidecarProblem: undefined,
    doubt: undefined,
    draining: false,
    refused: undefined,
  };

  it('is passing only when app and Envoy are both well, and nothing speaks against it', () => {
    expect(healthOf(well)).to.deep.equal({ health: 'passing', output: '200 OK' });
    expect(healthOf({ ...well, app: undefined })).to.deep.equal({ health: 'passing', output: 'Envoy is live' });
    const against: [Partial<Condition>, string][] = [
      [{ app: { state: 'critical', output: 'refused', against: 0 } }, 'refused'],
      [{ app: { state: 'unknown', output: 'not checked yet', against: 0 } }, 'not checked yet'],
      [{ sidecarReady: false }, 'Envoy is starting'],
      [{ sidecarReady: false, sidecarProblem: 'no Envoy there' }, 'no Envoy there'],
      [{ draining: true }, 'draining'],
      [{ refused: 'not admitted' }, 'not admitted'],
    ];
    for (const [change, output] of against)
      expect(healthOf({ ...well, ...change })).to.deep.equal({ health: 'critical', output });
  });

  it('is passing while Envoy complains of an upstream but serves', () => {
    expect(healthOf({ ...well, sidecarProblem: 'cannot bind 127.0.0.1:9191' }).health).to.equal('passing');
  });

  it('has an output that the bridge takes, however long the reason', () => {
    expect(healthOf({ ...well, refused: 'x'.repeat(5000) }).output).to.have.length(1000);
  });
});

describe('a back-off', () => {
  it('grows up to its bound, and is never less than half of what it is at most', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (failures, random) => {
          const ms = backOffMs({ firstMs: 100, maxMs: 5000 }, failures, () => random);
          const most = Math.min(5000, 100 * 2 ** (failures - 1));
          expect(ms).to.be.within(most / 2, most);
        },
      ),
    );
  });
});

describe('half a life', () => {
  it('is over from the middle on, and long after the end', () => {
    const validity = { fromMs: 1000, untilMs: 3000 };
    expect(isPastHalf(validity, 1999)).to.equal(false);
    expect(isPastHalf(validity, 2000)).to.equal(true);
    expect(isPastHalf(validity, 99_999)).to.equal(true);
  });
});

describe('an address', () => {
  it('is read with its port, in the three ways it is written', () => {
    expect(parseAddress('10.0.0.1:30443')).to.deep.equal({ host: '10.0.0.1', port: 30443 });
    expect(parseAddress('bridge.example:1')).to.deep.equal({ host: 'bridge.example', port: 1 });
    expect(parseAddress('[fd00::2]:65535')).to.deep.equal({ host: 'fd00::2', port: 65535 });
    for (const text of [
      '',
      '10.0.0.1',
      ':1',
      'a:0',
      'a:65536',
      'fd00::2:1',
      'a b:1',
      'a:1x',
      '[:::]:1',
      '[fe80::1%eth0]:1',
    ])
      expect(parseAddress(text), text).to.equal(undefined);
  });

  it('of this machine is the one that the other end would see', async () => {
    expect(await sourceAddress({ host: '127.0.0.1', port: 9 })).to.equal('127.0.0.1');
    expect(await sourceAddress({ host: '127.0.0.77', port: 9 })).to.match(/^127\./);
  });
});

describe('the id and the folder of an instance', () => {
  it('are the same after every restart', () => {
    expect(instanceId('add-svc', 'vm2', 7001)).to.equal('add-svc-vm2-7001');
    expect(instanceFolder('/run/landbridge', 'add-svc-vm2-7001')).to.equal('/run/landbridge/add-svc-vm2-7001');
  });

  it('leave room for the sockets in them, whose paths may have 107 bytes, and differ for different instances', () => {
    const long = ['a', 'b'].map((end) => instanceFolder('/run/landbridge', `${'x'.repeat(120)}${end}`));
    const longest = `${HOT_RESTART_SOCKET}_udp_parent_2000000001`;
    for (const folder of long) expect(`${folder}/${longest}`.length).to.be.at.most(107);
    expect(long[0]).to.not.equal(long[1]);
  });
});

describe('the word for instances', () => {
  const instances = [
    { id: 'add-svc-vm1-7001', service: 'add-svc', appPort: 7001 },
    { id: 'add-svc-vm1-7002', service: 'add-svc', appPort: 7002 },
    { id: 'edge-vm1-0', service: 'edge', appPort: 0 },
  ];
  it('may be an id, a service, a service with port, or all', () => {
    const ports = (target: string): number[] => matchTarget(instances, target).map(({ appPort }) => appPort);
    expect(ports('add-svc-vm1-7002')).to.deep.equal([7002]);
    expect(ports('add-svc')).to.deep.equal([7001, 7002]);
    expect(ports('add-svc:7001')).to.deep.equal([7001]);
    expect(ports('all')).to.deep.equal([7001, 7002, 0]);
    expect(matchTarget([], 'all')).to.deep.equal([]);
  });

  it('that fits none is answered with the names that exist', () => {
    expect(() => matchTarget(instances, 'add-svc:7003')).to.throw(
      Problem,
      'There are: add-svc:7001, add-svc:7002, edge:0.',
    );
  });
});

describe('services that share local ports', () => {
  const plan = (service: string, ...ports: number[]) => ({
    service,
    protocol: 'http' as const,
    upstreams: ports.map((localPort) => ({ service: `to-${localPort}`, localPort })),
  });

  it('do not get in each other’s way when the ports differ', () => {
    expect(localPortConflicts([plan('a', 1, 2), plan('b', 3)])).to.deep.equal([]);
  });

  it('are named, and the first by name keeps its ports, in whatever order they come', () => {
    for (const plans of [
      [plan('a', 1), plan('b', 2, 1), plan('c', 2)],
      [plan('c', 2), plan('b', 2, 1), plan('a', 1)],
    ]) {
      const conflicts = localPortConflicts(plans);
      expect(conflicts.map(({ loser }) => loser)).to.deep.equal(['b']);
      expect(conflicts[0]?.message).to.match(/^b and a both want 127\.0\.0\.1:1 /);
    }
  });
});

describe('the instance that binds the local ports of upstreams', () => {
  const at = (service: string, appPort: number) => ({ id: `${service}-${appPort}`, service, appPort });
  const plan = (service: string, localPort: number) => ({
    service,
    protocol: 'http' as const,
    upstreams: [{ service: 'x', localPort }],
  });

  it('is the instance with the lowest port of each service, however they are ordered', () => {
    const { ids } = upstreamBinders([at('a', 7002), at('b', 7003), at('a', 7001)], [plan('a', 1), plan('b', 2)]);
    expect([...ids].sort()).to.deep.equal(['a-7001', 'b-7003']);
  });

  it('is missing for a service whose ports another one has, unless the other one has left', () => {
    const plans = [plan('a', 1), plan('b', 1)];
    const both = upstreamBinders([at('a', 7001), at('b', 7002)], plans);
    expect([...both.ids]).to.deep.equal(['a-7001']);
    expect(both.problems).to.have.length(1);
    const one = upstreamBinders([at('b', 7002)], plans);
    expect([...one.ids]).to.deep.equal(['b-7002']);
    expect(one.problems).to.deep.equal([]);
  });
});

describe('the instances that definitions ask for', () => {
  const definition = (service: string, ...ports: number[]) => ({
    service,
    instances: ports.map((port) => ({ port, check: undefined, failures: 1, successes: 1 })),
  });

  it('leave one with too long a name out, and keep the others', () => {
    const definitions = new Map([
      ['a.yaml', definition('a', 1)],
      ['b.yaml', definition('b'.repeat(63), 65535)],
    ]);
    const { wanted, problems } = wantedInstances(definitions, 'h'.repeat(63));
    expect(wanted.map(({ service }) => service)).to.deep.equal(['a']);
    expect(problems[0]).to.match(/^b+-h+-65535: longer than 128 characters/);
  });

  it('are at most as many as a beat may name', () => {
    const ports = Array.from({ length: 200 }, (_, index) => index + 1);
    const definitions = new Map([
      ['a.yaml', definition('a', ...ports)],
      ['b.yaml', definition('b', ...ports)],
    ]);
    const { wanted, problems } = wantedInstances(definitions, 'vm1');
    expect(wanted).to.have.length(256);
    expect(problems).to.have.length(1);
  });
});

describe('the settings', () => {
  it('have defaults', () => {
    expect(readSettings({})).to.deep.equal({
      stateDir: '/var/lib/landbridge',
      configDir: '/etc/landbridge',
      runtimeDir: '/run/landbridge',
      doorsDir: '/var/lib/landbridge-doors',
      envoy: '/usr/local/bin/envoy',
      logLevel: 'info',
      drainMs: 3000,
      dns: { host: '127.0.0.1', port: 8653 },
    });
    expect(readSettings({ LANDBRIDGE_DNS: 'off' }).dns).to.equal(undefined);
  });

  for (const [variable, value] of [
    ['LANDBRIDGE_STATE_DIR', 'relative'],
    ['LANDBRIDGE_ENVOY', 'envoy'],
    ['LANDBRIDGE_LOG_LEVEL', 'loud'],
    ['LANDBRIDGE_DNS', '127.0.0.1'],
    ['LANDBRIDGE_DRAIN_MS', '-1'],
    ['LANDBRIDGE_DRAIN_MS', 'soon'],
    ['LANDBRIDGE_DRAIN_MS', '999999'],
  ] as const) {
    it(`name ${variable} when it is ${value}`, () => {
      expect(() => readSettings({ [variable]: value })).to.throw(Problem, variable);
    });
  }
});
