import { expect } from 'chai';
import { injectManifests } from '../../../../cli/inject/inject-manifests.ts';
import { objectsOf, parseManifest } from '../../../../cli/manifest/read-manifests.ts';

const MESH_SERVICE = `apiVersion: landbridge.dev/v1alpha1
kind: MeshService
metadata: { name: web, namespace: shop }
spec: { protocol: http, port: 8080, workloads: { pods: { selector: { matchLabels: { app: web } } } } }
`;
const TEMPLATE = '{ metadata: { labels: { app: web } }, spec: { containers: [{ name: a, image: nginx }] } }';
const deployment = (metadata = '{ name: web, namespace: shop }', template = TEMPLATE): string =>
  `apiVersion: apps/v1\nkind: Deployment\nmetadata: ${metadata}\nspec: { selector: {}, template: ${template} }\n`;

const inject = (texts: string[], namespace?: string) =>
  injectManifests(
    texts.map((text, index) => parseManifest(`${index}.yaml`, text)),
    { namespace, image: 'envoy:1' },
  );
const sidecars = (text: string): number => text.split('landbridge-sidecar').length - 1;
const list = (...objects: string[]): string =>
  `apiVersion: v1\nkind: List\nitems:\n${objects.map((text) => `- ${text.trimEnd().replaceAll('\n', '\n  ')}\n`).join('')}`;

