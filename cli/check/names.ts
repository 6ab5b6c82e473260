import { readAnswer } from '../../clients/dns/ask-dns.ts';
import { dnsPort, hasStubDomain } from '../../mesh/names/stub-domain.ts';
import { COREDNS, readCorefileWithTime } from '../dns/corefile.ts';
import { A_NAME, type ResolverAnswer } from '../dns/resolvers.ts';
import { type Check, type Verdict, failed, ok, warning } from './check.ts';

/** Names under consul, in the cluster and on machines outside. */
export const nameChecks: Check[] = [
  {
    name: 'pods resolve *.consul',
    hint: 'names-in-pods',
    async run({ kube, resolvers, nowMs }) {
      const corefile = await readCorefileWithTime(kube, COREDNS);
      if (corefile === undefined || !hasStubDomain(corefile.text))
        return ok('not set up: landbridge dns enable does it');
      const answers = await resolvers({ namespace: COREDNS.namespace, port: dnsPort(corefile.text) });
      return resolversVerdict(answers, nowMs() - corefile.writtenAtMs);
    },
  },
  {
    name: 'machines resolve *.consul by way of the bridge',
    hint: 'names-on-machines',
    async run({ askName }) {
      const message = await askName({ name: A_NAME, type: 'A' });
      if (message === undefined) return ok('not installed');
      const { code, addresses } = readAnswer(message);
      return addresses.length > 0 ? ok() : failed(`${A_NAME} gives ${code} and no address`);
    },
  },
];

/** The kubelet brings a changed ConfigMap within a minute or so, and CoreDNS looks every 30 s, more or less. */
const TAKES_OVER_MS = 180_000;

/** `changedMs`: how long ago the Corefile was written. */
export function resolversVerdict(answers: readonly ResolverAnswer[], changedMs: number): Verdict {
  if (answers.length === 0) return warning('no pod of CoreDNS runs');
  const others = answers.filter(({ problem }) => problem !== undefined);
  if (others.length === 0) return ok(`at ${answers.length} of CoreDNS`);
  const waiting = others.every(({ withoutBlock }) => withoutBlock) && changedMs < TAKES_OVER_MS;
  const since = `the Corefile that was changed ${Math.max(0, Math.round(changedMs / 1000))} s ago`;
  if (waiting)
    return warning(
      `${others.map(({ pod }) => pod).join(', ')}: not taken over yet, ${since}; that takes up to two minutes`,
    );
  return failed(
    others
      .map(({ pod, problem, withoutBlock }) => `${pod}: ${withoutBlock ? `it does not take over ${since}` : problem}`)
      .join('; '),
  );
}
