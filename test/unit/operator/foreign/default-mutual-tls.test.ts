import { expect } from 'chai';
import { DEFAULT_MUTUAL_TLS_KEY, SECRETS } from '../../../../mesh/installation/installation.ts';
import { keepMaterial } from '../../../../operator/bootstrap/material.ts';
import type { SecretData, SecretStore } from '../../../../operator/bootstrap/secret-store.ts';
import { defaultMutualTLS } from '../../../../operator/foreign/default-mutual-tls.ts';

const fileWith = (text: string | undefined) => (name: string) => {
  if (name !== DEFAULT_MUTUAL_TLS_KEY || text === undefined) throw new Error('ENOENT');
  return text;
};

describe('the default mode of an installation', () => {
  it('comes from the values, with and without a mark', () => {
    expect(defaultMutualTLS('Strict', fileWith('Permissive'), () => 0)()).to.equal('Strict');
    expect(defaultMutualTLS('Permissive', fileWith('Strict'), () => 0)()).to.equal('Permissive');
  });

  it('is the mark where the values leave it open, and Permissive without a mark', () => {
    expect(defaultMutualTLS('Auto', fileWith('Strict'), () => 0)()).to.equal('Strict');
    expect(defaultMutualTLS('Auto', fileWith(undefined), () => 0)()).to.equal('Permissive');
    expect(defaultMutualTLS('Auto', fileWith('nonsense'), () => 0)()).to.equal('Permissive');
  });

  it('asks for a file a few times a minute, however often it is asked', () => {
    let reads = 0;
    let now = 0;
    const mode = defaultMutualTLS(
      'Auto',
      () => (reads++, 'Strict'),
      () => now,
    );
    for (let turn = 0; turn < 1000; turn++) mode();
    expect(reads).to.equal(1);
    now = 6000;
    mode();
    expect(reads).to.equal(2);
  });
});

describe('the mark of the default mode', () => {
  function installation() {
    const secrets = new Map<string, SecretData>();
    const store: SecretStore = {
      read: async (name) => secrets.get(name),
      create: async (name, data) => !secrets.has(name) && !!secrets.set(name, data),
      patch: async (name, data) => void secrets.set(name, { ...secrets.get(name), ...data }),
    };
    const run = () => keepMaterial({ store, nowMs: Date.now(), bridgeAddresses: '', externalCaPem: 'CA' });
    const marks = () => [SECRETS.operator, SECRETS.bridge].map((name) => secrets.get(name)?.[DEFAULT_MUTUAL_TLS_KEY]);
    return { secrets, run, marks };
  }

  it('is Strict in an installation that is new, and stays through further runs', async () => {
    const { run, marks } = installation();
    await run();
    await run();
    expect(marks()).to.deep.equal(['Strict', 'Strict']);
  });

  it('is missing in an installation from before, so that an upgrade leaves doors open', async () => {
    const { secrets, run, marks } = installation();
    await run();
    for (const data of secrets.values()) delete data[DEFAULT_MUTUAL_TLS_KEY];
    await run();
    expect(marks()).to.deep.equal([undefined, undefined]);
  });

  it('outlives either of its Secrets, and says nothing where the other one has none', async () => {
    for (const lost of [SECRETS.operator, SECRETS.bridge]) {
      const { secrets, run, marks } = installation();
      await run();
      secrets.delete(lost);
      await run();
      expect(marks()).to.deep.equal(['Strict', 'Strict']);
      for (const data of secrets.values()) delete data[DEFAULT_MUTUAL_TLS_KEY];
      secrets.delete(lost);
      await run();
      expect(marks()).to.deep.equal([undefined, undefined]);
    }
  });

  it('is made again by a run that was cut after the first Secret', async () => {
    const { secrets, run, marks } = installation();
    await run();
    secrets.delete(SECRETS.bridge);
    secrets.delete(SECRETS.bridgeAdmin);
    await run();
    expect(marks()).to.deep.equal(['Strict', 'Strict']);
  });
});
