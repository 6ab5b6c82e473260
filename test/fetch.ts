import { buildServices } from '../services/build.ts';
import { nginxBinary } from './support/rigs/sample-nginx.ts';
import { sampleFolder } from './support/rigs/sample-process.ts';

/** Builds and downloads the sample that tests run. Tests in lanes have no network. */
await buildServices(sampleFolder, (line) => console.log(line));
console.log(await nginxBinary());
