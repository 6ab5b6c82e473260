import type { Finding } from '../../agent/reach/self-test.ts';

/** One line a finding. */
export const selfTestText = (findings: Finding[]): string =>
  findings
    .map(({ instance, upstream, ok, output }) => {
      if (instance === '') return `  ${ok ? 'ok  ' : 'FAIL'} ${output}\n`;
      const way =
        upstream === undefined
          ? `mesh -> ${instance}`
          : `${instance} -> ${upstream.service} (127.0.0.1:${upstream.localPort})`;
      return `  ${ok ? 'ok  ' : 'FAIL'} ${way}: ${output}\n`;
    })
    .join('');
