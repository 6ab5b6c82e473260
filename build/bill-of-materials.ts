/** `package-lock.json`, as far as it is read. */
export interface Lock {
  version: string;
  packages: Record<string, { name?: string; version?: string; license?: string; integrity?: string }>;
}

/**
 * The packages that files of a bundle came from, as a CycloneDX 1.5 document (https://cyclonedx.org/docs/1.5/json/). The same
 * files and lock give the same bytes: it holds no time and no random number. `npm sbom` is not used: told to leave development
 * out, it leaves out a package of which development has another version too.
 */
export function billOfMaterials(files: readonly string[], lock: Lock): string {
  const paths = new Set(files.flatMap((file) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []));
  const document = {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: { component: { type: 'application', name: 'landbridge', version: lock.version } },
    components: [...paths].sort().map((path) => component(path, lock)),
  };
  return `${JSON.stringify(document, undefined, 1)}\n`;
}

function component(path: string, lock: Lock): object {
  const entry = lock.packages[path];
  if (entry?.version === undefined) throw new Error(`package-lock.json has no ${path}: npm ci`);
  const name = entry.name ?? path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
  const { version, license, integrity } = entry;
  const [algorithm, digest] = integrity?.split('-') ?? [];
  return {
    type: 'library',
    'bom-ref': path,
    name,
    version,
    purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
    ...(license === undefined ? {} : { licenses: [{ expression: license }] }),
    ...(algorithm === 'sha512' && digest
      ? { hashes: [{ alg: 'SHA-512', content: Buffer.from(digest, 'base64').toString('hex') }] }
      : {}),
  };
}
