import { consulOver } from '../../../clients/consul/connect.ts';
import type { Consul } from '../../../clients/consul/consul.ts';
import type { Transport } from '../../../clients/consul/transport.ts';
import { fakeConsul } from '../../support/fake-consul/fake-consul.ts';
import { startConsul } from '../../support/real/consul.ts';

type Token = string | (() => string | undefined);

/** A Consul with ACLs that deny by default and were not bootstrapped yet. */
export interface ConsulUnderTest {
  /** Default token: the management token, once `acl.bootstrap` was given it. An empty one sends none. */
  connect(token?: Token): Consul;
  /** The management token to be. */
  management: string;
  /** Requests of all senders so far, for example `PUT /txn`. May be emptied. */
  requests: string[];
  goDown(): Promise<void>;
  comeBack(): Promise<void>;
  stop(): Promise<void>;
}

const MANAGEMENT = '3c8d7b52-5c2b-4f77-9a5e-6f3a0c9e1d11';

export async function underTest(which: 'the fake' | 'the real Consul'): Promise<ConsulUnderTest> {
  if (which === 'the fake') {
    const fake = fakeConsul({ acl: true });
    return {
      connect: (token = MANAGEMENT) => fake.connect(token),
      management: MANAGEMENT,
      requests: fake.requests,
      goDown: async () => void (fake.available = false),
      comeBack: async () => void (fake.available = true),
      stop: async () => undefined,
    };
  }
  const real = await startConsul({ acl: true, tls: true, bootstrapped: false });
  const requests: string[] = [];
  const open: Transport[] = [];
  return {
    connect(token = MANAGEMENT) {
      const transport = real.transport(token);
      open.push(transport);
      return consulOver(counted(transport, requests));
    },
    management: MANAGEMENT,
    requests,
    goDown: real.goDown,
    comeBack: real.comeBack,
    async stop() {
      for (const transport of open) transport.close();
      await real.stop();
    },
  };
}

const counted = (transport: Transport, requests: string[]): Transport => ({
  send(request) {
    requests.push(`${request.method} ${request.path}`);
    return transport.send(request);
  },
  close: () => transport.close(),
});
