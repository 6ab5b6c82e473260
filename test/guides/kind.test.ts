import { expect } from 'chai';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { imageTags } from '../../lab/images/build-images.ts';
import { kindConfig } from '../../lab/cluster/cluster.ts';
import { partWith } from '../../lab/parts/table.ts';
import { repositoryRoot } from '../../lab/paths.ts';
import { type RunningLab, runningLab } from '../../lab/running.ts';
import { renewDisk } from '../../lab/sample/install.ts';
import { LEDGER_PORT } from '../../lab/sample/on-vms.ts';
import { vmExec } from '../../lab/vm/exec.ts';
import { VERSION_OF_PRODUCT } from '../../mesh/installation/version.ts';
import { eventually } from '../support/eventually.ts';
import { type GuideShell, blocksOf, guide, guideShell } from '../support/rigs/guide.ts';

/** Images that the guide has pulled, by what the lab makes in their place: no registry of images is reached here. */
const PULLED: Record<string, string> = {
  'debian:bookworm-slim': 'landbridge/base:dev',
  'node:24-bookworm-slim': `landbridge/nodejs:${partWith('node').part.version}`,
  'envoyproxy/envoy:v1.40.0': imageTags.envoy,
  'hashicorp/consul:1.22.6': imageTags.consul,
};
const BY_NODES = ['envoyproxy/envoy:v1.40.0', 'hashicorp/consul:1.22.6'];

/** docs/kind.md from top to bottom, on the lab's own kind cluster. It takes the installation away. */
describe('the guide for a kind cluster of your own', function () {
  this.timeout(300_000);
  let lab: RunningLab;
  let shell: GuideShell;
  let blocks: string[];
  let at = 0;

  before(async () => {
    lab = await runningLab();
    blocks = blocksOf(await guide('kind.md'), 'sh');
    shell = await guideShell(lab, repositoryRoot);
    await lab.landbridge(['uninstall', '--yes'], { timeoutMs: 180_000 });
    for (const [name, ours] of Object.entries(PULLED)) await lab.engine.docker(['tag', ours, name]);
    await shell.sh(`kind load docker-image --name landbridge ${BY_NODES.join(' ')}`);
    await renewDisk(lab.engine, lab.cluster, 'standard');
    await lab.cluster.kubectl(['delete', 'namespace', 'shop', '--ignore-not-found', '--timeout=60s']);
    // As a machine that never was in a mesh.
    const forget = 'systemctl stop landbridge-agent; rm -rf /var/lib/landbridge /etc/landbridge';
    await vmExec(lab.vm('vm3'), ['sh', '-c', forget], { timeoutMs: 30_000 });
  });
  after(async () => {
    await shell?.remove();
    await rm(join(repositoryRoot, 'kind-values.yaml'), { force: true });
  });

  /** The next block of the guide, less the lines that were run before. Fails when they are not in it. */
  const next = (...done: string[]): Promise<string> => {
    const block = blocks[at++] ?? expect.fail('the guide has no more blocks');
    for (const line of done) expect(block).to.include(line);
    return shell.sh(done.reduce((text, line) => text.replace(line, ''), block));
  };
  const onMachine = (script: string) => vmExec(lab.vm('vm3'), ['sh', '-euc', script], { timeoutMs: 120_000 });

  it('begins with the configuration that the lab made its cluster with', async () => {
    expect(kindConfig).to.equal(join(repositoryRoot, 'kind-config.yaml'));
    await next('kind create cluster --config kind-config.yaml');
  });

  it('builds the images and loads them with one command', async () => {
    await next('npm ci && ');
    const images = await lab.engine.docker(['exec', 'landbridge-worker', 'crictl', 'images']);
    const words = images.split('\n').map((line) => line.split(/\s+/).slice(0, 2).join(':'));
    for (const name of ['landbridge', 'bridge'])
      expect(words).to.include(`docker.io/landbridge/${name}:${VERSION_OF_PRODUCT}`);
  });

  it('installs, and all is in order', async () => {
    expect(await next())
      .to.match(/Phase:\s+Succeeded/)
      .and.not.to.include('×');
  });

  it('brings a machine in, which reaches the bridge and Consul', async () => {
    await next();
    await onMachine(await next());
    const [line = ''] = (await next()).split('\n');
    expect((await onMachine(line)).stdout).to.include(`joined hello at rack-1 as hello-vm3-${LEDGER_PORT}`);
    const look = blocks[at++]!;
    await eventually('it is healthy', 20_000, async () => {
      const said = await shell.sh(look);
      return /hello-vm3-8090 .* passing/.test(said) && /hello .* 1\/1/.test(said);
    });
  });

  it('is gone again', async () => {
    await next('kind delete cluster --name landbridge');
    expect(blocks.length, 'all of it was run').to.equal(at);
    await lab.landbridge(['uninstall', '--yes'], { timeoutMs: 180_000 });
  });
});
