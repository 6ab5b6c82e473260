import { execFileSync } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { askedFile, readDoorsState, writeAsked } from '../../../../agent/doors/door-files.ts';
import { type Settings, readSettings } from '../../../../agent/machine/settings.ts';
import { closeDoors } from '../../../../cli/vm/close-doors.ts';
import { doorUnits } from '../../../../cli/vm/door-units.ts';
import { joinedPorts, loginPorts, portsOfSshd } from '../../../../cli/vm/joined-ports.ts';

/** Root's part without nft, which an empty PATH would still find: no port is ever closed here. */
describe('the part of root in closing ports', () => {
  let folder: string;
  let settings: Settings;
  const definition = (text: string, file = 'a.yaml'): Promise<void> =>
    writeFile(join(folder, 'etc/services.d', file), text, { mode: 0o644 });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'landbridge-doors-'));
    settings = readSettings({
      LANDBRIDGE_CONFIG_DIR: join(folder, 'etc'),
      LANDBRIDGE_RUNTIME_DIR: join(folder, 'run'),
      LANDBRIDGE_DOORS_DIR: join(folder, 'doors'),
    });
    await mkdir(join(folder, 'etc/services.d'), { recursive: true, mode: 0o755 });
    await mkdir(settings.runtimeDir);
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('closes no port that root did not let join, says why, and starts no nft for it', async () => {
    await definition('service: a\ninstances: [{ port: 22 }]\n');
    await writeAsked(settings, { close: [22, 5432], open: [], ask: 1 });
    const state = await closeDoors(settings);
    expect(state.closed).to.deep.equal([]);
    expect(state.refused.map(({ port }) => port)).to.deep.equal([22, 5432]);
    expect(await readDoorsState(settings)).to.deep.equal(state);
  });

  it('leaves a machine alone where nobody asks for anything', async () => {
    await definition('service: a\ninstances: [{ port: 8080 }]\n');
    await closeDoors(settings);
    expect(await readDoorsState(settings)).to.equal(undefined);
  });

  for (const [what, put] of [
    ['a link to a file of root', (path: string) => symlink('/etc/shadow', path)],
    ['a pipe that nobody writes to', async (path: string) => void execFileSync('mkfifo', [path])],
    ['a file of a megabyte', (path: string) => writeFile(path, Buffer.alloc(1024 * 1024, '1'))],
    ['a folder', (path: string) => mkdir(path)],
  ] as const)
    it(`is not led astray by ${what} in the place of the wish`, async () => {
      await definition('service: a\ninstances: [{ port: 8080 }]\n');
      await put(askedFile(settings));
      const state = await closeDoors(settings);
      expect(state.closed).to.deep.equal([]);
      expect(state.problem).to.match(/^what the agent asks cannot be read/);
      expect(JSON.stringify(state)).not.to.include('root:');
    });

  for (const text of [
    '{"close":[8080,"22; flush ruleset"],"open":[],"ask":1}',
    '{"close":[0],"open":[],"ask":1}',
    '{"close":[8080],"open":[],"ask":1,"table":"filter"}',
    `{"close":[${Array.from({ length: 300 }, (_, i) => i + 1).join()}],"open":[],"ask":1}`,
    'no JSON',
  ])
    it(`takes ${text.slice(0, 40)} for no wish`, async () => {
      await definition('service: a\ninstances: [{ port: 8080 }]\n');
      await writeFile(askedFile(settings), text);
      expect((await closeDoors(settings)).closed).to.deep.equal([]);
    });

  it('believes services.d only as far as nobody but root can write there', async function () {
    await definition('service: a\ninstances: [{ port: 8080 }]\n');
    expect([...(await joinedPorts(settings)).ports]).to.deep.equal([8080]);
    await definition('service: b\ninstances: [{ port: 8081 }]\n', 'b.yaml');
    await chmod(join(folder, 'etc/services.d/b.yaml'), 0o666);
    const { ports, problems } = await joinedPorts(settings);
    expect([...ports]).to.deep.equal([8080]);
    expect(problems[0]).to.match(/b\.yaml can be written by others than root, so no port is closed by it/);
    await chmod(join(folder, 'etc/services.d'), 0o777);
    expect([...(await joinedPorts(settings)).ports]).to.deep.equal([]);
    if (process.geteuid?.() !== 0) return this.skip();
    await chmod(join(folder, 'etc/services.d'), 0o755);
    await chown(join(folder, 'etc'), 65_534, 65_534);
    expect([...(await joinedPorts(settings)).ports]).to.deep.equal([]);
  });
});

describe('the ports on which people log in', () => {
  it('are 22 and those of the settings of sshd', async () => {
    const text =
      'Port 2222\n#Port 1\n  port=2200\nListenAddress 10.0.0.1:2022\nListenAddress [::]:2023\nListenAddress ::\nPort nine\n';
    expect(portsOfSshd(text)).to.deep.equal([2222, 2200, 2022, 2023]);
    expect([...(await loginPorts('/nowhere/sshd_config'))]).to.deep.equal([22]);
  });
});

describe('the units that close ports', () => {
  const units = doorUnits(
    ['/usr/local/lib/landbridge/node', '/usr/local/lib/landbridge/landbridge.mjs'],
    readSettings({}),
  );

  it('start for every wish of the agent, and put the rules back before the network is up and after a firewall', () => {
    expect(units['landbridge-doors.path']).to.include('PathChanged=/run/landbridge/doors.json\n');
    expect(units['landbridge-doors.service']).to.include('StartLimitIntervalSec=0\n');
    expect(units['landbridge-doors-boot.service']).to.match(
      /Before=network-pre\.target[^]*nft -f \/var\/lib\/landbridge-doors\/table\.nft'[^]*WantedBy=multi-user\.target nftables\.service/,
    );
  });

  it('write in no folder of the agent, and have no more of root than the right to set rules and to read', () => {
    const service = units['landbridge-doors.service']!;
    expect(service).to.include('CapabilityBoundingSet=CAP_NET_ADMIN CAP_DAC_READ_SEARCH\n');
    expect(service).to.include('ProtectSystem=strict\n');
    expect(service).not.to.include('ReadWritePaths');
  });
});
