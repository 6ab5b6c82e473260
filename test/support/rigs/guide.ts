import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundlePath } from '../../../build/build.ts';
import { output } from '../../../lab/host/exec.ts';
import { ensurePart } from '../../../lab/parts/ensure-part.ts';
import { repositoryRoot } from '../../../lab/paths.ts';
import { silent } from '../../../lab/progress/progress.ts';
import type { RunningLab } from '../../../lab/running.ts';

/** A page of docs/. */
export const guide = (page: string): Promise<string> => readFile(join(repositoryRoot, 'docs', page), 'utf8');

/** The text below a heading, up to the next one of its rank. Throws without such a heading. */
export function sectionOf(text: string, heading: string): string {
  const [, section] = text.split(`\n## ${heading}\n`);
  if (section === undefined) throw new Error(`the page has no heading "${heading}"`);
  return section.split('\n## ')[0]!;
}

/** The blocks that are fenced as `language`, in order. */
export const blocksOf = (text: string, language: string): string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))].map(([, block]) => block!);

/** Lines that are code by their indentation, less comments. */
export const commandsOf = (text: string): string[] =>
  [...text.replaceAll(/^```[^]*?^```/gm, '').matchAll(/^ {4}(\S.*)$/gm)].map(([, line]) =>
    line!.replace(/\s+#.*$/, ''),
  );

export interface GuideShell {
  /** Where commands run: a folder of its own unless another was given. */
  folder: string;
  /** Runs a script as a person would who pastes it; gives what it said. Rejects as soon as a command of it fails. */
  sh(script: string): Promise<string>;
  remove(): Promise<void>;
}

/** A shell of somebody with docker, kind, kubectl, helm and landbridge, for whom the lab's cluster is the one at hand. */
export async function guideShell(lab: RunningLab, folder?: string): Promise<GuideShell> {
  const bin = await mkdtemp(join(tmpdir(), 'landbridge-guide-'));
  const program = async (name: string, ...command: string[]): Promise<void> => {
    await writeFile(join(bin, name), `#!/bin/sh\nexec ${command.join(' ')} "$@"\n`);
    await chmod(join(bin, name), 0o755);
  };
  const within = lab.engine.netns === undefined ? [] : ['nsenter', `--net=${lab.engine.netns}`];
  await program('docker', ...within, await output('which', ['docker']));
  await program('kind', ...within, await ensurePart('kind', silent));
  for (const name of ['kubectl', 'helm']) await program(name, await ensurePart(name, silent));
  await program('landbridge', process.execPath, bundlePath);
  const PATH = `${bin}:${process.env['PATH']}`;
  const env = { ...lab.engine.env, PATH, KUBECONFIG: lab.cluster.kubeconfig };
  const cwd = folder ?? bin;
  return {
    folder: cwd,
    sh: (script) => output('bash', ['-euo', 'pipefail', '-c', script], { cwd, env, timeoutMs: 240_000 }),
    remove: () => rm(bin, { recursive: true, force: true }),
  };
}
