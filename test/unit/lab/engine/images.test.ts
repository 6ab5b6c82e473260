import { expect } from 'chai';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Engine } from '../../../../lab/engine/engine.ts';
import { buildImage } from '../../../../lab/images/build-image.ts';
import { digestOf, type Image } from '../../../../lab/images/image.ts';

/** What `docker build` and `docker images` agree on: labels by tag. */
function rememberingEngine(): {
  engine: Engine;
  builds: { args: readonly string[]; files: string[]; folder: string }[];
} {
  const labels = new Map<string, string>();
  const builds: { args: readonly string[]; files: string[]; folder: string }[] = [];
  const after = (args: readonly string[], flag: string): string => args[args.indexOf(flag) + 1] ?? '';
  const engine: Engine = {
    kind: 'private',
    env: {},
    netns: undefined,
    docker: async (args) => {
      if (args[0] === 'images') {
        const label = after(args, '--filter').slice('label='.length);
        return [...labels].flatMap(([tag, one]) => (one === label ? [tag] : [])).join('\n');
      }
      if (args[0] === 'build') {
        const folder = args.at(-1) ?? '';
        builds.push({ args, folder, files: (await readdir(folder, { recursive: true })).sort() });
        labels.set(after(args, '--tag'), after(args, '--label'));
      }
      return '';
    },
    run: () => Promise.reject(new Error('not needed')),
  };
  return { engine, builds };
}

describe('an image', () => {
  let folder: string;
  let image: Image;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'landbridge-test-'));
    await mkdir(join(folder, 'lib'));
    await writeFile(join(folder, 'program'), 'one');
    await writeFile(join(folder, 'lib/data'), 'two');
    const base: Image = { tag: 'base:dev', dockerfile: 'FROM scratch\n', context: {} };
    image = {
      tag: 'thing:dev',
      dockerfile: 'ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nCOPY . /\n',
      context: { 'bin/program': join(folder, 'program'), lib: join(folder, 'lib') },
      args: { BASE_IMAGE: 'base:dev' },
      on: [base],
    };
  });

  afterEach(() => rm(folder, { recursive: true }));

  it('is built once, from exactly its context, and the folder that was built from is gone', async () => {
    const { engine, builds } = rememberingEngine();
    expect(await buildImage(engine, image)).to.equal(true);
    expect(await buildImage(engine, image)).to.equal(false);
    expect(builds).to.have.length(1);
    expect(builds[0]?.files).to.deep.equal(['Dockerfile', 'bin', 'bin/program', 'lib', 'lib/data']);
    expect(builds[0]?.args).to.include.members(['--build-arg', 'BASE_IMAGE=base:dev']);
    expect(existsSync(builds[0]?.folder ?? '')).to.equal(false);
  });

  it('is built again when the bytes of a file change', async () => {
    const { engine, builds } = rememberingEngine();
    await buildImage(engine, image);
    await writeFile(join(folder, 'lib/data'), 'six');
    expect(await buildImage(engine, image)).to.equal(true);
    expect(builds).to.have.length(2);
  });

  it('leaves the files it is made from as they are', async () => {
    await buildImage(rememberingEngine().engine, image);
    expect(await readFile(join(folder, 'program'), 'utf8')).to.equal('one');
  });

  it('is another one when anything that decides its content is other', async () => {
    const others = [
      image,
      { ...image, dockerfile: `${image.dockerfile}USER 65532\n` },
      { ...image, args: { BASE_IMAGE: 'other:dev' } },
      { ...image, target: 'prebuilt' },
      { ...image, context: { program: join(folder, 'program'), lib: join(folder, 'lib') } },
      { ...image, on: [{ tag: 'base:dev', dockerfile: 'FROM scratch\nUSER 1\n', context: {} }] },
    ];
    const digests = await Promise.all(others.map((one) => digestOf(one)));
    await chmod(join(folder, 'program'), 0o755);
    digests.push(await digestOf(image));
    expect(new Set(digests)).to.have.length(7);
  });

  it('is the same one by another tag and with its context named in another order', async () => {
    const { lib, ...rest } = image.context;
    expect(await digestOf({ ...image, tag: 'other:dev', context: { lib: lib ?? '', ...rest } })).to.equal(
      await digestOf(image),
    );
  });
});
