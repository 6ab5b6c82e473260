/** Order by code units, so that no locale changes it. */
export const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
