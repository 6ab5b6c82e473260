import { expect } from 'chai';
import type { Pod, PodSpec } from '../../../../crds/kubernetes.ts';
import { decide } from '../../../../mesh/inject/decide.ts';
import { leftoverOperations } from '../../../../mesh/inject/leftover.ts';
import { applied } from '../../../../mesh/inject/operations.ts';
import { injected } from '../../../../mesh/inject/patch.ts';
import { podFacts } from '../../../../mesh/service/pod.ts';
import { aMeshService, aPod } from '../../../support/builders.ts';

const SETTINGS = { image: 'landbridge/envoy:1', imagePullPolicy: 'IfNotPresent' } as const;
const http = () => 'http';
const web = aMeshService('web', { protocol: 'http', upstreams: [{ service: 'add', localPort: 9191 }] });
const webPod = (spec: Partial<PodSpec> = {}) => aPod('p', { app: 'web' }, spec);
const affinity = (nodeSelectorTerms: object[]) => ({
  affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } },
});
const os = (values: string[], operator = 'In', key = 'kubernetes.io/os') => ({
  matchExpressions: [{ key, operator, ...(values.length === 0 ? {} : { values }) }],
});
const disk = { key: 'disk', operator: 'Exists' };

describe('a pod for Windows', () => {
  const windows: [string, Partial<PodSpec>][] = [
    ['says so', { os: { name: 'windows' } }],
    ['selects such nodes', { nodeSelector: { 'kubernetes.io/os': 'windows' } }],
    ['selects such nodes by the label of before', { nodeSelector: { 'beta.kubernetes.io/os': 'windows' } }],
    ['requires such nodes', affinity([os(['windows'])])],
    ['excludes all others', affinity([os(['linux'], 'NotIn')])],
    ['excludes all others by name', affinity([os(['linux', 'darwin'], 'NotIn')])],
    ['requires such nodes by the label of before', affinity([os(['windows'], 'In', 'beta.kubernetes.io/os')])],
    ['requires such nodes and a disk', affinity([{ matchExpressions: [disk, ...os(['windows']).matchExpressions] }])],
    ['requires such nodes in each of two ways', affinity([os(['windows']), os(['linux'], 'NotIn')])],
    ['requires such nodes beside a term that matches none', affinity([{}, os(['windows']), { matchExpressions: [] }])],
    ['selects a build of Windows', { nodeSelector: { 'node.kubernetes.io/windows-build': '10.0.20348' } }],
    ['requires a build of Windows', affinity([os(['10.0.20348'], 'In', 'node.kubernetes.io/windows-build')])],
    ['requires any build of Windows', affinity([os([], 'Exists', 'node.kubernetes.io/windows-build')])],
    [
      'selects nodes of both labels, as a runtime class has it',
      {
        nodeSelector: { 'kubernetes.io/os': 'windows', 'node.kubernetes.io/windows-build': '10.0.17763' },
        runtimeClassName: 'windows-2019',
      } as never,
    ],
    ['has a hook of its own, and no time to end', { os: { name: 'windows' }, terminationGracePeriodSeconds: 0 }],
  ];
  for (const [words, spec] of windows) {
    it(`is left alone when it ${words}`, () =>
      expect(decide(webPod(spec), [web])).to.deep.equal({ do: 'skip', reason: 'Windows' }));
  }

  const linux: [string, Partial<PodSpec>][] = [
    ['says Linux', { os: { name: 'linux' }, nodeSelector: { disk: 'ssd' } }],
    ['may run on either', affinity([os(['windows']), os(['linux'])])],
    ['takes both', affinity([os(['windows', 'linux'])])],
    ['requires nothing', affinity([])],
    [
      'tolerates the taint of Windows nodes',
      { tolerations: [{ key: 'os', value: 'windows', effect: 'NoSchedule' }] } as never,
    ],
    [
      'prefers such nodes',
      {
        affinity: {
          nodeAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, preference: os(['windows']) }],
          },
        },
      } as never,
    ],
    ['excludes Windows', affinity([os(['windows'], 'NotIn')])],
    ['needs a node that says its system', affinity([os([], 'Exists')])],
    ['needs a node without a build of Windows', affinity([os([], 'DoesNotExist', 'node.kubernetes.io/windows-build')])],
    [
      'says Linux, beside a label of Windows',
      { os: { name: 'linux' }, nodeSelector: { 'beta.kubernetes.io/os': 'windows' } },
    ],
    [
      'names one node',
      affinity([{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['windows'] }] }, os(['windows'])]),
    ],
  ];
  for (const [words, spec] of linux) {
    it(`is not meant by one that ${words}`, () => expect(decide(webPod(spec), [web]).do).to.equal('inject'));
  }
});

