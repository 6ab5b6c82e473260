import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { dump, load as parse } from 'js-yaml';
import { valuesFile } from '../../lab/paths.ts';
import { type RunningLab, runningLab } from '../../lab/running.ts';
import { CONSUL_SERVER_SERVICE, NAMESPACE } from '../../mesh/installation/installation.ts';
import { consulClaim, consulServer } from '../../mesh/installation/reshape.ts';
import { eventually } from '../support/eventually.ts';
import { type Flipper, makeFlipper } from '../support/load/flips.ts';
import { type LabServer, contentsOf, labServer } from '../support/rigs/lab-consul.ts';
import { failuresOf, underLoad } from '../support/load/load.ts';
import { makeServerDiskClass, renewServerDisk } from '../support/consul/server-disks.ts';

/** A click makes twelve calls: 204 requests a second, over pods and machines. */
const CLICKS_PER_SECOND = 17;
const FLIP_BAR_MS = 5000;
/**
 * A server that ended without a word and comes back under another address is taken in again after 30 s, which Consul fixes
 * (DeadNodeReclaimTime), and votes 10 to 20 s later.
 */
const VOTES_MS = 120_000;
/** A lone server that is started again: its pod ends, and it elects itself. Nobody can write meanwhile. */
const STARTED_AGAIN_MS = 30_000;
const inSystem = ['-n', NAMESPACE];

