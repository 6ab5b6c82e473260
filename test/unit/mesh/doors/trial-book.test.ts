import { expect } from 'chai';
import { doorsOf } from '../../../../mesh/doors/doors.ts';
import { closedPorts } from '../../../../mesh/doors/past-sidecar.ts';
import { type PodTrial, nextPods, trialsOf } from '../../../../mesh/doors/trial-book.ts';
import { podFacts } from '../../../../mesh/service/pod.ts';
import { aMeshService, aPod, aPodFacts } from '../../../support/builders.ts';

const trial = (name: string, more: Partial<PodTrial> = {}): [string, PodTrial] => [
  name,
  { uid: `uid-${name}`, node: 'worker', open: [], ports: [8080], reached: true, atMs: 1, ...more },
];

describe('trials of pods', () => {
  it('take those first that were open, then those never tried, then the ones tried longest ago', () => {
    const book = new Map([
      trial('old', { atMs: 1 }),
      trial('new', { atMs: 9 }),
      trial('open', { open: [8080], atMs: 9 }),
    ]);
    const pods = ['new', 'old', 'never', 'open'].map((name) => aPodFacts(name));
    expect(nextPods(pods, book, 3).map(({ name }) => name)).to.deep.equal(['open', 'never', 'old']);
  });

  it('leave out pods whose app may not listen, and pods without a sidecar', () => {
    const pods = [
      aPodFacts('starting', { ready: false }),
      aPodFacts('ending', { terminating: true }),
      aPodFacts('done', { finished: true }),
      aPodFacts('plain', { injected: false }),
      aPodFacts('placeless', { ip: undefined }),
    ];
    expect(nextPods(pods, new Map(), 9)).to.deep.equal([]);
  });

  it('count only for pods that are there, by uid', () => {
    const book = new Map([
      trial('gone', { open: [8080] }),
      trial('again', { uid: 'before', open: [8080] }),
      trial('a'),
    ]);
    const seen = trialsOf([aPodFacts('again'), aPodFacts('a')], book);
    expect(seen).to.deep.include({ open: [], openPods: 0, closed: 1, ports: [8080] });
    expect([...book.keys()]).to.deep.equal(['a']);
  });

  it('tell a pod that was not reached from one that was closed', () => {
    const pods = ['a', 'b', 'c'].map((name) => aPodFacts(name));
    const book = new Map([trial('a', { reached: false }), trial('b', { ports: [] }), trial('c', { open: [9090] })]);
    expect(trialsOf(pods, book)).to.deep.equal({
      open: [{ pod: 'c', node: 'worker', port: 9090 }],
      openPods: 1,
      closed: 0,
      ports: [],
      unreached: 'a',
    });
  });

  it('go to the port of the app and to all ports of its containers, except plaintext ports', () => {
    const facts = podFacts(
      aPod(
        'a',
        {},
        {
          containers: [
            { name: 'app', ports: [{ name: 'http', containerPort: 8080 }, { containerPort: 9090 }] },
            { name: 'dns', ports: [{ containerPort: 53, protocol: 'UDP' }, { containerPort: 5353 }] },
            { name: 'host', ports: [{ name: 'landbridge-mesh', containerPort: 20000, hostPort: 22000 }] },
          ],
          initContainers: [{ name: 'landbridge-sidecar', restartPolicy: 'Always', ports: [{ containerPort: 20000 }] }],
        },
      ),
    );
    const ports = (spec: Parameters<typeof aMeshService>[1]) => {
      const meshService = aMeshService('a', spec);
      return closedPorts(doorsOf(meshService, 'Strict'), meshService.spec.port, facts);
    };
    expect(ports({ port: 7000 })).to.deep.equal([7000, 8080, 9090, 5353]);
    expect(ports({ port: 'http' })).to.deep.equal([8080, 9090, 5353]);
    expect(ports({ port: 'http', plaintextPorts: ['http', 9090] })).to.deep.equal([5353]);
    expect(ports({ port: undefined, plaintextPorts: [8080] })).to.deep.equal([9090, 5353]);
  });

  it('are bounded by pod', () => {
    const ports = Array.from({ length: 100 }, (_, index) => ({ containerPort: 1000 + index }));
    const facts = podFacts(aPod('a', {}, { containers: [{ name: 'app', ports }] }));
    expect(facts.tcpPorts).to.have.length(8);
    expect(closedPorts(doorsOf(aMeshService('a'), 'Strict'), 8080, facts)).to.have.length(4);
  });
});
