import { expect } from 'chai';
import { repositoryRoot } from '../../lab/paths.ts';
import { type RunningLab, runningLab } from '../../lab/running.ts';
import { CONFIG_KINDS, EDGE_KINDS, GATEWAY_KINDS } from '../../mesh/catalog/entry.ts';
import { eventually } from '../support/eventually.ts';
import { SEEN, exampleFolders, scriptsOf } from '../support/rigs/examples.ts';
import { type GuideShell, guideShell } from '../support/rigs/guide.ts';
import { labServer } from '../support/rigs/lab-consul.ts';

/** The first call of a database behind the terminating gateway takes half a minute or so. */
const SEEN_MS = 90_000;
const CLEAN_MS = 60_000;

/** `npm run test:examples`, on the lab that is up: every command of each page as it is written, and the requests that the apps saw. */
describe('the examples on the lab', function () {
  this.timeout(300_000);
  let lab: RunningLab;
  let shell: GuideShell;
  before(async () => {
    lab = await runningLab();
    shell = await guideShell(lab, repositoryRoot);
  });
  after(() => shell?.remove());

  const run = (script: string): Promise<string> => shell.sh(script);
  /** Asks again and again, since the log of a caller grows line by line. */
  const shows = (what: string, script: string, patterns: RegExp[]): Promise<string> =>
    eventually(what, SEEN_MS, async () => {
      const said = await run(script);
      const absent = patterns.filter((pattern) => !pattern.test(said));
      if (absent.length > 0) throw new Error(`${absent.join(', ')} is not in: ${said.slice(-600)}`);
      return said;
    });

  for (const folder of exampleFolders) {
    describe(`examples/${folder}`, () => {
      let found: string[];
      let cleaned = false;
      const looks = scriptsOf(folder, 'Result');
      const [clean = ''] = scriptsOf(folder, 'Clean up');

      before(async () => {
        found = await held();
        await run(scriptsOf(folder, 'Apply').join('\n'));
      });
      // The rest of a failed step would be in the way of the next example.
      after(async () => {
        if (!cleaned) await run(clean.replaceAll('\n', ' || true\n')).catch(() => undefined);
      });

      it('shows what its page says', () => shows('it is shown', looks[0]!, SEEN[folder]!.shown));

      const { saw } = SEEN[folder]!;
      if (saw !== undefined)
        it('lets exactly the allowed requests through to the app', async () => {
          const log = await shows('the app saw them', saw.by, saw.requests);
          if (saw.none !== undefined) expect(log).not.to.match(saw.none);
        });

      if (folder === 'canary')
        it('sends all calls to the new version in one step', async () => {
          await run(looks[1]!);
          await shows('v2 has all', looks[0]!, [/^v1 0, v2 100$/m]);
        });

      if (folder === 'failover')
        it('goes to pods when the app of the machine stops, and back', async () => {
          await run(looks[1]!);
          await shows('pods serve', looks[0]!, [/^200 from the pod orders-/m]);
          const again = scriptsOf(folder, 'Apply')
            .join('\n')
            .split('\n')
            .find((line) => line.includes('systemd-run'));
          await run(again!);
          await shows('the machine serves', looks[0]!, [/^200 from the machine vm2$/m]);
        });

      it('leaves nothing after its page has cleaned up', async () => {
        await run(clean);
        cleaned = true;
        await eventually('nothing is left', CLEAN_MS, async () => {
          expect(await held()).to.deep.equal(found);
          return true;
        });
      });
    });
  }

  /** Everything that an example makes and has to take away, by name. */
  async function held(): Promise<string[]> {
    const server = await labServer(lab);
    try {
      const { consul } = server;
      const kinds = [...CONFIG_KINDS, ...EDGE_KINDS];
      const entries = await Promise.all(kinds.map((kind) => consul.listConfig(kind)));
      const linked = await Promise.all(GATEWAY_KINDS.map((kind) => consul.listConfig(kind)));
      const namespaces = await lab.cluster.kubectl(['get', 'namespaces', '-o', 'name']);
      const onMachines = await Promise.all(lab.vms.map(({ name }) => leftOn(name)));
      return [
        ...(await consul.services()),
        ...entries.flatMap((some) => some.map(({ entry }) => `${entry.Kind}/${entry.Name}`)),
        ...linked.flatMap((some) => some.map(({ entry }) => JSON.stringify(entry['Services']))),
        ...namespaces.split('\n'),
        ...onMachines,
        await run('ls /tmp/storefront.* 2>/dev/null || true'),
      ];
    } finally {
      server.close();
    }
  }

  const leftOn = (machine: string): Promise<string> =>
    run(
      `npm run --silent vm -- ${machine} sh -c 'systemctl list-units --all --plain --no-legend "example-*"; ls /usr/local/lib'`,
    );
});
