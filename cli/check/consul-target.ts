import { skewVerdict } from './api-server.ts';
import { type Check, type Verdict, failed, ok } from './check.ts';
import { certificateDays } from './days-left.ts';
import type { ConsulTarget, Look } from './look.ts';
import { type ServerLook, lookAtServer } from './server-look.ts';

/** `host:port` lists people forget the port of. */
const isHostPort = (address: string): boolean => /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):\d{1,5}$/.test(address);

const NAME = 'server.DATACENTER.consul';

/** Checks of an external Consul, each at every address. They are made from this machine, and the cluster may see something else. */
export const consulTargetChecks: Check[] = [
  {
    name: 'the external Consul answers',
    hint: 'external-consul-not-reachable',
    run: (look) =>
      each(look, ({ status, body }) => {
        if (status !== 200) return failed(`GET /v1/status/leader: HTTP ${status} ${body.split('\n')[0]}`);
        return body.replaceAll('"', '').trim() === '' ? failed('the servers have no leader') : ok();
      }),
  },
  {
    name: "the external Consul's certificate is trusted",
    hint: 'external-consul-not-trusted',
    run: (look) =>
      each(look, ({ untrusted, certificate }) => {
        if (untrusted !== undefined) return failed(`${untrusted}: name the CA that signed it with --consul-ca`);
        return certificateDays(certificate, 30, look.nowMs());
      }),
  },
  {
    name: "the external Consul's certificate has the name that is expected",
    hint: 'external-consul-misnamed',
    run: (look) =>
      each(look, ({ misnamed }) =>
        misnamed === undefined ? ok() : failed(`${misnamed} (--consul-server-name is often ${NAME})`),
      ),
  },
  {
    name: 'the clocks of this machine and the external Consul agree',
    hint: 'clocks-differ',
    run: (look) => {
      const before = look.nowMs();
      return each(look, ({ dateMs }) => skewVerdict(dateMs, before, look.nowMs()));
    },
  },
];

/** The worst verdict over all addresses, with the addresses it is about. */
async function each(look: Look, judge: (seen: ServerLook) => Verdict): Promise<Verdict> {
  const all = await Promise.all(
    look.consulTargets.map(async (target) => ({ target, verdict: await one(target, judge) })),
  );
  for (const result of ['failed', 'warning'] as const) {
    const some = all.filter(({ verdict }) => verdict.result === result);
    if (some.length > 0)
      return { result, detail: some.map(({ target, verdict }) => `${target.address}: ${verdict.detail}`).join('; ') };
  }
  return ok(all.map(({ target, verdict: { detail } }) => target.address + (detail && ` (${detail})`)).join(', '));
}

async function one(target: ConsulTarget, judge: (seen: ServerLook) => Verdict): Promise<Verdict> {
  if (!isHostPort(target.address)) return failed('is not host:port, such as consul.example:8501');
  return lookAtServer(target, '/v1/status/leader').then(judge, (error: Error) => failed(reworded(error, target)));
}

function reworded(error: Error, { address }: ConsulTarget): string {
  const message = error.message.replace(`${address}: `, '');
  if (/EPROTO|wrong version number|packet length/i.test(message))
    return 'it does not speak TLS there: is it the HTTPS port?';
  return message;
}