describe('a field that is there and empty, as templates leave it', () => {
  for (const spec of [
    { initContainers: null },
    { volumes: null },
    { nodeSelector: null },
    { containers: [{ name: 'app', env: null, ports: null, lifecycle: null, volumeMounts: null }] },
    {
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: null }] },
        },
      },
    },
  ])
    it(`counts as left out: ${JSON.stringify(spec)}`, () => {
      const pod = webPod(spec as never);
      expect(decide(pod, [web]).do).to.equal('inject');
      expect(injected(pod, web, SETTINGS, () => 'http').spec.initContainers).to.have.length(1);
    });
});

describe('ports that the sidecar takes', () => {
  const refused: [string, Partial<PodSpec>, string][] = [
    [
      'a second port of the app',
      { containers: [{ name: 'app', ports: [{ containerPort: 8080 }, { containerPort: 20000 }] }] },
      'container "app" listens on port 20000, which the sidecar uses',
    ],
    [
      'a port of another container',
      { containers: [{ name: 'app' }, { name: 'metrics', ports: [{ containerPort: 20200 }] }] },
      'container "metrics" listens on port 20200',
    ],
    [
      'a port of a native sidecar',
      {
        containers: [{ name: 'app' }],
        initContainers: [{ name: 'own', restartPolicy: 'Always', ports: [{ containerPort: 19000 }] }],
      },
      'container "own" listens on port 19000',
    ],
  ];
  for (const [words, spec, message] of refused) {
    it(`refuse the pod for ${words}, and say which`, () => {
      const decision = decide(webPod(spec), [web]);
      expect(decision.do).to.equal('refuse');
      expect(decision).to.have.property('message').that.contains(message);
    });
  }

  it("are not looked at before the name of a container that is the sidecar's", () => {
    const decision = decide(webPod({ containers: [{ name: 'app' }, { name: 'landbridge-sidecar' }] }), [web]);
    expect(decision.do).to.equal('refuse');
    expect(decision).to.have.property('message').that.contains('has the name of the sidecar: give it another');
  });

  it('warn of a local port of an upstream that a container says, and inject: the app may not listen there', () => {
    const spec = { containers: [{ name: 'app', ports: [{ containerPort: 9191, hostPort: 80 }] }] };
    expect(decide(webPod(spec), [web])).to.deep.include({
      do: 'inject',
      warnings: [
        'container "app" listens on port 9191, where MeshService web has its upstream add: give that upstream another localPort',
      ],
    });
  });

  it('are free for UDP, for init containers that end before the app starts, and as ports of the node', () => {
    const spec = {
      containers: [
        {
          name: 'app',
          ports: [
            { containerPort: 20000, protocol: 'UDP' },
            { containerPort: 8080, hostPort: 20000 },
          ],
        },
      ],
      initContainers: [{ name: 'first', ports: [{ containerPort: 20200 }] }],
    };
    expect(decide(webPod(spec), [web]).do).to.equal('inject');
  });

  it('are found by name on a native sidecar of the app, where no container has the name', () => {
    const proxy = { name: 'proxy', restartPolicy: 'Always', ports: [{ name: 'http', containerPort: 8081 }] };
    const done = { name: 'done', ports: [{ name: 'early', containerPort: 1 }] };
    const pod = injected(
      webPod({
        containers: [{ name: 'app', ports: [{ name: 'grpc', containerPort: 9 }] }],
        initContainers: [proxy, done],
      }),
      web,
      SETTINGS,
      http,
    );
    expect(podFacts(pod).ports).to.deep.equal({ http: 8081, grpc: 9 });
    pod.spec.containers[0]!.ports!.push({ name: 'http', containerPort: 8082 });
    expect(podFacts(pod).ports).to.include({ http: 8082 });
  });
});