describe('landbridge inject', () => {
  const kinds: [string, string][] = [
    ...['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'Job'].map((kind): [string, string] => [
      kind,
      deployment().replace('Deployment', kind),
    ]),
    ['ReplicationController', deployment().replace('apps/v1', 'v1').replace('Deployment', 'ReplicationController')],
    ['Argo Rollout', deployment().replace('apps/v1', 'argoproj.io/v1alpha1').replace('Deployment', 'Rollout')],
    ['kind that nobody here knows', deployment().replace('apps/v1', 'x.example/v1').replace('Deployment', 'CloneSet')],
    [
      'Pod',
      `apiVersion: v1\nkind: Pod\n${TEMPLATE.slice(2, -2).replace(', spec:', '\nspec:').replace('{ labels', '{ name: p, namespace: shop, labels')}\n`,
    ],
    [
      'PodTemplate',
      `apiVersion: v1\nkind: PodTemplate\nmetadata: { name: t, namespace: shop }\ntemplate: ${TEMPLATE}\n`,
    ],
    [
      'CronJob',
      `apiVersion: batch/v1\nkind: CronJob\nmetadata: { name: c, namespace: shop }\nspec: { schedule: '* * * * *', jobTemplate: { spec: { template: ${TEMPLATE} } } }\n`,
    ],
  ];
  for (const [kind, text] of kinds)
    it(`gives a ${kind} its sidecar`, () => {
      const { text: out, refusal } = inject([MESH_SERVICE, text]);
      expect(refusal).to.equal('');
      expect(sidecars(out)).to.equal(1);
      expect(objectsOf([parseManifest('out', out)]).map(({ kind: each }) => each)).to.have.length(2);
    });

  it('prints what it does not change as it was written, file modes and comments included', () => {
    const volumes = 'volumes: [{ name: keys, secret: { secretName: s, defaultMode: 0400 } }] # 0400 is octal';
    const text = `${MESH_SERVICE}---\n# the app\n${deployment('{ name: web, namespace: shop }', '').replace(' template:  }', '').replace('spec: { selector: {},', `spec:\n  template:\n    metadata: { labels: { app: web } }\n    spec:\n      containers: [{ name: a }]\n      ${volumes}`)}---\nkind: Service\napiVersion: v1\nmetadata: {name: s, annotations: {on: "yes"}}   # as it was\n`;
    const { text: out } = inject([text]);
    expect(sidecars(out)).to.equal(1);
    for (const line of text.split('\n').filter((one) => !/labels: \{ app: web|containers:|volumes:/.test(one)))
      expect(out.split('\n')).to.include(line);
    expect(out).to.include('defaultMode: 0400 } }');
    const [, workload] = objectsOf([parseManifest('out', out)]);
    const pod = (workload!.object as never as { spec: { template: { spec: { volumes: object[] } } } }).spec.template
      .spec;
    expect(pod.volumes).to.deep.equal([
      { name: 'keys', secret: { secretName: 's', defaultMode: 256 } },
      { name: 'landbridge', secret: { secretName: 'web-landbridge', defaultMode: 292 } },
    ]);
  });

  it('finds workloads and MeshServices in a List, with and without metadata, and in Lists within it', () => {
    expect(sidecars(inject([list(MESH_SERVICE, deployment())]).text)).to.equal(1);
    const withMetadata = list(MESH_SERVICE, deployment()).replace(
      'items:',
      "metadata: { resourceVersion: '' }\nitems:",
    );
    expect(sidecars(inject([withMetadata]).text)).to.equal(1);
    expect(sidecars(inject([list(list(MESH_SERVICE), deployment())]).text)).to.equal(1);
    const typed = `apiVersion: apps/v1\nkind: DeploymentList\nitems:\n- metadata: { name: web, namespace: shop }\n  spec: { template: ${TEMPLATE} }\n`;
    expect(sidecars(inject([MESH_SERVICE, typed]).text)).to.equal(1);
    expect(inject([list(MESH_SERVICE, deployment())]).notes).to.deep.equal([
      'deployment/web: injected for MeshService web',
    ]);
  });

  it('takes JSON, also several objects one after the other', () => {
    const json = objectsOf([parseManifest('x', `${MESH_SERVICE}---\n${deployment()}`)]).map(({ object }) =>
      JSON.stringify(object),
    );
    const { text } = inject([json.join('\n')]);
    expect(text.startsWith(`${json[0]!}\n`)).to.equal(true);
    expect(JSON.parse(text.slice(json[0]!.length))).to.have.nested.property(
      'spec.template.spec.initContainers[0].name',
      'landbridge-sidecar',
    );
  });

  describe('with namespaces left out', () => {
    it('takes the one MeshService that selects the pod, and says how to apply it', () => {
      const { text, notes } = inject([MESH_SERVICE, deployment('{ name: web }')]);
      expect(sidecars(text)).to.equal(1);
      expect(notes[0]).to.equal(
        'deployment/web: injected for MeshService web; it names no namespace: apply it with kubectl -n shop',
      );
    });

    it('says when the MeshService is the one that names none', () => {
      const { notes } = inject([MESH_SERVICE.replace(', namespace: shop', ''), deployment()]);
      expect(notes[0]).to.include('which names no namespace: apply both with kubectl -n shop');
    });

    it('takes -n for both', () => {
      const bare = [MESH_SERVICE.replace(', namespace: shop', ''), deployment('{ name: web }')];
      expect(inject(bare, 'shop').notes).to.deep.equal(['deployment/web: injected for MeshService web']);
      expect(inject([MESH_SERVICE, deployment('{ name: web }')], 'books').refusal).to.include('nothing was injected');
    });

    it('refuses to guess between two namespaces', () => {
      const two = [MESH_SERVICE, MESH_SERVICE.replace('shop', 'books'), deployment('{ name: web }')];
      expect(() => inject(two)).to.throw(
        'MeshServices of several namespaces select it (shop, books), and it names none: give metadata.namespace, or -n',
      );
      expect(sidecars(inject(two, 'books').text)).to.equal(1);
    });

    it('never mixes two namespaces that are both named', () => {
      expect(inject([MESH_SERVICE, deployment('{ name: web, namespace: books }')]).refusal).to.include(
        'nothing was injected',
      );
    });
  });

  describe('when nothing is injected', () => {
    it('refuses, and says what is missing', () => {
      expect(inject([deployment()]).refusal).to.include('no MeshService in what was given');
      expect(inject([MESH_SERVICE]).refusal).to.include('no workload in what was given');
      const other = inject([MESH_SERVICE, deployment(undefined, TEMPLATE.replace('web', 'wbe'))]);
      expect(other.refusal).to.include('compare spec.workloads.pods.selector with the labels');
      expect(other.notes).to.deep.equal([
        'deployment/web: skipped, no MeshService that was given selects the pod',
        'meshservice/web: it selects no pod of what was given (its selector: app=web)',
      ]);
    });

    it('goes on when all have their sidecar already, and changes nothing', () => {
      const once = inject([MESH_SERVICE, deployment()]).text;
      expect(inject([once])).to.deep.equal({
        text: once,
        notes: ['deployment/web: skipped, the pod has its sidecar already'],
        refusal: '',
      });
    });
  });

  it('names the upstreams whose protocol nobody told', () => {
    const caller = MESH_SERVICE.replace('spec: {', 'spec: { upstreams: [{ service: db, localPort: 9002 }],');
    expect(inject([caller, deployment()]).notes[1]).to.include(
      'no MeshService that is known here has the name db, so the variable of that upstream is written for the protocol of the caller, http',
    );
    const db = MESH_SERVICE.replace('name: web', 'name: db')
      .replace('protocol: http', 'protocol: tcp')
      .replace('app: web', 'app: db');
    const { text, notes } = inject([caller, db, deployment()]);
    expect(text).to.include('value: localhost:9002');
    expect(notes.filter((note) => note.includes('the variable'))).to.deep.equal([]);
  });

  const wrong: [string, string, RegExp][] = [
    [
      'a field that is misspelt',
      MESH_SERVICE.replace('protocol:', 'protocl:'),
      /^0\.yaml, line 1: MeshService web: unknown field "spec\.protocl"; did you mean "protocol"\?$/,
    ],
    [
      'a MeshService without workloads',
      MESH_SERVICE.replace(/spec: .*/, 'spec: {}'),
      /MeshService web: spec\.workloads is missing/,
    ],
    [
      'another apiVersion',
      MESH_SERVICE.replace('v1alpha1', 'v1'),
      /its apiVersion is landbridge\.dev\/v1; give landbridge\.dev\/v1alpha1/,
    ],
    [
      'a file of values',
      'image: nginx\n',
      /0\.yaml, line 1: this is not a Kubernetes object, because it has no "kind": is it a file of values\?/,
    ],
    [
      'a template of a chart',
      'kind: Deployment\nmetadata:\n  name: {{ .Release.Name }}-web\n',
      /0\.yaml, line 3: .*It looks like the template of a chart: render it first/,
    ],
    ['a list of words', '- a\n- b\n', /this is not a Kubernetes object but a list/],
    ['an object without apiVersion', 'kind: Deployment\n', /Deployment has no "apiVersion"/],
  ];
  for (const [what, text, sentence] of wrong)
    it(`says what is wrong with ${what}`, () => expect(() => inject([text])).to.throw(sentence));

  const odd: [string, string][] = [
    ['containers: [null]', 'pod.spec.containers[0]'],
    ['containers: [web]', 'pod.spec.containers[0]'],
    ['containers: [{ image: nginx }]', 'pod.spec.containers[0].name'],
    ['containers: [{ name: a, env: { A: b } }]', 'pod.spec.containers[0].env'],
    ['containers: [{ name: a, env: [null] }]', 'pod.spec.containers[0].env[0]'],
    ['containers: [{ name: a, ports: 80 }]', 'pod.spec.containers[0].ports'],
    ['containers: [{ name: a, ports: [null] }]', 'pod.spec.containers[0].ports[0]'],
    ['containers: [{ name: a }], initContainers: { name: b }', 'pod.spec.initContainers'],
    ['containers: [{ name: a }], initContainers: [null]', 'pod.spec.initContainers[0]'],
    ['containers: [{ name: a }], volumes: { name: v }', 'pod.spec.volumes'],
    ['containers: [{ name: a }], volumes: [null]', 'pod.spec.volumes[0]'],
    [
      'containers: [{ name: a }], initContainers: [{ name: landbridge-sidecar, volumeMounts: x }]',
      'pod.spec.initContainers[0].volumeMounts',
    ],
  ];
  for (const [spec, field] of odd)
    it(`names the field in which no API server takes the pod, or leaves it to that: ${spec}`, () => {
      const template = `{ metadata: { labels: { app: web } }, spec: { ${spec} } }`;
      let said = '';
      try {
        inject([MESH_SERVICE, deployment(undefined, template)]);
      } catch (error) {
        said = (error as Error).message;
      }
      if (said !== '') expect(said).to.contain(`deployment/web: ${field} is not what Kubernetes has there (expected`);
      const left = ['containers: [web]', 'containers: [{ image: nginx }]'];
      expect(said === '', said).to.equal(left.includes(spec));
    });

  it('leaves the MeshService of another mesh as it is, and takes one without a group for ours', () => {
    const kuma = 'apiVersion: kuma.io/v1alpha1\nkind: MeshService\nmetadata: { name: web }\nspec: { ports: [] }\n';
    const { text, refusal } = inject([MESH_SERVICE, kuma, deployment()]);
    expect(refusal).to.equal('');
    expect(text).to.include(kuma);
    expect(sidecars(text)).to.equal(1);
    expect(() => inject([MESH_SERVICE.replace('landbridge.dev/', ''), deployment()])).to.throw(
      'its apiVersion is v1alpha1; give landbridge.dev/v1alpha1',
    );
  });
});
