import { copyFile, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildChart } from '../build/chart.ts';
import { billPath, buildBundle } from '../build/build.ts';
import { COMPLETIONS } from '../cli/commands/completion.ts';
import { grammarOf } from '../cli/completion/grammar.ts';
import { landbridgeProgram } from '../cli/program.ts';
import { installTools } from '../lab/host/debian-packages.ts';
import { output } from '../lab/host/exec.ts';
import { ensurePart } from '../lab/parts/ensure-part.ts';
import { repositoryRoot } from '../lab/paths.ts';
import { terminalProgress } from '../lab/progress/progress-terminal.ts';
import type { Progress } from '../lab/progress/progress.ts';
import { VERSION_OF_PRODUCT } from '../mesh/installation/version.ts';
import { writeChecksums } from './files/checksums.ts';
import { writeSingleFile } from './files/single-file.ts';
import { putChart } from './images/chart.ts';
import { putImages } from './images/images.ts';
import { beginLayout, endLayout } from './images/layout.ts';
import { LAYOUT } from './layout-folder.ts';
import { manPage } from './man-page.ts';
import { writeDeb } from './packages/deb.ts';
import type { PackageWanted } from './packages/root.ts';
import { writeRpm } from './packages/rpm.ts';
import { LINUX, OTHERS } from './systems.ts';

/** Makes every artefact of this checkout, in the version of its package.json, in the folder `out`, which is emptied first. */
export async function makeArtefacts(out: string, progress: Progress): Promise<void> {
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  await installTools(
    [
      { command: 'rpmbuild', package: 'rpm' },
      { command: 'mmdebstrap', package: 'mmdebstrap' },
    ],
    progress,
  );
  const version = VERSION_OF_PRODUCT;
  const commit = await output('git', ['log', '-1', '--format=%H %ct'], { cwd: repositoryRoot });
  const [revision, seconds] = commit.split(' ') as [string, string];
  const created = new Date(Number(seconds) * 1000).toISOString();
  const bundle = await buildBundle();
  const chart = await buildChart(join(out, 'chart'), version);
  await copyFile(chart.archive, join(out, `landbridge-${version}.tgz`));

  const texts = await writeTexts(out, version, created.slice(0, 10));
  const task = progress.begin('images');
  const layout = await beginLayout(join(out, LAYOUT));
  const bills = await putImages(layout, { version, revision, created, bundle, bill: billPath }, progress);
  await putChart(layout, { ...chart, created });
  await endLayout(layout);
  await rm(join(out, 'chart'), { recursive: true });
  for (const [name, bill] of Object.entries(bills)) await writeFile(join(out, name), bill);
  await copyFile(billPath, join(out, `landbridge-${version}.cdx.json`));
  task.done();

  for (const system of [...LINUX, ...OTHERS]) {
    const each = progress.begin(`landbridge for ${system.name}`);
    await writeSingleFile(join(out, `landbridge-${version}-${system.name}`), {
      ...{ version, system: system.name, bundle },
      node: await ensurePart(system.node.part, progress),
      nodeLicence: await ensurePart(system.node.licence, progress),
    });
    each.done();
  }
  for (const system of LINUX) {
    const each = progress.begin(`packages for ${system.name}`);
    const wanted: PackageWanted = {
      ...{ version, epoch: Number(seconds), bundle, bill: billPath, ...texts },
      node: await ensurePart(system.node.part, progress),
      nodeLicence: await ensurePart(system.node.licence, progress),
      envoy: await ensurePart(system.envoyPart, progress),
      licence: join(repositoryRoot, 'LICENSE'),
    };
    await writeDeb(out, system.deb, wanted);
    await writeRpm(out, system.rpm, wanted);
    each.done();
  }
  await writeChecksums(out);
}

/** The completion scripts, the man page, and the generated files of the repository. */
async function writeTexts(
  out: string,
  version: string,
  day: string,
): Promise<Pick<PackageWanted, 'completions' | 'manPage' | 'schemas'>> {
  const program = landbridgeProgram();
  const nodes = grammarOf(program);
  const completions = Object.fromEntries(Object.entries(COMPLETIONS).map(([shell, make]) => [shell, make(nodes)]));
  for (const [shell, script] of Object.entries(completions)) await writeFile(join(out, `landbridge.${shell}`), script);
  const page = manPage(program, version, day);
  await writeFile(join(out, 'landbridge.1'), page);
  await copyFile(join(repositoryRoot, 'docs/bridge-api.json'), join(out, 'bridge-api.json'));
  await copyFile(join(repositoryRoot, 'crds/landbridge.dev_meshservices.yaml'), join(out, 'crds.yaml'));
  const folder = join(repositoryRoot, 'docs/schemas');
  const schemas = (await readdir(folder)).map((name) => join(folder, name));
  for (const schema of schemas)
    await copyFile(schema, join(out, `${schema.split('/').at(-1)!.replace('.json', '')}.schema.json`));
  return { completions, manPage: page, schemas };
}

if (process.argv[1] === import.meta.filename) await makeArtefacts(process.argv[2]!, terminalProgress());
