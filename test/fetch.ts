import { buildServices } from '../services/build.ts';
import { nginxBinary } from './support/sample-nginx.ts';
import { sampleFolder } from './support/sample-process.ts';

/** Builds and downloads the sample that tests run. Tests in lanes have no network. */
await buildServices(sampleFolder, (line) => console.log(line));
console.log(await nginxBinary());
