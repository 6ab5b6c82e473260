/**
 * Spellings of a request for /admin (or for something else outside the rule) by one who may ask below /public/ only. From the
 * public reports of Istio, Contour, Envoy, Tomcat, Jetty, IIS and Spring, and from lists for testers of web servers.
 */
export const SPELLINGS: string[] = [
  '/admin',
  '/public/../admin',
  '/public/./../admin',
  '/public//../admin',
  '/public//../../admin',
  '/public/x/../../admin',
  '/public/..//admin',
  '/public/..',
  '/public/../',
  '/public/.',
  '/public/%2e%2e/admin',
  '/public/%2E%2E/admin',
  '/public/.%2e/admin',
  '/public/%2e./admin',
  '/public/..%2fadmin',
  '/public/..%2Fadmin',
  '/public/%2e%2e%2fadmin',
  '/public%2f..%2fadmin',
  '/public/x%2f..%2f..%2fadmin',
  '/public/..%5cadmin',
  '/public/..%5Cadmin',
  '/public/%2e%2e%5cadmin',
  '/public/..\\admin',
  '/public\\..\\admin',
  '/public/\\../admin',
  '/public/..;/admin',
  '/public/..;x=y/admin',
  '/public/..;a/..;b/admin',
  '/public/.;/..;/admin',
  '/public/%2e%2e;/admin',
  '/public/..%3b/admin',
  '/public/;/../../admin',
  '/public/x;/../../admin',
  '/public;/../admin',
  '/public/..%00/admin',
  '/public/..%0a/admin',
  '/public/..%0d%0a/admin',
  '/public/..%09/admin',
  '/public/..%20/admin',
  '/public/.. /admin',
  '/public/..%2e/admin',
  '/public/%252e%252e/admin',
  '/public/%252e%252e%252fadmin',
  '/public/..%252fadmin',
  '/public/..%255cadmin',
  '/public/%25252e%25252e%25252fadmin',
  '/public/%c0%ae%c0%ae/admin',
  '/public/%c0%ae%c0%ae%c0%afadmin',
  '/public/..%c0%afadmin',
  '/public/..%c1%9cadmin',
  '/public/%e0%80%ae%e0%80%ae/admin',
  '/public/%u002e%u002e/admin',
  '/public/..%u2215admin',
  '/public/%ef%bc%8e%ef%bc%8e/admin',
  '/public/..%ef%bc%8fadmin',
  '/public/..%zz/admin',
  '/public/..%/admin',
  '/public/..#/admin',
  '/public/..?/admin',
  '/public/..%3f/admin',
  '/public/..%23/admin',
  '//admin',
  '/./admin',
  '/;/admin',
  '/%61dmin',
  '/%2561dmin',
  '/admin/../public/../admin',
  '/admin;/public/',
  '/admin%00/public/x',
  '/admin%3b/public/items/a.json',
  '/admin;x.json',
  '/admin;a=b/x.json',
  '/admin%3fx.json',
  '/admin%23x.json',
  '/admin%00.json',
  '/admin%0a.json',
  '/%61dmin/x.json',
  '/admin/..;/public/items/a.json',
  '/public/items/..%2f..%2fadmin',
  '/public/items/..',
  '/public/items/..;',
  '/public/items/a%2f..%2f..%2f..%2fadmin',
  '/public/orders/../../admin',
  '/public/orders;/../../admin',
  '/public/orders%2f..%2f..%2fadmin',
  '*',
  'http://web/public/../admin',
  'http://web/public/..%2fadmin',
];

const decoded = (text: string): string => {
  let out = '';
  const bytes = text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  for (const character of bytes) out += character;
  return out;
};

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
    .replace(/\xef\xbc([\x8e\x8f\xbc])/g, (_, low: string) => ({ '\x8e': '.', '\x8f': '/', '\xbc': '\\' })[low] ?? low);

/** Ways in which apps read a path, without the query. */
export const READERS: Record<string, (path: string) => string> = {
  raw: (path) => path,
  'Node and Go, which decode and do not resolve': (path) => decoded(path),
  'nginx, WSGI and PHP, which decode and then resolve': (path) => resolved(decoded(path)),
  'C, which stops at a zero': (path) => untilZero(resolved(decoded(path))),
  'Tomcat and Jetty, which take parameters off, decode and resolve': (path) =>
    resolved(decoded(withoutParameters(path))),
  'Spring, which decodes, takes parameters off and resolves': (path) => resolved(withoutParameters(decoded(path))),
  'IIS, for which a backslash is a slash and blanks at the end are none': (path) =>
    resolved(
      backslashes(decoded(path)).replace(/[ .]+(?=\/|$)/g, (end) => (/^\.{1,2}$/.test(end) ? end : end.trimEnd())),
    ),
  'one that decodes twice': (path) => resolved(decoded(decoded(path))),
  'one that decodes three times': (path) => resolved(decoded(decoded(decoded(path)))),
  'one that takes overlong and fullwidth forms': (path) => resolved(backslashes(lenient(decoded(path)))),
};
