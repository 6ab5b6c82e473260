import { expect } from 'chai';
import { type RunningLab, runningLab } from '../../lab/running.ts';
import { attempt } from '../../lab/host/exec.ts';
import { SITE } from '../../lab/sample/on-vms.ts';
import { vmExec } from '../../lab/vm/exec.ts';
import { eventually } from '../support/eventually.ts';
import { type LabHolders, answerOf, labHolders } from '../support/lab-holders.ts';

const STATE = '/var/lib/landbridge';
const RUN = '/run/landbridge';
const DOORS = '/var/lib/landbridge-doors/state.json';

/** Reads of the agent and its Envoys all that is open to this user: files, processes, shared memory, sockets, and servers on loopback. */
const SEARCH = `
const fs = require('fs'), net = require('net'), path = require('path');
const said = [];
const read = (file) => { try { const fd = fs.openSync(file, fs.constants.O_NONBLOCK); const text = Buffer.alloc(262144); said.push(file, text.toString('latin1', 0, fs.readSync(fd, text))); fs.closeSync(fd); } catch (error) { said.push(file + ' ' + error.code); } };
const walk = (folder) => { let names; try { names = fs.readdirSync(folder, { withFileTypes: true }); } catch (error) { return said.push(folder + ' ' + error.code); }
  for (const one of names) { const file = path.join(folder, one.name); if (one.isDirectory()) walk(file); else if (one.isFile()) read(file); } };
for (const folder of ['${STATE}', '${STATE}-doors', '${RUN}', '/etc/landbridge', '/dev/shm', '/tmp']) walk(folder);
for (const pid of fs.readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name))) {
  for (const name of ['cmdline', 'environ', 'auxv', 'mem']) read('/proc/' + pid + '/' + name);
  walk('/proc/' + pid + '/root${RUN}');
}
const sockets = fs.readFileSync('/proc/net/unix', 'utf8').split('\\n').map((line) => line.split(/ +/)[7]).filter((name) => /landbridge|envoy|^@/.test(name || ''));
const ports = fs.readFileSync('/proc/net/tcp', 'utf8').split('\\n').map((line) => line.trim().split(/ +/)).filter((row) => row[3] === '0A').map((row) => parseInt(row[1].split(':')[1], 16));
const ask = (to, route) => new Promise((done) => {
  const socket = net.connect(typeof to === 'number' ? { port: to, host: '127.0.0.1' } : { path: to.replace(/^@/, '\\0') });
  let got = '';
  const end = (why) => { said.push(to + route + ' ' + why + ' ' + got); socket.destroy(); done(); };
  socket.setTimeout(500, () => end('silence'));
  socket.on('connect', () => socket.write('GET ' + route + ' HTTP/1.1\\r\\nhost: x\\r\\nconnection: close\\r\\n\\r\\n'));
  socket.on('data', (chunk) => (got += chunk.toString('latin1')));
  socket.on('error', (error) => end(error.code));
  socket.on('end', () => end('end'));
});
Promise.all([...sockets, ...ports].flatMap((to) => ['/config_dump', '/certs', '/status'].map((route) => ask(to, route)))).then(() => process.stdout.write(said.join('\\n')));
`;

/** Takes the address of the agent's DNS server as soon as it is free, and answers 6.6.6.6 to everything. */
const SQUAT = `
const dgram = require('dgram'), net = require('net');
const take = () => {
  const socket = dgram.createSocket({ type: 'udp4', reuseAddr: process.argv[1] === 'reuse' });
  socket.on('error', (error) => { socket.close(); console.log(error.code); setTimeout(take, 5); });
  socket.on('message', (query, from) => {
    const end = query.indexOf(0, 12) + 5;
    const answer = Buffer.concat([query.subarray(0, end), Buffer.from([192, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 6, 6, 6, 6])]);
    answer.writeUInt16BE(0x8580, 2); answer.writeUInt16BE(1, 6); answer.writeUInt16BE(0, 8); answer.writeUInt16BE(0, 10);
    socket.send(answer, from.port, from.address);
  });
  socket.bind(8653, process.argv[2] || '127.0.0.1', () => console.log('taken'));
};
take();
`;

