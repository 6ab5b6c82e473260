import { readAnswer } from '../../clients/dns/ask-dns.ts';
import { dnsPort, hasStubDomain } from '../../mesh/stub-domain.ts';
import { COREDNS, readCorefile } from '../dns/corefile.ts';
import { A_NAME } from '../dns/resolvers.ts';
import { type Check, failed, ok, warning } from './check.ts';

/** Names under consul, in the cluster and on machines outside. */
export const nameChecks: Check[] = [
  {
    name: 'pods resolve *.consul',
    hint: 'names-in-pods',
    async run({ kube, resolvers }) {
      const corefile = (await readCorefile(kube, COREDNS)) ?? '';
      if (!hasStubDomain(corefile)) return ok('not set up: landbridge dns enable does it');
      const answers = await resolvers({ namespace: COREDNS.namespace, port: dnsPort(corefile) });
      if (answers.length === 0) return warning('no pod of CoreDNS runs');
      const problems = answers.flatMap(({ pod, problem }) => (problem === undefined ? [] : [`${pod}: ${problem}`]));
      return problems.length === 0 ? ok(`at ${answers.length} of CoreDNS`) : failed(problems.join('; '));
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
