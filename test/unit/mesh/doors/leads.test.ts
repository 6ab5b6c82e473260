import { expect } from 'chai';
import { doorsOf } from '../../../../mesh/doors/doors.ts';
import { type IngressFacts, type ServiceFacts, leadsTo } from '../../../../mesh/doors/leads.ts';
import { aMeshService, aPodFacts } from '../../../support/builders.ts';

const pod = aPodFacts('a', { ports: { http: 8080, metrics: 9090 } });
const service = (name: string, spec: ServiceFacts['spec'] & object = {}): ServiceFacts => ({
  metadata: { name },
  spec: { selector: { app: 'sub-svc' }, ports: [{ port: 80, targetPort: 8080 }], ...spec },
});
const ingress = (name: string, ...backends: string[]): IngressFacts => ({
  metadata: { name },
  spec: { rules: [{ http: { paths: backends.map((to) => ({ backend: { service: { name: to } } })) } }] },
});

function leads(
  services: ServiceFacts[],
  ingresses: IngressFacts[] = [],
  spec: Parameters<typeof aMeshService>[1] = {},
  pods = [pod],
) {
  const meshService = aMeshService('sub-svc', spec);
  return leadsTo(meshService, doorsOf(meshService, 'Strict'), pods, { services, ingresses }).map(({ text }) => text);
}

describe('ways past the sidecars', () => {
  it('are Services that lead to a port of the app, by number, by name, or by their own', () => {
    expect(leads([service('a'), service('b', { ports: [{ port: 80, targetPort: 'http' }] })])).to.deep.equal([
      'Service a (ClusterIP, to port 8080)',
      'Service b (ClusterIP, to port http)',
    ]);
    expect(leads([service('c', { ports: [{ port: 8080 }] })])).to.deep.equal(['Service c (ClusterIP, to port 8080)']);
  });

  it('are named with their kind, those from outside the cluster first', () => {
    const found = leads([
      service('inside', { clusterIP: 'None' }),
      service('node', { type: 'NodePort' }),
      service('lb', { type: 'LoadBalancer' }),
    ]);
    expect(found).to.deep.equal([
      'Service node (NodePort, to port 8080)',
      'Service lb (LoadBalancer, to port 8080)',
      'Service inside (headless, to port 8080)',
    ]);
  });

  it('are Services that ask for more labels than the MeshService, as those of Helm charts do, where no pod is known', () => {
    const chart = (selector: Record<string, string>) => leads([service('chart', { selector })], [], {}, []);
    expect(chart({ app: 'sub-svc', instance: 'my' })).to.deep.equal(['Service chart (ClusterIP, to port 8080)']);
    expect(chart({ app: 'other', instance: 'my' })).to.deep.equal([]);
    expect(chart({ instance: 'my' })).to.deep.equal([]);
    const selector = { app: 'sub-svc', instance: 'my' };
    expect(leads([service('chart', { selector })]), 'a pod without that label').to.deep.equal([]);
  });

  it('are Ingresses to such a Service, and no others', () => {
    expect(leads([service('a')], [ingress('front', 'a', 'other'), ingress('elsewhere', 'other')])).to.deep.equal([
      'Ingress front (to Service a)',
      'Service a (ClusterIP, to port 8080)',
    ]);
    const byDefault: IngressFacts = { metadata: { name: 'all' }, spec: { defaultBackend: { service: { name: 'a' } } } };
    expect(leads([service('a')], [byDefault])[0]).to.equal('Ingress all (to Service a)');
  });

  it('exclude Services to the sidecar, to plaintext ports and to other pods, and Services without a selector', () => {
    expect(leads([service('mesh', { ports: [{ port: 20000 }] })])).to.deep.equal([]);
    expect(leads([service('m', { ports: [{ port: 9090 }] })], [], { plaintextPorts: ['metrics'] })).to.deep.equal([]);
    expect(leads([service('other', { selector: { app: 'other' } })])).to.deep.equal([]);
    expect(leads([service('hand', { selector: {} }), { metadata: { name: 'bare' } }])).to.deep.equal([]);
  });

  it('are seen before the first pod is there', () => {
    expect(leads([service('a')], [], {}, [])).to.deep.equal(['Service a (ClusterIP, to port 8080)']);
    const named = service('b', { ports: [{ port: 80, targetPort: 'http' }] });
    expect(leads([named], [], { port: 'http' }, [])).to.deep.equal(['Service b (ClusterIP, to port http)']);
  });

  it('are few, however many there are', () => {
    expect(leads(Array.from({ length: 500 }, (_, index) => service(`s${index}`)))).to.have.length(8);
  });
});
