/** The text of one key of a Secret; empty without the key. */
export const secretText = ({ data }: { data?: Record<string, string> }, key: string): string =>
  Buffer.from(data?.[key] ?? '', 'base64').toString('utf8');

/** The `data` of a Secret that holds these texts. */
export const secretData = (texts: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, Buffer.from(text, 'utf8').toString('base64')]));