describe('a copy of an injected pod', () => {
  const first = injected(webPod(), web, SETTINGS, http, undefined, 'shop');
  /** As `kubectl debug --copy-to` makes it. */
  const bare: Pod = { ...first, metadata: { name: 'debug' } };

  it('without labels runs without the sidecar, and a warning says so', () => {
    const decision = decide(bare, [web], 'shop');
    expect(decision.do).to.equal('strip');
    expect(decision).to.have.property('message').that.contains('the sidecar of MeshService shop/web');
    const stripped = applied(bare, leftoverOperations(bare));
    const original = webPod();
    expect(stripped.spec.initContainers).to.equal(undefined);
    expect(stripped.spec.volumes).to.equal(undefined);
    expect(stripped.spec.containers.map(({ env, ports }) => [env, ports])).to.deep.equal(
      original.spec.containers.map(({ env, ports }) => [env, ports]),
    );
  });

  it('in a namespace where another MeshService selects it is injected for that one', () => {
    const restored = aMeshService('restored', {
      workloads: { pods: { selector: { matchLabels: { app: 'web' } } } },
      upstreams: [{ service: 'add', localPort: 7070 }],
    });
    expect(decide(first, [restored], 'other')).to.deep.equal({ do: 'inject', meshService: restored });
    const after = injected(first, restored, SETTINGS, http, undefined, 'other');
    expect(after.spec.volumes).to.deep.equal([
      { name: 'landbridge', secret: { secretName: 'restored-landbridge', defaultMode: 0o444 } },
    ]);
    expect(after.metadata.labels).to.include({ 'landbridge.dev/mesh-service': 'restored' });
    expect(after.spec.initContainers).to.have.length(1);
    expect(after.spec.containers[0]!.env).to.deep.equal([{ name: 'ADD_ADDR', value: 'http://localhost:7070' }]);
  });

  it('in another namespace is injected for a MeshService of the same name, and runs without a sidecar where no MeshService selects it', () => {
    expect(decide(first, [web], 'other').do).to.equal('inject');
    expect(decide(first, [], 'other').do).to.equal('strip');
  });

  it('with all its marks in the same namespace keeps its sidecar', () => {
    for (const services of [[web], []])
      expect(decide(first, services, 'shop')).to.deep.equal({ do: 'skip', reason: 'AlreadyInjected' });
  });

  it('keeps what `landbridge inject` wrote, wherever it is applied and before its MeshService is there', () => {
    const written = injected({ ...webPod(), metadata: { name: 'p', labels: { app: 'web' } } }, web, SETTINGS, http);
    expect(decide(written, [], 'shop')).to.deep.equal({ do: 'skip', reason: 'AlreadyInjected' });
    expect(decide(written, [web], 'shop')).to.deep.equal({ do: 'skip', reason: 'AlreadyInjected' });
  });

  it('loses the variables of its injection wherever they stand, and keeps those of the app', () => {
    const own = [
      { name: 'ADD_ADDR', value: 'http://localhost:1' },
      { name: 'OTHER', value: 'http://localhost:9191' },
    ];
    const moved = structuredClone(first);
    moved.spec.containers[0]!.env = [{ name: 'HOST', value: 'x' }, ...moved.spec.containers[0]!.env!, own[1]!];
    moved.spec.containers.push({ name: 'own', env: own });
    const left = applied(moved, leftoverOperations(moved)).spec.containers;
    expect(left.map(({ env }) => env)).to.deep.equal([[{ name: 'HOST', value: 'x' }, own[1]], own]);
  });

  it('loses its variables too where an older version injected the first, which told their names alone', () => {
    const old = structuredClone(first);
    const mark = old.spec.initContainers![0]!.env!.find(({ name }) => name === 'LANDBRIDGE_VARIABLES')!;
    mark.value = 'ADD_ADDR';
    old.spec.containers[0]!.env!.push({ name: 'KEPT', value: 'x' });
    expect(applied(old, leftoverOperations(old)).spec.containers[0]!.env).to.deep.equal([{ name: 'KEPT', value: 'x' }]);
  });

  it('keeps the sidecar of an older version, which says less of itself', () => {
    const old = structuredClone(first);
    const [sidecar] = old.spec.initContainers!;
    sidecar!.env = sidecar!.env!.filter(({ name }) => name === 'POD_NAME');
    sidecar!.securityContext = { runAsUser: 65532 };
    expect(decide(old, [web], 'shop')).to.deep.equal({ do: 'skip', reason: 'AlreadyInjected' });
    const other = aMeshService('other', { workloads: { pods: { selector: { matchLabels: { app: 'web' } } } } });
    expect(injected(old, other, SETTINGS, http).spec.initContainers).to.have.length(1);
  });

  it('whose sidecar was taken out, and not its volume, waits for no Secret', () => {
    const { initContainers: _sidecar, ...spec } = first.spec;
    const bare: Pod = { metadata: { name: 'copy', labels: { app: 'other' } }, spec };
    const decision = decide(bare, [web], 'other');
    expect(decision.do).to.equal('strip');
    expect(decision).to.have.property('message').that.contains('of MeshService web');
    expect(applied(bare, leftoverOperations(bare)).spec.volumes).to.equal(undefined);
    const selected: Pod = { metadata: { ...first.metadata }, spec };
    expect(decide(selected, [web], 'shop').do).to.equal('inject');
    expect(injected(selected, web, SETTINGS, http, undefined, 'shop').spec.volumes).to.deep.equal(first.spec.volumes);
  });

  it('keeps a Secret that the app itself mounts, also under the name of ours', () => {
    const volumes = [{ name: 'landbridge', secret: { secretName: 'web-landbridge' } }];
    const own = webPod({
      volumes,
      containers: [{ name: 'app', volumeMounts: [{ name: 'landbridge', mountPath: '/s' }] }],
    } as never);
    expect(leftoverOperations(own)).to.deep.equal([]);
    expect(decide({ ...own, metadata: { name: 'p', labels: {} } }, [web])).to.deep.equal({
      do: 'skip',
      reason: 'NotSelected',
    });
  });
});
