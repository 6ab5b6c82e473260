export const SAMPLE_NAMESPACE = 'shop';
