import { readFile, readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Finding } from '../measure.ts';
import type { BenchPods } from './bench-pods.ts';

/** Until a started Envoy has done what it does once. */
const SETTLE_MS = 5000;

/**
 * Private memory of sidecars: Private_Clean + Private_Dirty of all processes of the container, as the kernel that runs
 * the nodes counts them (https://docs.kernel.org/filesystems/proc.html, smaps_rollup); MB of 1024 * 1024 bytes.
 */
export async function sidecarMemory(bench: BenchPods, count: number): Promise<Finding[]> {
  const sample = [...(await sidecars()).values()];
  const added: number[] = [];
  for (let turn = 0; turn < count; turn++) {
    const name = `bench-memory-${turn}`;
    await bench.create(name, {});
    await delay(SETTLE_MS);
    const own = (await sidecars()).get(`${name}-sidecar`);
    if (own === undefined) throw new Error(`no Envoy of ${name} runs on this machine`);
    added.push(own);
    await bench.delete(name);
  }
  const finding = { measure: 'sidecar-memory', unit: 'MB' as const, peer: '23.4' };
  return [
    { ...finding, parameters: 'private memory that a sidecar adds to a pod', samples: added, bar: { max: 16 } },
    ...(sample.length === 0
      ? []
      : [{ ...finding, parameters: 'the same, pods of the sample, with upstreams', samples: sample }]),
  ];
}

/** Private memory of each sidecar's container, MB, by Envoy's node id. */
async function sidecars(): Promise<Map<string, number>> {
  const groups = new Map<string, number[]>();
  const ids = new Map<string, string>();
  for (const pid of (await readdir('/proc')).map(Number).filter(Number.isInteger)) {
    const group = /kubepods.*$/m.exec(await proc(pid, 'cgroup'))?.[0];
    if (group === undefined) continue;
    groups.set(group, [...(groups.get(group) ?? []), pid]);
    const [program, ...args] = (await proc(pid, 'cmdline')).split('\0');
    if (program === '/usr/local/bin/envoy') ids.set(group, args[args.indexOf('--service-node') + 1] ?? '');
  }
  const privateOf = async (group: string): Promise<number> => sum(await Promise.all(groups.get(group)!.map(privateMb)));
  return new Map(await Promise.all([...ids].map(async ([group, id]) => [id, await privateOf(group)] as const)));
}

async function privateMb(pid: number): Promise<number> {
  const rollup = await proc(pid, 'smaps_rollup');
  const kilobytes = [...rollup.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB$/gm)].map(([, number]) => Number(number));
  return sum(kilobytes) / 1024;
}

const sum = (numbers: number[]): number => numbers.reduce((total, number) => total + number, 0);

/** Empty for a process that has ended meanwhile. */
const proc = (pid: number, file: string): Promise<string> => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
