import { setTimeout as delay } from 'node:timers/promises';
import { consulOf } from '../../cli/cluster.ts';
import { NAMESPACE, SECRETS } from '../../mesh/installation/installation.ts';
import { failed } from '../../test/support/load/steady-load.ts';
import type { Finding } from '../measure.ts';
import type { Hop } from './hop.ts';
import { failuresSaid } from './lost.ts';

const LOOK_MS = 200;

const DEPLOYMENT = ['deployment/landbridge-bridge', '-n', NAMESPACE];

/**
 * The pod of the bridge that holds the lock is killed without a word, twice, while requests flow: the Deployment starts it
 * again, and with a second replica that one takes over. Consul is asked five times a second whether any instance on a
 * machine is down, which was never the case.
 */
export async function bridgeKills(
  hop: Hop,
  { seconds, rate, replicas }: { seconds: number; rate: number; replicas: 1 | 2 },
): Promise<Omit<Finding, 'measure'>[]> {
  const { kubectl, kubeconfig } = hop.lab.cluster;
  const rolledOut = () => kubectl(['rollout', 'status', ...DEPLOYMENT, '--timeout=120s']);
  await kubectl(['scale', ...DEPLOYMENT, `--replicas=${replicas}`]);
  await rolledOut();
  // With the bridge's token: nobody else may read who holds its lock.
  const { consul, close } = await consulOf({ kubeconfig }, SECRETS.bridge);
  const passing = async (): Promise<string[]> =>
    (await consul.health('hop')).flatMap(({ service, status }) => (status === 'passing' ? [service.ID] : []));
  const before = await passing();
  /** Those that were critical, or gone, at any time. */
  const downs = new Set<string>();
  let looks = 0;
  let going = true;
  const looking = (async () => {
    while (going) {
      const up = await passing();
      for (const id of before) if (!up.includes(id)) downs.add(id);
      looks += 1;
      await delay(LOOK_MS);
    }
  })();
  const load = await hop.load(rate);
  const kill = async () => {
    const lock = await consul.kvGet('landbridge/bridge');
    const { address } = JSON.parse(lock!.value) as { address: string };
    const path = '{range .items[*]}{.metadata.name} {.status.podIP} {end}';
    const pods = await kubectl([
      ...['get', 'pods', '-n', NAMESPACE, '-l', 'app.kubernetes.io/component=bridge', '-o', `jsonpath=${path}`],
    ]);
    const words = pods.split(' ');
    const active = words[words.indexOf(address.slice(0, address.lastIndexOf(':'))) - 1];
    if (active === undefined) throw new Error(`nobody of ${pods} has the address ${address}, which holds the lock`);
    await kubectl(['delete', 'pod', active, '-n', NAMESPACE, '--grace-period=0', '--force', '--wait=false']);
  };
  let lost = 0;
  let sent = 0;
  let said = '';
  const began = Date.now();
  try {
    await delay(3000);
    await kill();
    await delay(500 * seconds);
    await kill();
    await delay(Math.max(0, began + 1000 * seconds + 10_000 - Date.now()));
  } finally {
    going = false;
    const shots = await load.stop();
    await looking.finally(close);
    lost = shots.filter(failed).length;
    sent = shots.length;
    said = failuresSaid(shots, began);
  }
  console.log(
    `bridge of ${replicas} killed twice: ${lost} of ${sent} failed; ${downs.size} instances marked down in ${looks} looks ${said}`,
  );
  await rolledOut();
  if (replicas > 1) await kubectl(['scale', ...DEPLOYMENT, '--replicas=1']);
  const how = `${replicas === 1 ? 'alone' : 'with a standby'}, two kills in ${seconds} s, ${rate} requests/s`;
  return [
    { parameters: `${how}: requests`, unit: 'lost', samples: [lost], bar: { max: 0 } },
    { parameters: `${how}: instances marked down`, unit: 'lost', samples: [downs.size], bar: { max: 0 } },
  ];
}
