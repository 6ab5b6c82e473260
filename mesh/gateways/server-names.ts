/** DER, https://www.itu.int/rec/T-REC-X.690: a tag, the length in as few bytes as it needs, the content. */
function der(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const size = content.length;
  const bytes = [size >> 16, (size >> 8) & 255, size & 255].slice(size > 0xffff ? 0 : size > 0xff ? 1 : 2);
  const length = size < 128 ? bytes : [0x80 + bytes.length, ...bytes];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}
const sequence = (...parts: Buffer[]): Buffer => der(0x30, ...parts);
const text = (tag: number, value: string): Buffer => der(tag, Buffer.from(value, 'latin1'));

const ED25519 = sequence(der(0x06, Buffer.from([0x2b, 0x65, 0x70])));
const SUBJECT_ALT_NAME = der(0x06, Buffer.from([0x55, 0x1d, 0x11]));
const COMMON_NAME = der(0x06, Buffer.from([0x55, 0x04, 0x03]));
/** A key and a signature that nobody looks at. */
const NOTHING = (bytes: number): Buffer => der(0x03, Buffer.alloc(bytes + 1));

/**
 * A block of PEM that names the hosts for which Consul serves the certificate after it.
 *
 * Consul 1.22 takes the names from the first block, with any label, and drops each name that it meets twice: also the
 * common name that stands among a certificate's own names, and a name that the certificate of another team has as well
 * (agent/structs/config_entry_inline_certificate.go, agent/xds/listeners_apigateway.go). Its check of the key and Envoy look at
 * blocks labelled CERTIFICATE alone. The same hosts always give the same text.
 */
export function serverNames(hosts: readonly string[]): string {
  const [first = '', ...rest] = [...new Set(hosts)].sort();
  const name = sequence(der(0x31, sequence(COMMON_NAME, text(0x0c, first))));
  const alternatives = rest.map((host) => text(0x82, host));
  const extension = sequence(SUBJECT_ALT_NAME, der(0x04, sequence(...alternatives)));
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1])),
    ED25519,
    name,
    sequence(text(0x17, '260101000000Z'), text(0x17, '490101000000Z')),
    name,
    sequence(ED25519, NOTHING(32)),
    ...(alternatives.length === 0 ? [] : [der(0xa3, sequence(extension))]),
  );
  const lines =
    sequence(body, ED25519, NOTHING(64))
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${LABEL}-----`, ...lines, `-----END ${LABEL}-----`, ''].join('\n');
}

const LABEL = 'LANDBRIDGE SERVER NAMES';
