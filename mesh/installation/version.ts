import manifest from '../../package.json' with { type: 'json' };

/** The program, its images and its chart have one version. It is written in package.json and nowhere else. */
export const VERSION_OF_PRODUCT = manifest.version;
