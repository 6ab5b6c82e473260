import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { billOfMaterials } from '../../../build/bill-of-materials.ts';
import { billPath, buildBundle } from '../../../build/build.ts';

interface Bill {
  components: { name: string; version: string; purl: string; hashes?: object[]; licenses?: object[] }[];
}

describe('the bill of materials', () => {
  const lock = {
    version: '1.2.3',
    packages: {
      'node_modules/a': { version: '1.0.0', license: 'MIT', integrity: 'sha512-AAEC' },
      'node_modules/a/node_modules/@s/b': { version: '2.0.0' },
      'node_modules/@s/b': { name: '@t/b', version: '3.0.0' },
      'node_modules/unused': { version: '9.9.9' },
    },
  };
  const files = ['cli/main.ts', 'node_modules/a/x.js', 'node_modules/a/y.js', 'node_modules/@s/b/i.js'];

  it('names each package of the bundle once, in the version that the lock file has at that very place', () => {
    const bill = JSON.parse(billOfMaterials([...files, 'node_modules/a/node_modules/@s/b/i.js'], lock)) as Bill;
    expect(bill.components.map(({ purl }) => purl)).to.deep.equal([
      'pkg:npm/%40t/b@3.0.0',
      'pkg:npm/a@1.0.0',
      'pkg:npm/%40s/b@2.0.0',
    ]);
    expect(bill.components[1]).to.deep.include({
      licenses: [{ expression: 'MIT' }],
      hashes: [{ alg: 'SHA-512', content: '000102' }],
    });
  });

  it('refuses a package that the lock file does not know', () => {
    expect(() => billOfMaterials(['node_modules/c/i.js'], lock)).to.throw('package-lock.json has no node_modules/c');
  });

  it('of the product names what it imports, not what only tests use, and is the same for the same sources', async function () {
    this.timeout(60_000);
    const bundle = await buildBundle();
    const first = [readFileSync(billPath, 'utf8'), readFileSync(bundle, 'utf8')];
    const names = (JSON.parse(first[0]!) as Bill).components.map(({ name }) => name);
    expect(names).to.include.members(['@kubernetes/client-node', 'js-yaml', 'zod', 'pino', 'commander']);
    expect(names.filter((name) => /^(mocha|chai|eslint|typescript|esbuild)$/.test(name))).to.deep.equal([]);
    await buildBundle();
    expect([readFileSync(billPath, 'utf8'), readFileSync(bundle, 'utf8')]).to.deep.equal(first);
  });
});
