import { setTimeout as delay } from 'node:timers/promises';
import { consulOf } from '../../cli/cluster.ts';
import { NAMESPACE } from '../../mesh/installation.ts';
import { failed } from '../../test/support/steady-load.ts';
import type { Finding } from '../measure.ts';
import type { Hop } from './hop.ts';
import { failuresSaid } from './lost.ts';

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
  const kill = () =>
    hop.lab.cluster.kubectl([
      ...['delete', 'pod', '-n', NAMESPACE, '-l', 'app.kubernetes.io/component=bridge'],
      ...['--grace-period=0', '--force', '--wait=false'],
    ]);
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
    `bridge killed twice: ${lost} of ${sent} failed; ${downs.size} instances marked down in ${looks} looks ${said}`,
  );
  await hop.lab.cluster.kubectl([
    ...['rollout', 'status', 'deployment/landbridge-bridge', '-n', NAMESPACE, '--timeout=120s'],
  ]);
  const how = `two kills in ${seconds} s, ${rate} requests/s`;
  return [
    { parameters: `${how}: requests`, unit: 'lost', samples: [lost], bar: { max: 0 } },
    { parameters: `${how}: instances marked down`, unit: 'lost', samples: [downs.size], bar: { max: 0 } },
  ];
}
