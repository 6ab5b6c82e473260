import { expect } from 'chai';
import { type RunningLab, runningLab } from '../../lab/running.ts';
import { contentsOf, labServer } from '../support/rigs/lab-consul.ts';
import { type GuideShell, commandsOf, guide, guideShell, sectionOf } from '../support/rigs/guide.ts';

const KEY = 'landbridge/test-backup';

/** Runs the commands of docs/backup.md on the lab: a restore takes later writes back. */
describe('the guide to backup and restore', function () {
  this.timeout(300_000);
  let lab: RunningLab;
  let shell: GuideShell;
  let page: string;
  before(async () => {
    lab = await runningLab();
    page = await guide('backup.md');
    shell = await guideShell(lab);
  });
  after(() => shell?.remove());

  const commands = (heading: string): string[] => commandsOf(sectionOf(page, heading));
  const consul = async <T>(ask: (server: Awaited<ReturnType<typeof labServer>>) => Promise<T>): Promise<T> => {
    const server = await labServer(lab);
    try {
      return await ask(server);
    } finally {
      server.close();
    }
  };
  const write = (value: string): Promise<boolean> =>
    consul(async ({ consul: { kvGet, kvCas } }) => kvCas(KEY, value, (await kvGet(KEY))?.modifyIndex ?? 0));
  const held = async (): Promise<string | undefined> => (await consul(({ consul: { kvGet } }) => kvGet(KEY)))?.value;

  it('saves everything and puts it back', async () => {
    await write('before');
    const before_ = await consul(contentsOf);
    const [restore, check] = commands('Restore');
    const wait =
      'curl -s -o /dev/null --retry 20 --retry-connrefused --retry-delay 1 --cacert ca.crt --resolve server.dc1.consul:8501:127.0.0.1 https://server.dc1.consul:8501/v1/status/leader';
    await shell.sh([...commands('Back up'), 'kill %1'].join('\n'));
    await write('after');
    const forward = commands('Back up').find((line) => line.includes('port-forward'))!;
    await shell.sh([forward, wait, restore, 'kill %1'].join('\n'));
    expect(await held()).to.equal('before');
    expect(await consul(contentsOf)).to.deep.equal(before_);
    expect(await shell.sh(check!)).not.to.include('×');
    expect(await shell.sh('grep -c "^  kind: Secret" secrets.yaml || true')).not.to.equal('0');
  });

  it('saves a copy in the pod and puts it back', async () => {
    const [token] = commands('Back up').filter((line) => line.startsWith('TOKEN='));
    const [save, restore, peers] = commands('Before something risky');
    await write('before');
    expect(await shell.sh([token, save].join('\n'))).to.match(/Saved and verified snapshot/);
    await write('after');
    expect(await shell.sh([token, restore].join('\n'))).to.match(/Restored snapshot/);
    expect(await held()).to.equal('before');
    expect(await shell.sh([token, peers].join('\n'))).to.include('landbridge-consul-server-0');
  });
});
