import { readFileSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';
import { type Lock, billOfMaterials } from './bill-of-materials.ts';

/** The one program: every process of Landbridge is a subcommand of it. */
export const bundlePath = fileURLToPath(new URL('dist/landbridge.mjs', import.meta.url));
/** What is in it, beside it. */
export const billPath = fileURLToPath(new URL('dist/landbridge.cdx.json', import.meta.url));

/**
 * Bundles `cli/main.ts` and all it needs into one file that Node 20 runs with no node_modules beside it.
 * Gives its path. Some dependencies are CommonJS and call `require` for Node's own modules: in an ES module that has to be made.
 */
export async function buildBundle(entry = fileURLToPath(new URL('cli/main.ts', import.meta.url))): Promise<string> {
  await mkdir(new URL('dist/', import.meta.url), { recursive: true });
  const { metafile } = await build({
    metafile: true,
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
  });
  await writeFile(billPath, billOfMaterials(Object.keys(metafile.inputs), readLock()));
  await chmod(bundlePath, 0o755);
  return bundlePath;
}

const readLock = (): Lock => JSON.parse(readFileSync(new URL('package-lock.json', import.meta.url), 'utf8')) as Lock;

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildBundle();
