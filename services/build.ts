import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bringUpToDate } from './build/artefact.ts';
import type { Artefact, Built } from './build/artefact.ts';
import { copyInto, filesIn, linkTree } from './build/files.ts';
import { frontend, nodeRuntime } from './build/frontend.ts';
import { goService } from './build/go.ts';
import { javaRuntime, javaService } from './build/java.ts';
import { toolVersions } from './build/tools.ts';

const services = dirname(fileURLToPath(import.meta.url));

/**
 * Makes everything the sample runs from, `outDir/NAME/` each: `jre`, `node`, and one folder a service. A folder with a
 * Dockerfile is a whole context for its stage `prebuilt`. What is up to date is left alone; `log` gets a line for each that is made.
 *
 * Rejects when a tool is missing (with its remedy) or a build fails (with the tool's words).
 */
export async function buildServices(outDir: string, log: (line: string) => void): Promise<Built[]> {
  const out = resolve(outDir);
  await mkdir(out, { recursive: true });
  const versions = await toolVersions();
  // A change of the build itself builds everything again, too.
  const ways = [join(services, 'build.ts'), ...(await filesIn(join(services, 'build'), '.ts'))];
  const make = async (artefact: Artefact): Promise<Built> => {
    const startedMs = performance.now();
    const built = await bringUpToDate({ ...artefact, sources: [...artefact.sources, ...ways] }, out);
    if (built.made) log(`built ${built.name} in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
    return built;
  };
  // One after the other: each tool uses all cores by itself.
  const jre = await make(javaRuntime(services, versions.java));
  const node = await make(nodeRuntime(versions.node));
  return [
    jre,
    node,
    await make(containing(await javaService(services, 'add-svc', 'sample.AddSvc', versions.java), jre)),
    await make(containing(await javaService(services, 'api-gateway', 'sample.ApiGateway', versions.java), jre)),
    await make(containing(await frontend(services, versions.node), node)),
    await make(await goService(services, 'sub-svc', versions.go)),
    await make(await goService(services, 'echo', versions.go)),
    await make(await goService(services, 'ledger', versions.go)),
    await make(await edge()),
  ];
}

function containing(artefact: Artefact, part: Built): Artefact {
  return {
    ...artefact,
    recipe: [...artefact.recipe, part.key],
    make: async (folder) => {
      await artefact.make(folder);
      await linkTree(part.folder, join(folder, part.name));
    },
  };
}

/** Nothing to compile: nginx itself comes with the machine. */
async function edge(): Promise<Artefact> {
  const files = await filesIn(join(services, 'edge'), '.sh', '.template', '.service');
  return { name: 'edge', sources: files, recipe: [], make: (folder) => copyInto(folder, files) };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [outDir, ...rest] = process.argv.slice(2);
  if (!outDir || rest.length > 0) {
    console.error('usage: node --import tsx services/build.ts OUTDIR');
    process.exitCode = 2;
  } else {
    const built = await buildServices(outDir, console.log);
    console.log(`${built.length} parts are up to date in ${outDir}`);
  }
}
