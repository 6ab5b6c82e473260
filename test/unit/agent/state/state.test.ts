import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { atomicWrite } from '../../../../agent/machine/atomic-write.ts';
import { Problem } from '../../../../base/problem.ts';
import { type HostState, openState } from '../../../../agent/state/state.ts';

const HOST: HostState = {
  host: 'vm1',
  site: 'rack-1',
  bridges: ['10.0.0.1:30443'],
  leaseMs: 6000,
  consul: { grpc: ['10.0.0.1:30503'], serverName: 'server.dc1.consul', datacenter: 'dc1', caPem: 'pem' },
  address: '10.0.0.9',
  addressMode: 'follow',
};

describe('the state of a machine', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'landbridge-state-'))));
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('reads back what was written, and knows nothing of a machine that has not joined', async () => {
    const state = openState(folder);
    expect(await state.readHost()).to.equal(undefined);
    expect(await state.readIdentity()).to.equal(undefined);
    await state.writeHost(HOST);
    await state.writePorts({ 'add-svc-vm1-7001': 21000 });
    expect(await openState(folder).readHost()).to.deep.equal(HOST);
    expect(await openState(folder).readPorts()).to.deep.equal({ 'add-svc-vm1-7001': 21000 });
  });

  it('names the files that cannot be written, and writes the newest content of each once it can', async () => {
    const state = openState(folder);
    await rm(folder, { recursive: true });
    const failed = async (write: Promise<void>): Promise<void> => {
      expect(await write.catch(({ code }: NodeJS.ErrnoException) => code)).to.equal('ENOENT');
    };
    await failed(state.writePorts({ 'add-svc-vm1-7001': 21000 }));
    await failed(state.writePorts({ 'add-svc-vm1-7001': 21001 }));
    await failed(state.writeIdentity({ certificate: 'CERT', bridgeCa: 'CA' }));
    await state.retry();
    expect(state.problem()).to.match(/cannot be written \(ENOENT\).*waiting: ports\.json, bridge-ca\.crt, host\.crt$/);
    await mkdir(folder);
    await state.retry();
    expect(state.problem()).to.equal(undefined);
    expect(await state.readPorts()).to.deep.equal({ 'add-svc-vm1-7001': 21001 });
    expect(await readFile(join(folder, 'host.crt'), 'utf8')).to.equal('CERT');
  });

  it('has no identity until key, certificate and authority are all there', async () => {
    const state = openState(folder);
    await state.writeIdentity({ key: 'KEY' });
    expect(await state.readIdentity()).to.equal(undefined);
    await state.writeIdentity({ certificate: 'CERT', bridgeCa: 'CA' });
    expect(await state.readIdentity()).to.deep.equal({ key: 'KEY', certificate: 'CERT', bridgeCa: 'CA' });
  });

  it('lets only the owner read keys and tokens under any umask', async () => {
    const before = process.umask(0);
    try {
      const state = openState(folder);
      await state.writeIdentity({ key: 'KEY' });
      await state.writeTokens({ 'add-svc': { token: 't', obtainedAt: 'x', expiresAt: 'y' } });
      for (const file of ['host.key', 'tokens.json']) {
        expect((await stat(join(folder, file))).mode & 0o777, file).to.equal(0o600);
      }
    } finally {
      process.umask(before);
    }
  });

  const broken: [string, string, () => Promise<unknown>, RegExp][] = [
    [
      'host.json',
      '{"host": "vm1", "si',
      () => openState(folder).readHost(),
      /host\.json is damaged \(not JSON\): .*vm join/,
    ],
    ['host.json', '', () => openState(folder).readHost(), /host\.json is damaged \(not JSON\)/],
    ['host.json', JSON.stringify({ ...HOST, bridges: [] }), () => openState(folder).readHost(), /damaged \(bridges: /],
    ['ports.json', '{"a": 99999}', () => openState(folder).readPorts(), /ports\.json is damaged \(a: .*makes it anew/],
    ['tokens.json', '[]', () => openState(folder).readTokens(), /tokens\.json is damaged \(top level: /],
    ['known.json', '{}', () => openState(folder).readKnown(), /known\.json is damaged \(leaseMs: /],
  ];
  for (const [file, content, read, sentence] of broken) {
    it(`says in a sentence what is wrong with ${file} when it holds ${content.slice(0, 20) || 'nothing'}`, async () => {
      await writeFile(join(folder, file), content);
      const error = await read().then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).to.be.instanceOf(Problem);
      expect((error as Problem).message).to.match(sentence);
    });
  }

  it('forgets everything of its own when it is cleared, also what an interrupted write left, and nothing else', async () => {
    const state = openState(folder);
    await state.writeHost(HOST);
    await state.writeIdentity({ key: 'KEY', certificate: 'CERT', bridgeCa: 'CA' });
    await writeFile(join(folder, 'host.json.123-1.tmp'), '{');
    await writeFile(join(folder, 'of-somebody-else'), '');
    await state.clear();
    expect(await readdir(folder)).to.deep.equal(['of-somebody-else']);
  });
});

describe('an atomic write', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'landbridge-write-'))));
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('never shows a reader a part: the file is always one of the versions', async () => {
    const path = join(folder, 'file');
    const version = (n: number): string => `${n}`.repeat(200_000);
    await atomicWrite(path, version(0), { mode: 0o600 });
    let writing = true;
    const writer = (async () => {
      for (let n = 1; n <= 9; n += 1) await atomicWrite(path, version(n), { mode: 0o600 });
      writing = false;
    })();
    let reads = 0;
    while (writing) {
      const text = await readFile(path, 'utf8');
      expect(text.length).to.equal(200_000);
      expect(new Set(text).size).to.equal(1);
      reads += 1;
    }
    await writer;
    expect(reads).to.be.greaterThan(3);
  });

  it('leaves the old content and nothing beside it when it fails', async () => {
    const path = join(folder, 'file');
    await mkdir(join(path, 'in-the-way'), { recursive: true });
    // A file cannot replace a folder: the rename fails, after all of the content was written.
    const failed = await atomicWrite(path, 'new', { mode: 0o600 }).then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error.code,
    );
    expect(failed).to.equal('EISDIR');
    expect(await readdir(folder)).to.deep.equal(['file']);
    expect(await readdir(path)).to.deep.equal(['in-the-way']);
  });

  it('lets two writers of one file end with one whole version', async () => {
    const path = join(folder, 'file');
    await Promise.all(['a', 'b', 'c'].map((letter) => atomicWrite(path, letter.repeat(1000), { mode: 0o600 })));
    expect(await readFile(path, 'utf8')).to.match(/^(a{1000}|b{1000}|c{1000})$/);
    expect(await readdir(folder)).to.deep.equal(['file']);
  });
});
