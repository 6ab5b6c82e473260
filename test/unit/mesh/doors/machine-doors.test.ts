import { expect } from 'chai';
import fc from 'fast-check';

import { closablePorts } from '../../../../mesh/doors/closable-ports.ts';
import { type PlannedDoors, doorNote, wantedDoors } from '../../../../mesh/doors/machine-doors.ts';
import { NO_TABLE, closingTable } from '../../../../mesh/doors/nft-table.ts';

const strict: PlannedDoors = { mode: 'Strict', plaintextPorts: [] };
const permissive: PlannedDoors = { mode: 'Permissive', plaintextPorts: [] };
const at = (service: string, appPort: number) => ({ id: `${service}-${appPort}`, service, appPort });

describe('the doors that a machine wants', () => {
  const shared = new Map<number, string>();

  it('are closed for app ports of Strict services, without their plaintextPorts', () => {
    const plans = [
      { service: 'a', doors: { mode: 'Strict' as const, plaintextPorts: [9090] } },
      { service: 'b', doors: permissive },
    ];
    const instances = [at('a', 8081), at('a', 8080), at('a', 9090), at('b', 7000)];
    expect(wantedDoors(instances, plans)).to.deep.equal({ close: [8080, 8081], open: [7000, 9090], shared });
  });

  it('are not spoken of where nobody says what they are, and for members without a port', () => {
    const plans = [{ service: 'a' }, { service: 'c', doors: strict }];
    expect(wantedDoors([at('a', 8080), at('b', 8081), at('c', 0)], plans)).to.deep.equal({
      close: [],
      open: [],
      shared,
    });
  });

  it('are open for a port that two services have when one of them is Permissive, and a sentence says so', () => {
    const plans = [
      { service: 'a', doors: strict },
      { service: 'b', doors: permissive },
    ];
    const wanted = wantedDoors([at('a', 8080), at('b', 8080)], plans);
    expect({ close: wanted.close, open: wanted.open }).to.deep.equal({ close: [], open: [8080] });
    expect(wanted.shared.get(8080)).to.match(/^port 8080 stays open, because b has it too/);
  });
});

describe('the ports that root closes', () => {
  const input = { joined: new Set([8080, 22, 2222, 21_007, 8653]), logins: new Set([22, 2222]), own: new Set([8653]) };

  it('are app ports that root let join, and never a port for logins, for sidecars or of the agent itself', () => {
    const { closed, refused } = closablePorts({ ...input, asked: [2222, 22, 8080, 8080, 21_007, 8653, 5432] });
    expect(closed).to.deep.equal([8080]);
    expect(refused.map(({ port }) => port)).to.deep.equal([22, 2222, 5432, 8653, 21_007]);
    expect(refused[0]!.why).to.match(
      /^port 22 is never closed, because people log in to this machine there: let the app/,
    );
    expect(refused[2]!.why).to.match(/^port 5432 is no app port of an instance in services.d, so it is not closed/);
  });

  it('are within the allowance of root for any wish of the agent', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 65_535 })), (asked) => {
        const { closed, refused } = closablePorts({ ...input, asked: [...asked, 22, 8080] });
        expect(closed).to.deep.equal([8080]);
        expect(closed.length + refused.length).to.equal(new Set([...asked, 22, 8080]).size);
      }),
    );
  });
});

describe('the table of nftables', () => {
  it('begins by taking its own table away, names no other, and holds the ports alone', () => {
    const table = closingTable([8080, 9090], 'reset');
    expect(table).to.include(NO_TABLE);
    expect(table.match(/table \S+ \S+/g)).to.have.members(Array<string>(3).fill('table inet landbridge'));
    expect(table).to.include('elements = { 8080, 9090 }');
    expect(table).not.to.match(/flush|policy drop/);
  });

  it('drops before routing where the kernel cannot reset there, and resets at the port itself all the same', () => {
    const dropping = closingTable([8080], 'drop');
    expect(dropping.match(/== syn (.*)/g)).to.deep.equal(['== syn drop', '== syn reject with tcp reset']);
  });

  it('takes nothing but ports', () => {
    for (const bad of [0, 65_536, 1.5, NaN, '22 } ; flush ruleset ; {' as unknown as number])
      expect(() => closingTable([bad], 'reset')).to.throw(RangeError);
  });
});

describe('the note about a door', () => {
  const report = { listens: ['[::]:8080'], closed: false, callers: [] };

  it('is silent for a closed door, a plaintext port, an app on loopback alone, and a member without a port', () => {
    expect(doorNote(strict, 8080, { ...report, closed: true })).to.equal(undefined);
    expect(doorNote({ mode: 'Strict', plaintextPorts: [8080] }, 8080, report)).to.equal(undefined);
    expect(doorNote(permissive, 8080, { ...report, listens: [] })).to.equal(undefined);
    expect(doorNote(strict, 0, report)).to.equal(undefined);
  });

  it('names where the app listens and who calls, under Permissive and where nobody has said anything', () => {
    for (const doors of [permissive, undefined])
      expect(doorNote(doors, 8080, { ...report, callers: ['10.0.0.9'] })).to.equal(
        'it listens on [::]:8080, so everybody who reaches this machine calls it past spec.access; connected now without the mesh: 10.0.0.9',
      );
  });

  it('names what stands in the way of Strict, also while the app is on loopback alone', () => {
    const problem = 'nft is not on this machine';
    expect(doorNote(strict, 8080, { ...report, listens: [], problem })).to.equal(`port 8080 is not closed: ${problem}`);
    expect(doorNote(strict, 8080, { ...report, problem })).to.equal(
      `port 8080 is not closed: ${problem}; it listens on [::]:8080`,
    );
  });

  it('says that it does not see into the network of a container, and that older connections go on', () => {
    expect(doorNote(permissive, 8080, { ...report, listens: [], unseen: true })).to.match(
      /^where it listens is not seen from here \(a container, for example\), so everybody/,
    );
    expect(doorNote(strict, 8080, { ...report, closed: true, callers: ['10.0.0.9'] })).to.equal(
      'port 8080 is closed, but older connections go on; connected now without the mesh: 10.0.0.9',
    );
  });
});
