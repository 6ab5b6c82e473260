import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const root = fileURLToPath(new URL('../..', import.meta.url));
const FILES = ['Dockerfile', 'services/go.Dockerfile', 'services/java.Dockerfile', 'services/node.Dockerfile'];

interface Stage {
  from: string;
  name: string | undefined;
  lines: string[];
}

function stagesOf(text: string): Stage[] {
  const stages: Stage[] = [];
  for (const line of text.split('\n').filter((one) => one !== '' && !one.startsWith('#'))) {
    const head = /^FROM (\S+)(?: AS (\S+))?$/.exec(line);
    if (head) stages.push({ from: head[1]!, name: head[2], lines: [] });
    else stages.at(-1)?.lines.push(line);
  }
  return stages;
}

for (const file of FILES) {
  describe(file, () => {
    const text = readFileSync(`${root}${file}`, 'utf8');
    const stages = stagesOf(text);
    const named = (name: string) => stages.findIndex((stage) => stage.name === name);

    it('stands on a base that can be chosen, and names every other image by an argument with a version', () => {
      expect(text).to.match(/^ARG BASE_IMAGE=\S+:\S+$/m);
      for (const { from } of stages.filter((stage) => named(stage.from) === -1)) {
        const argument = /^\$\{([A-Z_]+)\}$/.exec(from)?.[1];
        expect(argument, from).not.to.equal(undefined);
        const preset = new RegExp(`^ARG ${argument}=(\\S+)$`, 'm').exec(text)?.[1];
        expect(preset, argument).to.match(/:(?!latest$).+/);
      }
    });

    it('gives the built and the prebuilt image the same user and entry point, and that user is not root', () => {
      const runtime = stages[named('runtime')]!;
      expect(runtime.lines).to.include('USER 65532:65532');
      expect(runtime.lines.join('\n')).to.match(/^ENTRYPOINT \["\//m);
      for (const stage of [stages.at(-1)!, stages[named('prebuilt')]!]) {
        expect(stage.from).to.equal('runtime');
        expect(stage.lines.filter((line) => !/^(ARG|COPY) /.test(line))).to.deep.equal([]);
      }
    });

    it('has its prebuilt stage before the building stages, since the classic builder makes all stages before one', () => {
      const before = stages.slice(0, named('prebuilt'));
      expect(before.flatMap(({ lines }) => lines.filter((line) => line.startsWith('RUN ')))).to.deep.equal([]);
    });
  });
}
