import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { watch } from 'node:fs';
import { type Socket, connect } from 'node:net';
import { basename, dirname } from 'node:path';
import { promisify } from 'node:util';

import { askedFile } from '../../../agent/doors/door-files.ts';
import { type Machine, makeMachine } from './agent-machine.ts';

const run = promisify(execFile);

/** A network namespace with a way to this one, IPv4 and IPv6. */
export interface Namespace {
  name: string;
  /** Its addresses, and this side's. */
  address: string;
  address6: string;
  outside: string;
  /** Runs a command there; gives what it printed. */
  run(file: string, ...args: string[]): Promise<string>;
  /** Its whole ruleset, without the table that is ours. */
  foreignRules(): Promise<string>;
  remove(): Promise<void>;
}

let count = 0;

export async function makeNamespace(): Promise<Namespace> {
  count += 1;
  const key = `${process.pid % 100_000}${count}`;
  const [name, link, inner] = [`lbdoor${key}`, `lbd${key}o`, `lbd${key}i`];
  const subnet = (process.pid + count * 61) % 250;
  const [outside, address] = [`10.97.${subnet}.1`, `10.97.${subnet}.2`];
  const [outside6, address6] = [`fd97:${subnet.toString(16)}::1`, `fd97:${subnet.toString(16)}::2`];
  const inside = async (file: string, ...args: string[]): Promise<string> =>
    (await run('nsenter', [`--net=/run/netns/${name}`, file, ...args])).stdout;
  await run('ip', ['netns', 'add', name]);
  await run('ip', ['link', 'add', link, 'type', 'veth', 'peer', 'name', inner, 'netns', name]);
  await run('ip', ['addr', 'add', `${outside}/24`, 'dev', link]);
  await run('ip', ['addr', 'add', `${outside6}/64`, 'dev', link, 'nodad']);
  await run('ip', ['link', 'set', link, 'up']);
  await inside('ip', 'link', 'set', 'lo', 'up');
  await inside('ip', 'addr', 'add', `${address}/24`, 'dev', inner);
  await inside('ip', 'addr', 'add', `${address6}/64`, 'dev', inner, 'nodad');
  await inside('ip', 'link', 'set', inner, 'up');
  return {
    name,
    address,
    address6,
    outside,
    run: inside,
    async foreignRules() {
      const rules = await inside('nft', 'list', 'ruleset');
      return rules.replace(/^table inet landbridge \{\n(?:.*\n)*?\}\n/m, '');
    },
    remove: async () => void (await run('ip', ['netns', 'delete', name])),
  };
}

/** A network namespace that is reached by way of `host` alone, as a container's on a bridge of its machine. */
export async function makeContainer(host: Namespace): Promise<Pick<Namespace, 'name' | 'address' | 'remove'>> {
  const name = `${host.name}c`;
  const [gateway, address] = ['10.98.0.1', '10.98.0.2'];
  const inside = (...args: string[]): Promise<unknown> => run('ip', ['-n', name, ...args]);
  await run('ip', ['netns', 'add', name]);
  await host.run('ip', 'link', 'add', 'docker0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', `/run/netns/${name}`);
  await host.run('ip', 'addr', 'add', `${gateway}/24`, 'dev', 'docker0');
  await host.run('ip', 'link', 'set', 'docker0', 'up');
  await host.run('sysctl', '-qw', 'net.ipv4.ip_forward=1');
  await inside('link', 'set', 'lo', 'up');
  await inside('addr', 'add', `${address}/24`, 'dev', 'eth0');
  await inside('link', 'set', 'eth0', 'up');
  await inside('route', 'add', 'default', 'via', gateway);
  return { name, address, remove: async () => void (await run('ip', ['netns', 'delete', name])) };
}

export interface OpenApp {
  port: number;
  /** Requests that got there, by the path. */
  served(): Promise<string[]>;
  stop(): Promise<void>;
}

/** An app as most are: it listens on all addresses, of both families. */
export async function startOpenApp(namespace: Pick<Namespace, 'name'>, port: number): Promise<OpenApp> {
  const program = `const seen = [];
    require('node:http').createServer((request, response) => {
      if (request.url === '/seen') return response.end(JSON.stringify(seen));
      if (request.url !== '/health') seen.push(request.url);
      response.end('app');
    }).listen(${port}, '::', () => process.stdout.write('up'));`;
  const child: ChildProcess = spawn(
    'nsenter',
    [`--net=/run/netns/${namespace.name}`, process.execPath, '-e', program],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  await once(child.stdout!, 'data');
  return {
    port,
    async served() {
      const args = [`--net=/run/netns/${namespace.name}`, 'curl', '-s', `http://127.0.0.1:${port}/seen`];
      return JSON.parse((await run('nsenter', args)).stdout) as string[];
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    },
  };
}

/** Plain calls from here, past the sidecar: how each ended. */
export async function plainCalls(at: { host: string; port: number }, times: number): Promise<Record<string, number>> {
  const ends: Record<string, number> = {};
  for (let each = 0; each < times; each += 1) {
    const end = await plainCall(at);
    ends[end] = (ends[end] ?? 0) + 1;
  }
  return ends;
}

export function plainCall({ host, port }: { host: string; port: number }): Promise<string> {
  return new Promise((resolve) => {
    const socket: Socket = connect({ host, port });
    const end = (how: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(how);
    };
    const timer = setTimeout(() => end('silence'), 3000);
    socket.once('connect', () => socket.write('GET /plain HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n'));
    socket.once('data', (data) => end(data.toString().includes('200 OK') ? 'answered' : 'odd'));
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    socket.once('close', () => end('closed'));
  });
}

/** A machine in the namespace, and root's unit in the place of systemd's path unit: whenever the agent asks. */
export async function makeDoorMachine(namespace: Namespace): Promise<Machine & { startRoot(): () => Promise<void> }> {
  const machine = await makeMachine({ netns: namespace.name });
  return {
    ...machine,
    startRoot() {
      const file = askedFile(machine);
      let turn: Promise<unknown> = Promise.resolve();
      let waiting = false;
      const act = (): void => {
        if (waiting) return;
        waiting = true;
        turn = turn.then(() => {
          waiting = false;
          return machine.landbridge('vm', 'doors');
        });
      };
      const watcher = watch(dirname(file), (_, changed) => {
        if (changed === basename(file)) act();
      });
      act();
      return async () => {
        watcher.close();
        await turn;
      };
    },
  };
}
