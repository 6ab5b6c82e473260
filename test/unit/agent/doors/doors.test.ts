import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';
import pino from 'pino';

import {
  type AskedDoors,
  type DoorsState,
  askedFile,
  readAsked,
  stateFile,
} from '../../../../agent/doors/door-files.ts';
import { Doors } from '../../../../agent/doors/doors.ts';
import type { Door } from '../../../../agent/doors/try-door.ts';
import type { PlannedDoors } from '../../../../mesh/doors/machine-doors.ts';
import { type FakeClock, fakeClock } from '../fake-clock.ts';

const PORT = 1;
const instance = { id: 'a-1', service: 'a', appPort: PORT, condition: () => ({ app: { state: 'critical' } }) };
const strict: PlannedDoors = { mode: 'Strict', plaintextPorts: [] };

describe('the doors of the agent', () => {
  let folder: string;
  let settings: { runtimeDir: string; doorsDir: string };
  let clock: FakeClock;
  let doors: Doors;
  let door: Door;
  let settled: number;

  /** Ends when the look that is under way has set the time of the next one. */
  const looked = async (): Promise<void> => {
    while (clock.pending() === 0) await new Promise(setImmediate);
  };
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 100) {
      await clock.advance(Math.min(left, 100));
      await looked();
    }
  };
  const want = async (said: PlannedDoors | undefined, instances = [instance]): Promise<void> => {
    doors.want(() => instances, said === undefined ? [{ service: 'a' }] : [{ service: 'a', doors: said }]);
    await looked();
  };
  const asked = (): Promise<AskedDoors | undefined> => readAsked(settings);
  const rootSays = (state: DoorsState): Promise<void> => writeFile(stateFile(settings), JSON.stringify(state));
  const note = (): string | undefined => doors.status(instance)?.note;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'landbridge-doors-'));
    settings = { runtimeDir: join(folder, 'run'), doorsDir: join(folder, 'doors') };
    await mkdir(settings.runtimeDir);
    await mkdir(settings.doorsDir);
    clock = fakeClock();
    [door, settled] = ['open', 0];
    doors = new Doors({
      settings,
      clock,
      log: pino({ level: 'silent' }),
      settled: () => (settled += 1),
      tryDoor: async () => door,
      readSockets: async () => [],
    });
  });
  afterEach(async () => {
    await doors.stop();
    await rm(folder, { recursive: true });
  });

  it('ask root for nothing on a machine where no port was ever to be closed', async () => {
    await want({ mode: 'Permissive', plaintextPorts: [] });
    await pass(10_000);
    expect(await asked()).to.equal(undefined);
  });

  it('hold an instance back until the rules are seen to be in force', async () => {
    await want(strict);
    expect(await asked()).to.deep.equal({ close: [PORT], open: [], ask: 1 });
    await rootSays({ closed: [PORT], refused: [] });
    await pass(500);
    // The word of root is not enough: the rules are tried.
    expect([doors.waits(PORT), settled]).to.deep.equal([true, 0]);
    door = 'closed';
    await pass(100);
    expect([doors.waits(PORT), settled, doors.status(instance)?.closed]).to.deep.equal([false, 1, true]);
  });

  it('ask again after a second, and let the instance go on after ten, saying that nobody sets rules', async () => {
    await want(strict);
    await pass(1000);
    expect((await asked())?.ask).to.equal(2);
    await pass(8900);
    expect(doors.waits(PORT)).to.equal(true);
    await pass(200);
    expect([doors.waits(PORT), settled]).to.deep.equal([false, 1]);
    await pass(5000);
    expect(note()).to.match(/^port 1 is not closed: nobody on this machine sets the rules: as root, run the line/);
  });

  it('let the instance go on when root says that it cannot, in the words of root, and ask it seldom then', async () => {
    await want(strict);
    await rootSays({ closed: [], refused: [], problem: 'nft is not on this machine' });
    await pass(1200);
    expect(doors.waits(PORT)).to.equal(false);
    expect(note()).to.equal('port 1 is not closed: nft is not on this machine');
    const before = (await asked())!.ask;
    await pass(50_000);
    expect((await asked())!.ask).to.equal(before);
    await pass(15_000);
    expect((await asked())!.ask).to.equal(before + 1);
  });

  it('let the instance go on at once when root never closes its port', async () => {
    await want(strict);
    await rootSays({ closed: [], refused: [{ port: PORT, why: 'port 1 is never closed' }] });
    await pass(200);
    expect([doors.waits(PORT), note()]).to.deep.equal([false, 'port 1 is not closed: port 1 is never closed']);
  });

  it('see within a look that the rules were taken away, say so, and have them set again without holding anybody back', async () => {
    await want(strict);
    await rootSays({ closed: [PORT], refused: [] });
    door = 'closed';
    await pass(200);
    const before = (await asked())!.ask;
    door = 'open';
    await pass(5100);
    expect(note()).to.match(/^port 1 is not closed: somebody has taken the rules away/);
    expect([doors.waits(PORT), (await asked())!.ask]).to.deep.equal([false, before + 1]);
    door = 'closed';
    await pass(5100);
    expect(note()).to.equal(undefined);
  });

  it('believe root where the machine swallows trials', async () => {
    await want(strict);
    await rootSays({ closed: [PORT], refused: [] });
    door = 'unknown';
    await pass(200);
    expect([doors.waits(PORT), note()]).to.deep.equal([false, undefined]);
  });

  it('open nothing while nobody says what the MeshService wants', async () => {
    await rootSays({ closed: [PORT], refused: [] });
    door = 'closed';
    await want(undefined);
    await pass(6000);
    expect(JSON.parse(await readFile(askedFile(settings), 'utf8'))).to.deep.include({ close: [], open: [] });
    expect(doors.status(instance)?.closed).to.equal(true);
    await want({ mode: 'Permissive', plaintextPorts: [] });
    expect(await asked()).to.deep.include({ close: [], open: [PORT] });
  });
});
