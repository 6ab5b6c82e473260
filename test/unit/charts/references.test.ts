import { expect } from 'chai';
import { EDGE_SERVICE } from '../../../crds/expose.ts';
import { GATEWAY_SERVICE } from '../../../crds/gateway.ts';
import {
  BRIDGE_PORT,
  NAMESPACE,
  OBSERVE_PORT,
  SECRETS,
  WEBHOOK_PORT,
} from '../../../mesh/installation/installation.ts';
import { sidecarSecret } from '../../../mesh/names/names.ts';
import { chart, type Manifest, named, ofKind, podMakers, type Template } from './objects.ts';

const objects = chart();
const has = (object: Record<string, string>, wanted: Record<string, string>) =>
  Object.entries(wanted).every(([key, value]) => object[key] === value);
const selected = (selector: Record<string, string>): Template[] =>
  podMakers(objects)
    .map(({ template }) => template)
    .filter(({ metadata }) => has(metadata.labels, selector));
const portNames = (template: Template): string[] =>
  template.spec.containers.flatMap(({ ports = [] }) => (ports as { name?: string }[]).map(({ name }) => name!));
const portNumber = (template: Template, name: string): number | undefined =>
  template.spec.containers
    .flatMap(({ ports = [] }) => ports as { name?: string; containerPort?: number }[])
    .find((port) => port.name === name)?.containerPort;

describe('References within the chart', () => {
  it('puts every namespaced object in the one namespace', () => {
    const clusterWide = ['Namespace', 'PriorityClass', 'CustomResourceDefinition'];
    for (const object of objects) {
      if (clusterWide.includes(object.kind) || /^Cluster|WebhookConfiguration$/.test(object.kind)) {
        expect(object.metadata.namespace, object.metadata.name).to.equal(undefined);
      } else {
        expect(object.metadata.namespace, object.metadata.name).to.equal(NAMESPACE);
      }
    }
  });

  it('names each object once', () => {
    const names = objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
    expect(new Set(names).size).to.equal(names.length);
  });

  it('has every controller select the pods of its own template, and those alone', () => {
    for (const { maker, template } of podMakers(objects)) {
      if (maker.kind === 'Job') continue;
      expect(selected(maker['spec'].selector.matchLabels), maker.metadata.name).to.deep.equal([template]);
    }
    for (const budget of ofKind(objects, 'PodDisruptionBudget')) {
      expect(selected(budget['spec'].selector.matchLabels), budget.metadata.name).to.have.length(1);
    }
  });

  it('has every Service lead to a port that the pods of one component have', () => {
    for (const service of ofKind(objects, 'Service')) {
      const pods = selected(service['spec'].selector);
      expect(pods, service.metadata.name).to.have.length(1);
      for (const { targetPort } of service['spec'].ports) expect(portNames(pods[0]!)).to.include(targetPort);
    }
  });

  it('probes ports that the container has', () => {
    for (const { maker, template } of podMakers(objects)) {
      for (const container of template.spec.containers as unknown as Manifest[]) {
        const probes = [container['readinessProbe'], container['livenessProbe'], container['startupProbe']];
        for (const probe of probes.filter(Boolean)) expect(portNames(template)).to.include(probe.httpGet.port);
        if (maker.kind !== 'Job') expect(probes.slice(0, 2), maker.metadata.name).not.to.include(undefined);
      }
    }
  });

  it('mounts only ConfigMaps and accounts of the chart, and Secrets that the bootstrap job or the operator makes', () => {
    const made = [...Object.values(SECRETS), sidecarSecret(EDGE_SERVICE), sidecarSecret(GATEWAY_SERVICE)];
    for (const { template } of podMakers(objects)) {
      named(objects, 'ServiceAccount', template.spec['serviceAccountName']);
      named(objects, 'PriorityClass', template.spec['priorityClassName']);
      for (const volume of (template.spec.volumes ?? []) as Manifest[]) {
        if (volume['configMap']) named(objects, 'ConfigMap', volume['configMap'].name);
        if (volume['secret']) expect(made).to.include(volume['secret'].secretName);
      }
    }
  });

  it('gives every mount a volume, and every volume a mount', () => {
    for (const { maker, template } of podMakers(objects)) {
      const claims = (maker['spec'].volumeClaimTemplates ?? []) as Manifest[];
      const volumes = [
        ...((template.spec.volumes ?? []) as { name: string }[]).map(({ name }) => name),
        ...claims.map(({ metadata }) => metadata.name),
      ];
      const mounts = (template.spec.containers as unknown as Manifest[]).flatMap(({ volumeMounts = [] }) =>
        volumeMounts.map(({ name }: { name: string }) => name),
      );
      expect(mounts, maker.metadata.name).to.have.members(volumes);
    }
  });

  it('sends the webhook to the operator at /mutate, 443 to 9443', () => {
    const { webhooks } = named(objects, 'MutatingWebhookConfiguration', 'landbridge-injector');
    const { service, caBundle } = webhooks[0].clientConfig;
    expect(service).to.deep.equal({ name: 'landbridge-webhook', namespace: NAMESPACE, path: '/mutate', port: 443 });
    expect(caBundle).to.equal(undefined);
    const { ports, selector } = named(objects, 'Service', 'landbridge-webhook')['spec'];
    expect(ports[0].port).to.equal(443);
    expect(portNumber(selected(selector)[0]!, ports[0].targetPort)).to.equal(WEBHOOK_PORT);
  });

  it('never asks the webhook about the control plane, nor about pods outside the mesh', () => {
    const { webhooks } = named(objects, 'MutatingWebhookConfiguration', 'landbridge-injector');
    expect(webhooks[0].namespaceSelector.matchExpressions).to.deep.equal([
      { key: 'landbridge.dev/mesh', operator: 'In', values: ['enabled'] },
      { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['kube-system', 'landbridge'] },
    ]);
    expect(webhooks[0]).to.include({ failurePolicy: 'Fail', reinvocationPolicy: 'IfNeeded', sideEffects: 'None' });
  });

  it('opens the bridge and the xDS port on the nodes where the contract has them', () => {
    const [bridge] = named(objects, 'Service', 'landbridge-bridge')['spec'].ports;
    const [xds] = named(objects, 'Service', 'landbridge-consul-xds')['spec'].ports;
    expect([bridge.port, bridge.nodePort]).to.deep.equal([BRIDGE_PORT, 30443]);
    expect([xds.port, xds.nodePort]).to.deep.equal([8503, 30503]);
  });

  it('has the operator and the bridge observed on 8080', () => {
    for (const name of ['landbridge-operator', 'landbridge-bridge']) {
      const template = named(objects, 'Deployment', name)['spec'].template;
      expect(portNumber(template, 'observe')).to.equal(OBSERVE_PORT);
    }
  });
});
