export interface ImageConfig {
  User: string;
  Env: string[];
  Entrypoint: string[];
  Labels: Record<string, string>;
}

/** The configuration of a container, as the stage `runtime` of a Dockerfile states it: the image is the same whether an engine made it or a release. */
export function runtimeConfig(dockerfile: string): ImageConfig {
  const stage = /^FROM \S+ AS runtime\n([^]*?)(?=^FROM )/m.exec(dockerfile)?.[1];
  if (stage === undefined) throw new Error('the Dockerfile has no stage called runtime');
  const all = (word: string): string[] =>
    [...stage.matchAll(new RegExp(`^${word} (.+)$`, 'gm'))].map(([, rest]) => rest!);
  const [user] = all('USER');
  const [entrypoint] = all('ENTRYPOINT');
  if (user === undefined || entrypoint === undefined) throw new Error('the stage runtime has no USER or ENTRYPOINT');
  return {
    User: user,
    Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...all('ENV')],
    Entrypoint: JSON.parse(entrypoint) as string[],
    Labels: Object.fromEntries(
      all('LABEL').flatMap((line) => [...line.matchAll(/(\S+)="([^"]*)"/g)].map(([, name, value]) => [name!, value!])),
    ),
  };
}
