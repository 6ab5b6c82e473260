const bytesOf = (text: string): string =>
  text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

/** RFC 3986 section 5.2.4, with slashes merged: a path of a file system. */
function resolved(path: string): string {
  const kept: string[] = [];
  const segments = path.split('/').slice(1);
  segments.forEach((segment, index) => {
    const last = index === segments.length - 1;
    if (segment === '..') kept.pop();
    else if (segment !== '.' && (segment !== '' || last)) kept.push(segment);
    if (last && (segment === '.' || segment === '..')) kept.push('');
  });
  return `/${kept.join('/')}`;
}

const untilZero = (path: string): string => path.split('\0')[0]!;
const withoutParameters = (path: string): string => path.replace(/;[^/]*/g, '');
const backslashes = (path: string): string => path.replaceAll('\\', '/');
/** Two bytes or three for one ASCII character, as decoders read it that do not look for the shortest form; and fullwidth forms. */
const lenient = (path: string): string =>
  path
    .replace(/\xc0([\x80-\xbf])/g, (_, low: string) => String.fromCharCode(low.charCodeAt(0) & 0x3f))
    .replace(/\xc1([\x80-\xbf])/g, (_, low: string) => String.fromCharCode(0x40 | (low.charCodeAt(0) & 0x3f)))
    .replace(/\xe0\x80([\x80-\xbf])/g, (_, low: string) => String.fromCharCode(low.charCodeAt(0) & 0x3f))
    .replace(/\xf0\x80\x80([\x80-\xbf])/g, (_, low: string) => String.fromCharCode(low.charCodeAt(0) & 0x3f))
    .replace(/\xef\xbc([\x8e\x8f\xbc])/g, (_, low: string) => ({ '\x8e': '.', '\x8f': '/', '\xbc': '\\' })[low] ?? low);
const compatible = (path: string): string => Buffer.from(path, 'latin1').toString('utf8').normalize('NFKC');

/** Ways in which apps read a path, without the query. */
const READERS: Record<string, (path: string) => string> = {
  raw: (path) => path,
  'Node and Go, which decode and do not resolve': (path) => bytesOf(path),
  'nginx, WSGI and PHP, which decode and then resolve': (path) => resolved(bytesOf(path)),
  'C, which stops at a zero': (path) => untilZero(resolved(bytesOf(path))),
  'Tomcat and Jetty, which take parameters off, decode and resolve': (path) =>
    resolved(bytesOf(withoutParameters(path))),
  'Spring, which decodes, takes parameters off and resolves': (path) => resolved(withoutParameters(bytesOf(path))),
  'IIS, for which a backslash is a slash and blanks at the end are none': (path) =>
    resolved(
      backslashes(bytesOf(path)).replace(/[ .]+(?=\/|$)/g, (end) => (/^\.{1,2}$/.test(end) ? end : end.trimEnd())),
    ),
  'one that decodes twice': (path) => resolved(bytesOf(bytesOf(path))),
  'one that decodes three times': (path) => resolved(bytesOf(bytesOf(bytesOf(path)))),
  'one that takes overlong and fullwidth forms': (path) => resolved(backslashes(lenient(bytesOf(path)))),
  'one that takes the compatible form of Unicode (NFKC)': (path) => resolved(backslashes(compatible(bytesOf(path)))),
};

/** The readings of a request target, each with its reader. An app takes scheme and host off a whole URL first. */
export function readings(target: string): [reader: string, path: string][] {
  const path = target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '').split('?')[0]!;
  return Object.entries(READERS).map(([reader, read]) => [reader, read(path)]);
}
