/** A component of a CycloneDX document. */
export interface Component {
  type: string;
  'bom-ref': string;
  name: string;
  version: string;
  purl: string;
}

interface Bill {
  components: object[];
  metadata: { component: object };
}

/** The bill of an image: the components of the program, and those beside it. */
export function billOfImage(
  programBill: string,
  image: { name: string; version: string },
  beside: Component[],
): string {
  const bill = JSON.parse(programBill) as Bill;
  const document = {
    ...bill,
    metadata: { component: { type: 'container', ...image } },
    components: [...beside, ...bill.components],
  };
  return `${JSON.stringify(document, undefined, 1)}\n`;
}

/** A Debian package, by the name of its file: `libc6_2.36-9%2bdeb12u9_amd64.deb`. */
export function debianComponent(file: string, codename: string): Component {
  const match = /^([^_]+)_([^_]+)_([^_]+)\.deb$/.exec(file);
  if (match === null) throw new Error(`${file} does not name a Debian package file`);
  const [, name, encoded, architecture] = match as unknown as [string, string, string, string];
  const version = decodeURIComponent(encoded);
  const purl = `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${architecture}&distro=${codename}`;
  return { type: 'library', 'bom-ref': purl, name, version, purl };
}

export function githubComponent(repository: string, version: string): Component {
  const purl = `pkg:github/${repository}@v${version}`;
  return { type: 'application', 'bom-ref': purl, name: repository.split('/')[1]!, version, purl };
}
