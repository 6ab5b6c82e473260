import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CRD_FILE, crdYaml } from '../../crds/generate.ts';
import { cliPage } from './cli.ts';
import { meshServicePage } from './mesh-service.ts';
import { bridgeApi } from './bridge-api.ts';
import { definitionSchema, meshServiceSchema, valuesFileSchema } from './schemas.ts';
import { valuesPage } from './values.ts';

const page = (name: string): URL => new URL(`../${name}`, import.meta.url);

/** Every file that is checked in and made from something else. */
export const GENERATED: { file: URL; make: () => string }[] = [
  { file: CRD_FILE, make: crdYaml },
  { file: page('cli.md'), make: cliPage },
  { file: page('mesh-service.md'), make: meshServicePage },
  { file: page('values.md'), make: valuesPage },
  { file: page('bridge-api.json'), make: bridgeApi },
  { file: page('schemas/mesh-service.json'), make: meshServiceSchema },
  { file: page('schemas/values.json'), make: valuesFileSchema },
  { file: page('schemas/service.json'), make: definitionSchema },
];

/** `npm run generate` writes them; with `--check` it only says, by its exit code too, which are not as they would be made. */
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const { file, make } of GENERATED) {
    const text = make();
    if (!process.argv.includes('--check')) writeFileSync(file, text);
    else if (readFileSync(file, 'utf8') !== text) {
      process.stderr.write(`${fileURLToPath(file)} is not what npm run generate would make\n`);
      process.exitCode = 1;
    }
  }
}
