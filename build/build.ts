import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { type Plugin, build } from 'esbuild';
import { type Lock, billOfMaterials } from './bill-of-materials.ts';

/** The one program: every process of Landbridge is a subcommand of it. */
export const bundlePath = fileURLToPath(new URL('../dist/landbridge.mjs', import.meta.url));
/** The bill of materials of the program, beside it. */
export const billPath = fileURLToPath(new URL('../dist/landbridge.cdx.json', import.meta.url));

/**
 * Bundles `cli/main.ts` and all it needs into one file that Node 20 runs with no node_modules beside it.
 * Gives its path. Some dependencies are CommonJS and call `require` for Node's own modules: in an ES module that has to be made.
 */
export async function buildBundle(entry = fileURLToPath(new URL('../cli/main.ts', import.meta.url))): Promise<string> {
  await mkdir(new URL('../dist/', import.meta.url), { recursive: true });
  const { metafile, outputFiles } = await build({
    metafile: true,
    write: false,
    entryPoints: [entry],
    outfile: bundlePath,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    // Names in stack traces and in `constructor.name`, which libraries look at, stay as written.
    keepNames: true,
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    sourcemap: 'linked',
    sourcesContent: false,
    banner: {
      js: [
        "import { createRequire as __createRequire } from 'node:module';",
        "import { fileURLToPath as __fileURLToPath } from 'node:url';",
        'const require = __createRequire(import.meta.url);',
        'const __filename = __fileURLToPath(import.meta.url);',
        "const __dirname = __fileURLToPath(new URL('.', import.meta.url));",
      ].join('\n'),
    },
    logLevel: 'warning',
    plugins: [leanKubeClient],
  });
  for (const { path, contents } of outputFiles) await replaceFile(path, contents, path === bundlePath ? 0o755 : 0o644);
  await replaceFile(billPath, billOfMaterials(Object.keys(metafile.inputs), readLock()), 0o644);
  return bundlePath;
}

/** Others may run the program, or build it, at this moment, in this process too. */
async function replaceFile(path: string, contents: string | Uint8Array, mode: number): Promise<void> {
  const beside = `${path}.${randomUUID()}`;
  await writeFile(beside, contents, { mode });
  await rename(beside, path);
}

/**
 * Of the Kubernetes client package the program uses KubeConfig and PortForward. Its index, and two methods of KubeConfig
 * that nobody here calls, bring in the classes of every API group and a `fetch`: a sixth of the program, and 10 MB of
 * memory in each of its processes. In their places are empty ones, so calling those methods would throw.
 */
const leanKubeClient: Plugin = {
  name: 'lean-kube-client',
  setup({ onResolve, onLoad }) {
    const namespace = 'lean-kube-client';
    const unused: Record<string, string> = {
      './gen/index.js': 'export const createConfiguration = undefined, ServerConfiguration = undefined;',
      'node-fetch': 'export const { Headers } = globalThis;',
    };
    onResolve({ filter: /^@kubernetes\/client-node$/ }, ({ path, resolveDir }) => ({
      path,
      namespace,
      pluginData: resolveDir,
    }));
    onResolve({ filter: /^(\.\/gen\/index\.js|node-fetch)$/ }, ({ path, importer }) =>
      importer.endsWith('@kubernetes/client-node/dist/config.js') ? { path, namespace } : undefined,
    );
    onLoad({ filter: /.*/, namespace }, ({ path, pluginData }) => ({
      resolveDir: pluginData as string | undefined,
      contents: unused[path] ?? `export * from '${path}/dist/config.js'; export * from '${path}/dist/portforward.js';`,
    }));
  },
};

const readLock = (): Lock => JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8')) as Lock;

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildBundle();
