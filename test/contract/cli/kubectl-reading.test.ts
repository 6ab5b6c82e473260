import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { ensurePart } from '../../../lab/parts/ensure-part.ts';
import { silent } from '../../../lab/progress/progress.ts';

const ROWS = JSON.parse(
  readFileSync(new URL('../../unit/cli/manifest/read-by-kubectl.json', import.meta.url), 'utf8'),
) as { text: string; read?: string; refused?: true }[];

/** A single mapping in block style can be made an object of any kind, which kubectl reads and prints without a server. */
const isBlock = ({ text }: { text: string }): boolean =>
  /^["\w<]/.test(text) && /^[^\n{["]*:/.test(text) && !/^(---|%|\.\.\.)/m.test(text) && !text.includes('\r');

describe('the table of texts that kubectl reads', function () {
  this.timeout(120_000);
  let kubectl: string;
  before(async () => {
    kubectl = await ensurePart('kubectl', silent);
  });

  const read = (texts: string[]): Promise<string> =>
    new Promise((resolve) => {
      const head = 'apiVersion: x.example/v1\nkind: X\nmetadata: { name: a }\nspec:\n';
      const body = texts.map((text) => `${head}${text.trimEnd().replace(/^(?=.)/gm, '  ')}\n`).join('---\n');
      const args = ['annotate', '--local', '-f', '-', 'a=b', '-o', 'json'];
      const child = execFile(kubectl, args, { env: {} }, (error, stdout) =>
        resolve(error === null ? stdout : 'refused'),
      );
      child.stdin!.end(body);
    });

  it('agrees with kubectl itself', async () => {
    const rows = ROWS.filter((row) => row.refused !== true && isBlock(row));
    expect(rows.length).to.be.above(100);
    const printed = (await read(rows.map(({ text }) => text))).split(/^}\n(?=\{)/m);
    expect(printed).to.have.length(rows.length);
    rows.forEach((row, index) => {
      const { spec } = JSON.parse(printed[index]! + (index < rows.length - 1 ? '}' : '')) as { spec: unknown };
      expect([spec], row.text).to.deep.equal(JSON.parse(row.read!));
    });
  });

  it('refuses the same texts as kubectl', async () => {
    for (const row of ROWS.filter((one) => one.refused === true && isBlock(one)))
      expect(await read([row.text]), row.text).to.equal('refused');
  });
});
