import manifest from '../package.json' with { type: 'json' };

/** Of the program, its images and its chart. package.json is the one place that says it. */
export const VERSION_OF_PRODUCT = manifest.version;
