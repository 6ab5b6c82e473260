import { expect } from 'chai';
import { load } from 'js-yaml';
import { registration } from '../../../cli/commands/register.ts';
import { inviteText, secondsOf } from '../../../cli/commands/vm-invite.ts';
import { listText } from '../../../cli/commands/vm-list.ts';
import type { Format } from '../../../cli/vm/invite-formats.ts';
import { installCommand, shellLine } from '../../../mesh/outside/install-script.ts';
import { externalRequest } from '../../../mesh/outside/bridge-api.ts';

const flags = { address: '10.0.0.9', port: '8080', check: 'http:/health', site: 'rack-1', tag: [], meta: [] };

describe('the commands of an admin', () => {
  it('print the line to paste first and alone', () => {
    const answer = { invite: 'lb1.abc', expiresAt: '2030-01-01T00:15:00Z' };
    const invitation = { service: 'web', site: 'rack-1', format: 'line' as const, words: ['--port', '8080'] };
    const text = inviteText(answer, invitation);
    expect(text.split('\n').slice(0, 2)).to.deep.equal(['echo lb1.abc | landbridge vm join - --port 8080', '']);
    const install = { bridges: ['10.0.0.1:30443'], sha256: 'ab'.repeat(32), inviteInFile: true };
    const [line, blank] = inviteText({ ...answer, install }, invitation).split('\n');
    expect(line).to.match(/^echo lb1\.abc \| sh -ec '.*' landbridge - --port 8080$/);
    expect(line).to.include('https://$b/v1/vm/install.sh').and.to.include(install.sha256);
    expect(blank).to.equal('');
  });

  it('write a document for cloud-init and a playbook for Ansible that run the very command of the line', () => {
    const install = { bridges: ['10.0.0.1:30443'], sha256: 'ab'.repeat(32), inviteInFile: true };
    const answer = { invite: 'lb1.abc', expiresAt: '2030-01-01T00:15:00Z', install };
    const words = ['--check', "exec:it's fine"];
    const command = installCommand({ ...install, words: ['-', ...words] });
    const textOf = (format: Format) => inviteText(answer, { service: 'web', site: 'rack-1', format, words });
    expect(textOf('cloud-init').split('\n')[0], 'cloud-init knows it by this').to.equal('#cloud-config');
    expect(load(textOf('cloud-init'))).to.deep.equal({ runcmd: [`echo lb1.abc | ${shellLine(command)}`] });
    const [play] = load(textOf('ansible')) as { tasks: Record<string, unknown>[] }[];
    expect(play!.tasks[0]!['ansible.builtin.shell']).to.deep.include({ cmd: shellLine(command), stdin: 'lb1.abc' });
  });

  it('keep Ansible from reading a template into the line of a check', () => {
    const install = { bridges: ['10.0.0.1:30443'], sha256: 'ab'.repeat(32), inviteInFile: true };
    const answer = { invite: 'lb1.abc', expiresAt: '2030-01-01T00:15:00Z', install };
    const templated = {
      service: 'web',
      site: 'rack-1',
      format: 'ansible' as const,
      words: ['--check', "exec:x '{{.State}}'"],
    };
    const [play] = load(inviteText(answer, templated)) as { tasks: Record<string, { cmd: string }>[] }[];
    const { cmd } = play!.tasks[0]!['ansible.builtin.shell']!;
    expect(cmd).to.match(/^\{% raw %\}sh -ec .*\{\{\.State\}\}.*\{% endraw %\}$/);
  });

  it('read how long an invite can be used', () => {
    expect(['90s', '15m', '24h'].map(secondsOf)).to.deep.equal([90, 900, 86_400]);
    for (const bad of ['', '15', '59s', '25h', '1d', '-1m', '1e3m']) {
      expect(() => secondsOf(bad), bad).to.throw('give 1m to 24h');
    }
  });

  it('make of flags what the bridge takes', () => {
    const body = registration('ledger', { ...flags, tag: ['legacy'], meta: ['team=books', 'k=a=b'], interval: '5000' });
    expect(externalRequest.parse(body)).to.deep.equal({
      site: 'rack-1',
      service: 'ledger',
      address: '10.0.0.9',
      port: 8080,
      check: { type: 'http', path: '/health', intervalMs: 5000, timeoutMs: 1000 },
      tags: ['legacy'],
      meta: { team: 'books', k: 'a=b' },
    });
  });

  it('take an IP address in any spelling, and give the bridge one', () => {
    const of = (address: string) => externalRequest.parse(registration('x', { ...flags, address })).address;
    expect(of('2001:db8::7')).to.equal('2001:db8::7');
    expect(of('[2001:DB8::7]')).to.equal('2001:db8::7');
    expect(of('::ffff:192.0.2.20'), 'an IPv4 address in IPv6').to.equal('192.0.2.20');
    expect(of('db.example.')).to.equal('db.example.');
    for (const address of [
      'fe80::1%eth0',
      '[fe80::1%25eth0]',
      '2001:db8::7::1',
      '[2001:db8::7]:5432',
      '192.0.2.20:5432',
    ])
      expect(() => of(address), address).to.throw(`--address ${address}: give an IP address or a host name`);
  });

  it('say which flag is wrong', () => {
    expect(() => registration('x', { ...flags, check: 'icmp' })).to.throw('--check icmp: give tcp, http:PATH');
    expect(() => registration('x', { ...flags, port: '80a' })).to.throw('--port 80a: give a whole number');
    expect(() => registration('x', { ...flags, meta: ['team'] })).to.throw('--meta team: give KEY=VALUE');
  });

  it('list instances in columns: how long their host was silent, why they are critical, and where a brake is on', () => {
    const vm = {
      service: 'web',
      platform: 'vm',
      site: 'rack-1',
      host: 'vm1',
      address: '10.0.0.5',
      port: 8080,
    } as const;
    const text = listText({
      instances: [
        { ...vm, id: 'web-vm1-8080', health: 'passing', output: '200', silentMs: 1234 },
        {
          ...vm,
          id: 'web-vm1-0',
          port: 0,
          address: 'fd00::5',
          health: 'critical',
          output: 'lease lost\nmore',
          note: 'a copy claims to be vm1',
          silentMs: 61_000,
        },
        { ...vm, id: 'ledger', platform: 'external', host: 'ledger', health: 'passing', output: '200' },
      ],
      brakes: [{ site: 'rack-1', held: ['vm1', 'vm2'] }],
    });
    const open = { ...vm, id: 'w-1', health: 'passing', output: '', door: 'it listens on [::]:1' } as const;
    expect(listText({ instances: [open], brakes: [] })).to.match(/\nw-1: it listens on \[::\]:1\n$/);
    expect(text.split('\n').map((line) => line.split(/ {2,}/))).to.deep.equal([
      ['INSTANCE', 'SERVICE', 'SITE', 'HOST', 'ADDRESS', 'HEALTH', 'SILENT', 'WHY'],
      ['web-vm1-8080', 'web', 'rack-1', 'vm1', '10.0.0.5:8080', 'passing', '1.2s'],
      ['web-vm1-0', 'web', 'rack-1', 'vm1', '[fd00::5]', 'critical', '61.0s', 'lease lost; a copy claims to be vm1'],
      ['ledger', 'web', 'rack-1', 'ledger', '10.0.0.5:8080', 'passing', '-'],
      [
        'site rack-1: the mass-loss brake keeps 2 silent hosts up (vm1, vm2): has the bridge lost its network to them? If they are dead: landbridge vm release --site rack-1',
      ],
      [''],
    ]);
    expect(listText({ instances: [], brakes: [] })).to.include('landbridge vm invite');
    const notAdmitted = [{ site: 'rack-1', host: 'vm1', service: 'web', message: 'add "rack-1" to the sites' }];
    expect(listText({ instances: [], brakes: [], notAdmitted })).to.match(
      /\nvm1 has joined web and is kept out: add "rack-1" to the sites\n$/,
    );
  });
});
