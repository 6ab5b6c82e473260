import { expect } from 'chai';
import { drainSeconds, proxySettings } from '../../../../crds/proxy.ts';
import { envoyBootstrap } from '../../../../mesh/envoy/bootstrap.ts';
import { desiredState } from '../../../../mesh/service/desired.ts';
import { sidecar } from '../../../../mesh/inject/sidecar.ts';
import { aMeshService, aPodFacts } from '../../../support/builders.ts';

const SETTINGS = { image: 'envoy:1', imagePullPolicy: 'IfNotPresent' } as const;
const optionsOf = (args: unknown): Record<string, string> => {
  const list = args as string[];
  return Object.fromEntries(list.flatMap((word, i) => (word.startsWith('--') ? [[word, list[i + 1] ?? '']] : [])));
};

describe('spec.proxy', () => {
  it('is the sidecar of always when nothing is said', () => {
    const { args, resources } = sidecar('web', proxySettings.parse(undefined), SETTINGS);
    expect(optionsOf(args)).to.include({ '--concurrency': '1', '--log-level': 'warning', '--drain-time-s': '600' });
    expect(resources).to.deep.equal({ requests: { cpu: '10m', memory: '32Mi' }, limits: { memory: '256Mi' } });
  });

  it('sets workers, log level, drain time and resources of the container', () => {
    const resources = { requests: { cpu: '1' }, limits: { memory: '1Gi' } };
    const proxy = proxySettings.parse({ concurrency: 4, logLevel: 'debug', drainTime: '30s', resources });
    const container = sidecar('web', proxy, SETTINGS);
    expect(optionsOf(container.args)).to.include({
      '--concurrency': '4',
      '--log-level': 'debug',
      '--drain-time-s': '30',
    });
    expect(container.resources).to.deep.equal(resources);
  });

  it('counts drain times in seconds', () => {
    const seconds = ['1s', '90s', '5m', '1h'].map((drainTime) => drainSeconds({ drainTime }));
    expect(seconds).to.deep.equal([1, 90, 300, 3600]);
  });

  it('adds tags and event loop histograms to the statistics', () => {
    const base = {
      ...{ consul: [{ host: 'c', port: 1 }], serverName: 's', datacenter: 'dc1', service: 'web', consulNode: 'n' },
      ...{ secretsDirectory: '/s', admin: { port: 1 }, readyPort: undefined },
    };
    const { stats } = proxySettings.parse({ stats: { tags: { team: 'payments' }, extra: ['eventLoop'] } });
    const text = JSON.stringify(envoyBootstrap({ ...base, stats }));
    expect(text).to.include('{"tag_name":"team","fixed_value":"payments"}');
    expect(text).to.include('"enable_dispatcher_stats":true');
  });

  it('turns access logs on in the registration of each proxy, and says nothing of them otherwise', () => {
    const logsOf = (proxy: object | undefined) => {
      const meshService = aMeshService('sub-svc', proxy === undefined ? {} : { proxy });
      const pods = [aPodFacts('sub-1')];
      const desired = desiredState({
        ...{ cluster: 'lab', namespace: 'shop', name: 'sub-svc', formerServices: [] },
        ...{ meshService, pods },
      });
      return desired.node?.registrations['sub-1-sidecar']?.service.Proxy?.AccessLogs;
    };
    expect(logsOf({ accessLog: 'json' })).to.deep.equal({ Enabled: true, Type: 'stdout' });
    expect(logsOf(undefined)).to.equal(undefined);
  });
});
