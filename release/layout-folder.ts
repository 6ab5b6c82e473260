/** The folder of the image layout among the artefacts. */
export const LAYOUT = 'oci';