/** Consul servers come, go and are lost, on the lab with its machines and its sample, under load. It ends with one server, as it began. */
describe('Consul servers, under more than 200 requests a second', function () {
  this.timeout(300_000);
  // Each begins where the one before it ended: on two servers the loss of one more would be no test, and lose the quorum.
  this.bail(true);
  let lab: RunningLab;
  let flipper: Flipper;
  let before_: Record<string, string[]>;
  const values = (servers: number): string => {
    const own = parse(readFileSync(valuesFile, 'utf8')) as { consul: object };
    return dump({ ...own, consul: { ...own.consul, servers } });
  };
  const upgrade = (servers: number): Promise<string> =>
    lab.landbridge(['upgrade', '-f', '-'], { input: values(servers), timeoutMs: 200_000 });
  /** Its first line. The note about images that keep their names follows it. */
  const plan = async (servers: number): Promise<string> =>
    (await lab.landbridge(['upgrade', '--plan', '-f', '-'], { input: values(servers) })).split('\n')[0]!;

  const asking = async <T>(ordinal: number, ask: (server: LabServer) => Promise<T>): Promise<T> => {
    const server = await labServer(lab, ordinal);
    try {
      return await ask(server);
    } finally {
      server.close();
    }
  };
  const voters = (ordinal: number): Promise<string[]> =>
    asking(ordinal, async ({ raft }) =>
      (await raft.peers())
        .filter(({ voter }) => voter)
        .map(({ node }) => node)
        .sort(),
    );
  const leader = (): Promise<number> =>
    asking(0, async ({ raft }) =>
      Number(
        (await raft.peers())
          .find((peer) => peer.leader)!
          .node.split('-')
          .at(-1),
      ),
    );
  const allVote = (): Promise<unknown> =>
    eventually(
      'three servers vote',
      VOTES_MS,
      async () => (await voters(0)).length === 3 && (await ready()) === '3',
      500,
    );
  const ready = (): Promise<string> =>
    lab.cluster.kubectl(['get', 'sts', CONSUL_SERVER_SERVICE, ...inSystem, '-o', 'jsonpath={.status.readyReplicas}']);
  const podUid = (ordinal: number): Promise<string> =>
    lab.cluster.kubectl(['get', 'pod', consulServer(ordinal), ...inSystem, '-o', 'jsonpath={.metadata.uid}']);

  const claimUid = (ordinal: number): Promise<string> => {
    const uid = ['-o', 'jsonpath={.metadata.uid}', '--ignore-not-found'];
    return lab.cluster.kubectl(['get', 'pvc', consulClaim(ordinal), ...inSystem, ...uid]);
  };

  /** No click fails and every flip reaches Consul in time. */
  const loseNothing = async (what: string, story: () => Promise<unknown>, flipBarMs = FLIP_BAR_MS): Promise<void> => {
    let flips: { ms: number }[] = [];
    const began = performance.now();
    const shots = await underLoad(lab.edge, async () => void (flips = await flipper.during(story)), {
      perSecond: CLICKS_PER_SECOND,
    });
    const lost = failuresOf(shots);
    const slowest = Math.round(Math.max(...flips.map(({ ms }) => ms)));
    const seconds = Math.round((performance.now() - began) / 1000);
    console.log(
      `    ${what}: ${seconds} s, ${shots.length * 12} requests, ${lost.length} clicks failed, ${flips.length} flips, the slowest ${slowest} ms`,
    );
    expect(lost.length, [...lost.slice(0, 10), '...', ...lost.slice(-3)].join('\n')).to.equal(0);
    expect(shots.length).to.be.greaterThan(100);
    expect(slowest, 'the slowest flip').to.be.below(flipBarMs);
  };

  const growToThree = async (): Promise<string> => {
    for (const ordinal of [1, 2]) await renewServerDisk(lab, ordinal);
    return upgrade(3);
  };
  const backToOne = (): Promise<string> => upgrade(1);
  const nothingIsLeft = async (): Promise<void> => {
    expect(await voters(0)).to.deep.equal([consulServer(0)]);
    expect(await asking(0, contentsOf)).to.deep.equal(before_);
    const nodes = await asking(0, async ({ consul }) =>
      (await consul.listNodes(CONSUL_SERVER_SERVICE)).map(({ name }) => name),
    );
    expect(nodes).to.deep.equal([consulServer(0)]);
    const claims = await lab.cluster.kubectl(['get', 'pvc', ...inSystem, '-o', 'jsonpath={.items[*].metadata.name}']);
    expect(claims).to.equal(consulClaim(0));
    expect(await plan(1)).to.match(/^\d+ as they are:$/);
    expect(await lab.landbridge(['check'])).not.to.include('×');
  };

  before(async () => {
    lab = await runningLab();
    await upgrade(1);
    await makeServerDiskClass(lab);
    flipper = await makeFlipper(lab);
    before_ = await asking(0, contentsOf);
  });
  after(() => flipper?.remove());

  it('grow from one to three; the first goes on as it is, and nothing is lost', async () => {
    const first = await podUid(0);
    await loseNothing('one to three', growToThree);
    expect(await voters(0)).to.have.members([0, 1, 2].map(consulServer));
    expect(await podUid(0), 'the pod of the first').to.equal(first);
    for (const ordinal of [0, 1, 2]) expect(await asking(ordinal, contentsOf)).to.deep.equal(before_);
    expect(await plan(3)).to.match(/^\d+ as they are:$/);
  });

  it('go on when the leader is killed', async () => {
    const lost = await leader();
    await loseNothing('leader killed', async () => {
      await kill(lab, lost);
      await eventually(
        'another leads',
        30_000,
        async () => (await asking((lost + 1) % 3, ({ consul }) => consul.leader())) !== '',
      );
      await allVote();
    });
  });

  it('go on when the pod of the leader is taken away at once, and its connections fall silent', async () => {
    const lost = await leader();
    await loseNothing('leader taken away', async () => {
      await lab.cluster.kubectl(['delete', 'pod', consulServer(lost), ...inSystem, '--force', '--grace-period=0']);
      await allVote();
    });
  });

  it('go on when one is lost with its disk, and take an empty one in its place', async () => {
    const { id } = await asking(0, async ({ raft }) =>
      (await raft.peers()).find(({ node }) => node === consulServer(2))!,
    );
    await loseNothing('server lost with its disk', async () => {
      const old = await claimUid(2);
      await lab.cluster.kubectl(['delete', 'pvc', consulClaim(2), ...inSystem, '--wait=false']);
      await lab.cluster.kubectl(['delete', 'pod', consulServer(2), ...inSystem, '--force', '--grace-period=0']);
      // The StatefulSet makes another of the same name at once.
      await eventually('the claim is gone', 60_000, async () => (await claimUid(2)) !== old);
      await renewServerDisk(lab, 2);
      await allVote();
    });
    const peers = await asking(0, ({ raft }) => raft.peers());
    expect(peers.map((peer) => peer.id)).not.to.include(id);
    expect(peers).to.have.length(3);
    expect(await asking(2, contentsOf)).to.deep.equal(before_);
  });

  it('go back to one, which goes on as it is, with nothing lost and nothing left behind', async () => {
    const first = await podUid(0);
    await loseNothing('three to one', backToOne);
    expect(await podUid(0), 'the pod of the first').to.equal(first);
    await nothingIsLeft();
  });

  it('grow to three again', async () => {
    await loseNothing('one to three again', growToThree);
    expect(await voters(0)).to.have.members([0, 1, 2].map(consulServer));
  });

  it('go on when all are started again, one after the other', async () => {
    const old = await Promise.all([0, 1, 2].map(podUid));
    await loseNothing('all started again', async () => {
      await lab.cluster.kubectl(['rollout', 'restart', `statefulset/${CONSUL_SERVER_SERVICE}`, ...inSystem]);
      await lab.cluster.kubectl([
        'rollout',
        'status',
        `statefulset/${CONSUL_SERVER_SERVICE}`,
        ...inSystem,
        '--timeout=240s',
      ]);
    });
    const now = await Promise.all([0, 1, 2].map(podUid));
    expect(now.filter((uid) => old.includes(uid))).to.deep.equal([]);
    expect(await asking(0, contentsOf)).to.deep.equal(before_);
  });

  it('find each other again when all three are taken away at once and come back under other addresses', async () => {
    // Nobody can decide until two are back, so that flips wait for it.
    await loseNothing(
      'all taken away at once',
      async () => {
        const pods = [0, 1, 2].map((ordinal) => `pod/${consulServer(ordinal)}`);
        await lab.cluster.kubectl(['delete', ...pods, ...inSystem, '--wait=true', '--timeout=60s']);
        await allVote();
      },
      60_000,
    );
  });

  it('go back to one that was started again, and flips wait only until it has started', async () => {
    // The time of a `kubectl rollout restart` is part of the template, and the new StatefulSet does not have it.
    await loseNothing('three to one, after a restart', backToOne, STARTED_AGAIN_MS);
    await nothingIsLeft();
  });
});

/** SIGKILL to its process: the pod stays, and its container is started again. */
async function kill(lab: RunningLab, ordinal: number): Promise<void> {
  const text = await lab.cluster.kubectl(['get', 'pod', consulServer(ordinal), ...inSystem, '-o', 'json']);
  const pod = JSON.parse(text) as {
    spec: { nodeName: string };
    status: { containerStatuses: { containerID: string }[] };
  };
  const id = pod.status.containerStatuses[0]!.containerID.replace('containerd://', '');
  const script = 'kill -9 "$(crictl inspect --output go-template --template "{{.info.pid}}" "$1")"';
  await lab.engine.docker(['exec', pod.spec.nodeName, 'sh', '-euc', script, 'kill', id]);
}
