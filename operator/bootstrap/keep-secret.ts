import type { SecretData, SecretStore } from './secret-store.ts';

export interface KeptSecret {
  name: string;
  make(): SecretData | Promise<SecretData>;
  /** The keys of a Secret found that have to change, such as a certificate near its end. Default: none. */
  mend?(found: SecretData): SecretData | Promise<SecretData>;
}

/**
 * The Secret's content, which is made if it is missing. When two run at once one creates it, and both go on with that content: nothing made here is used before it is stored.
 */
export async function keepSecret(store: SecretStore, secret: KeptSecret): Promise<SecretData> {
  const found = await store.read(secret.name);
  if (found !== undefined) return mended(store, secret, found);
  const made = await secret.make();
  if (await store.create(secret.name, made)) return made;
  const theirs = await store.read(secret.name);
  if (theirs === undefined) throw new Error(`Secret ${secret.name} was deleted while it was made; run this again`);
  return mended(store, secret, theirs);
}

async function mended(store: SecretStore, secret: KeptSecret, found: SecretData): Promise<SecretData> {
  const changes = Object.entries((await secret.mend?.(found)) ?? {}).filter(([key, value]) => found[key] !== value);
  if (changes.length === 0) return found;
  const patch = Object.fromEntries(changes);
  await store.patch(secret.name, patch);
  return { ...found, ...patch };
}
