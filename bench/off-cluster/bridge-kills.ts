import { setTimeout as delay } from 'node:timers/promises';
import { consulOf } from '../../cli/cluster.ts';
import { NAMESPACE } from '../../mesh/installation.ts';
import { failed } from '../../test/support/steady-load.ts';
import type { Finding } from '../measure.ts';
import type { Hop } from './hop.ts';

const LOOK_MS = 200;

/**
 * The bridge's pod is killed without a word, twice, while requests flow: its Deployment starts it again. Consul is asked
 * five times a second whether any instance on a machine is down, which was never the case.
 */
export async function bridgeKills(
  hop: Hop,
  { seconds, rate }: { seconds: number; rate: number },
): Promise<Omit<Finding, 'measure'>[]> {
  const { consul, close } = await consulOf({ kubeconfig: hop.lab.cluster.kubeconfig });
  const downs = new Set<string>();
  let looks = 0;
  let going = true;
  const looking = (async () => {
    while (going) {
      for (const { service, status } of await consul.health('hop')) if (status !== 'passing') downs.add(service.ID);
      looks += 1;
      await delay(LOOK_MS);
    }
  })();
  const load = await hop.load(rate);
  const kill = () =>
    hop.lab.cluster.kubectl([
      ...['delete', 'pod', '-n', NAMESPACE, '-l', 'app.kubernetes.io/component=bridge'],
      ...['--grace-period=0', '--force', '--wait=false'],
    ]);
  let lost = 0;
  let sent = 0;
  try {
    const began = Date.now();
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
  }
  console.log(`bridge killed twice: ${lost} of ${sent} failed; ${downs.size} instances marked down in ${looks} looks`);
  await hop.lab.cluster.kubectl([
    ...['rollout', 'status', 'deployment/landbridge-bridge', '-n', NAMESPACE, '--timeout=120s'],
  ]);
  const how = `two kills in ${seconds} s, ${rate} requests/s`;
  return [
    { parameters: `${how}: requests`, unit: 'lost', samples: [lost], bar: { max: 0 } },
    { parameters: `${how}: instances marked down`, unit: 'lost', samples: [downs.size], bar: { max: 0 } },
  ];
}