/** Tries on machines of the lab, as the user of each row of docs/security.md, all that the row rules out. */
describe('on a machine', () => {
  let lab: RunningLab;
  let holders: LabHolders;
  before(async () => {
    lab = await runningLab();
    holders = await labHolders(lab);
  });
  after(() => holders.close());

  const sh = async (vm: string, script: string): Promise<string> =>
    (await vmExec({ name: vm }, ['sh', '-c', script], { timeoutMs: 30_000 })).stdout.trim();
  const as = async (user: string, vm: string, command: string[]): Promise<string> => {
    const become = ['setpriv', `--reuid=${user}`, `--regid=${user === 'nobody' ? 'nogroup' : user}`, '--clear-groups'];
    return (await vmExec({ name: vm }, [...become, ...command], { timeoutMs: 30_000 })).stdout.trim();
  };
  const rules = (): Promise<string> => sh('vm1', 'nft list ruleset');
  const secretsOf = async (vm: string): Promise<string[]> => {
    const tokens = await sh(vm, `cat ${STATE}/tokens.json`);
    const key = await sh(vm, `cat ${STATE}/host.key`);
    return [...(tokens.match(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g) ?? []), key.split('\n')[1]!];
  };

  it('any local user finds no key and no token of the services in files, processes, sockets and on loopback', async () => {
    const kept = await secretsOf('vm1');
    expect(kept.length).to.be.greaterThan(2);
    const search = ['/usr/local/bin/node', '-e', SEARCH];
    const found = await as('nobody', 'vm1', search);
    for (const secret of kept) expect(found.includes(secret), 'a secret was found').to.equal(false);
    expect(found).not.to.match(/BEGIN [A-Z ]*PRIVATE KEY|"config_dump|"configs":/);
    expect(found).to.include(`${STATE} EACCES`).and.include(`${RUN} EACCES`);
    // The same search as the agent's user, so that the silence above is about the user and not about the search.
    const own = await as('landbridge', 'vm1', search);
    for (const secret of kept) expect(own.includes(secret), 'the search finds it').to.equal(true);
  });

  it("the agent's user writes no file that root runs or believes, and root follows none of its links", async () => {
    const find = '\\( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /var/tmp -o -path /run/lock \\)';
    const writable = `find / ${find} -prune -o -writable \\( -type f -o -type d \\) -print 2>/dev/null || true`;
    const files = (await as('landbridge', 'vm3', ['sh', '-c', writable])).split('\n');
    expect(files).to.include(`${STATE}/host.crt`);
    expect(
      files.filter((file) => ![STATE, RUN].some((own) => file === own || file.startsWith(`${own}/`))),
    ).to.deep.equal([]);
    await sh('vm3', `echo 'root only' > /root/canary && chmod 600 /root/canary`);
    const names = ['host.crt', 'host.key', 'bridge-ca.crt'];
    const swap = names.map(
      (name) => `mv ${STATE}/${name} ${STATE}/${name}.kept && ln -s /root/canary ${STATE}/${name}`,
    );
    const back = names.map((name) => `mv -f ${STATE}/${name}.kept ${STATE}/${name}`);
    const asked = await lab.landbridge(['vm', 'invite', 'echo-client-vm', '--site', SITE, '-o', 'json']);
    const { invite } = JSON.parse(asked) as { invite: string };
    await as('landbridge', 'vm3', ['sh', '-ec', swap.join('; ')]);
    try {
      expect(await answerOf(vmExec({ name: 'vm3' }, ['landbridge', 'vm', 'join', invite]))).to.match(/ELOOP/);
      const leave = ['landbridge', 'vm', 'leave', 'echo-client-vm'];
      expect(await answerOf(vmExec({ name: 'vm3' }, leave))).not.to.include('root only');
      expect(await sh('vm3', 'stat -c "%u %a" /root/canary; cat /root/canary')).to.equal('0 600\nroot only');
    } finally {
      await as('landbridge', 'vm3', ['sh', '-c', back.join('; ')]);
      await sh('vm3', 'rm -f /root/canary');
    }
  });

  it("the agent's user closes no port but those of its apps, and has root read no other file for it", async () => {
    const before = await sh('vm1', `cat ${RUN}/doors.json`);
    const asked = JSON.parse(before) as { close: number[]; open: number[]; ask: number };
    await sh('vm1', `nft 'table inet theirs { chain in { type filter hook input priority 0; tcp dport 9 drop; }; }'`);
    const write = (text: string): Promise<string> =>
      as('landbridge', 'vm1', [
        'sh',
        '-ec',
        `umask 027; printf %s '${text}' > ${RUN}/mine; mv -f ${RUN}/mine ${RUN}/doors.json`,
      ]);
    const state = (words: RegExp): Promise<string> =>
      eventually(`root says ${words}`, 15_000, async () => {
        const said = await sh('vm1', `cat ${DOORS}`);
        return words.test(said) ? said : Promise.reject(new Error(said));
      });
    const closed = (): Promise<string> => sh('vm1', 'nft list set inet landbridge closed');
    const own = await closed();
    const theirs = await sh('vm1', 'nft list table inet theirs');
    try {
      await write(JSON.stringify({ ...asked, close: [...asked.close, 22, 5355, 53, 21000], ask: asked.ask + 1000 }));
      const said = await state(/"port":5355/);
      expect(said)
        .to.match(/"port":22/)
        .and.to.match(/"port":53\b/)
        .and.to.match(/"port":21000/);
      expect(await closed()).to.equal(own);
      await as('landbridge', 'vm1', [
        'sh',
        '-ec',
        `ln -s /etc/shadow ${RUN}/mine; mv -f ${RUN}/mine ${RUN}/doors.json`,
      ]);
      const refused = await state(/cannot be read/);
      expect(refused).not.to.include('root:');
      expect(await closed()).to.equal(own);
      await write(JSON.stringify({ ...asked, close: ['22; flush ruleset'], ask: asked.ask + 2000 }));
      await state(/"refused":\[\]/);
      expect(await closed()).to.equal(own);
      expect(await sh('vm1', 'nft list table inet theirs')).to.equal(theirs);
    } finally {
      await write(before);
      await state(/"refused":\[\]}/);
      await sh('vm1', 'nft delete table inet theirs');
    }
    expect(await rules()).to.include('table inet landbridge');
  });

  it('any local user cannot take the port of a running agent, and vm status names the port when it was taken while the agent was away', async () => {
    const start = (unit: string, ...args: string[]): Promise<unknown> =>
      vmExec({ name: 'vm3' }, [
        'systemd-run',
        '-q',
        `--unit=${unit}`,
        '-p',
        'User=nobody',
        '/usr/local/bin/node',
        '-e',
        SQUAT,
        '--',
        ...args,
      ]);
    const stop = (unit: string): Promise<unknown> =>
      attempt('true', []).then(() => sh('vm3', `systemctl stop ${unit} || true`));
    const heard = (unit: string): Promise<string> => sh('vm3', `journalctl -q -o cat -u ${unit} | sort | uniq`);
    const ask = (): Promise<string> =>
      sh(
        'vm3',
        `/usr/local/bin/node -e "const r = new (require('dns').promises.Resolver)({ timeout: 1000, tries: 1 }); r.setServers(['127.0.0.1:8653']); r.resolve4('add-svc.service.consul').then((all) => console.log(all.join()), (error) => console.log(error.code))"`,
      );
    const [machine] = [lab.vm('vm2').address];
    expect(await ask()).to.include(machine);
    // The journal keeps the words of an earlier run.
    const ways = [['plain'], ['reuse'], ['reuse', '0.0.0.0'], ['reuse', '127.0.0.1']];
    const units = ways.map((args, index) => [`squat-${process.pid}-${index}`, ...args] as [string, ...string[]]);
    try {
      await Promise.all(units.map(([unit, ...args]) => start(unit, ...args)));
      await Promise.all(
        units.map(([unit]) =>
          eventually(`${unit} has tried`, 10_000, async () => (await heard(unit)).includes('EADDRINUSE')),
        ),
      );
      expect(await ask()).to.include(machine);
      for (const [unit] of units) expect(await heard(unit)).to.equal('EADDRINUSE');
      await sh('vm3', 'systemctl kill --kill-whom=main -s KILL landbridge-agent');
      await eventually('another took it', 10_000, async () => (await ask()) === '6.6.6.6');
      await eventually('vm status tells of it', 20_000, async () =>
        (await sh('vm3', 'landbridge vm status || true')).includes('something else listens on 127.0.0.1:8653'),
      );
    } finally {
      await Promise.all(units.map(([unit]) => stop(unit)));
    }
    await eventually('the agent answers again', 15_000, async () => (await ask()).includes(machine));
  });
});
