/** One way in which a path of `spec.expose` is met. */
export interface PathMatch {
  Match: 'exact' | 'prefix';
  Value: string;
}

/** /api serves /api and what is below it; a prefix /api alone would serve /apis too. */
export function servedPaths(path: string): PathMatch[] {
  const base = withoutSlash(path);
  if (base === '') return [{ Match: 'prefix', Value: '/' }];
  return [
    { Match: 'exact', Value: base },
    { Match: 'prefix', Value: `${base}/` },
  ];
}

export const withoutSlash = (path: string): string => path.replace(/\/+$/, '');
