import type { KubeObject } from '../../../clients/kube/object.ts';

export type Matches = (object: KubeObject) => boolean;

/** `a=b,c!=d,e,!f,g in (h,i),j notin (k)`, as the API server reads it. Throws on anything else. */
export function labelSelector(text: string): Matches {
  const requirements = splitOutsideParentheses(text).map(labelRequirement);
  return (object) => requirements.every((holds) => holds(object.metadata.labels ?? {}));
}

function labelRequirement(text: string): (labels: Record<string, string>) => boolean {
  const set = /^(\S+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(text);
  if (set) {
    const [, key = '', operator, list = ''] = set;
    const values = list.split(',').map((value) => value.trim());
    return (labels) => (key in labels && values.includes(labels[key]!)) === (operator === 'in');
  }
  const equality = /^([^=!\s]+)\s*(==|=|!=)\s*([\w.-]*)$/.exec(text);
  if (equality) {
    const [, key = '', operator, value] = equality;
    return (labels) => (labels[key] === value) === (operator !== '!=');
  }
  const existence = /^(!?)\s*([^=!\s()]+)$/.exec(text);
  if (!existence) throw new Error(`unable to parse requirement: ${text}`);
  return (labels) => existence[2]! in labels === (existence[1] === '');
}

/** `metadata.name=a,spec.nodeName!=b`: any path to a scalar; an absent one is ''. */
export function fieldSelector(text: string): Matches {
  const requirements = splitOutsideParentheses(text).map((one) => {
    const parts = /^([^=!]+)(==|=|!=)(.*)$/.exec(one);
    if (!parts) throw new Error(`invalid field selector: ${one}`);
    const [, path = '', operator, value] = parts;
    return (object: KubeObject) => (String(at(object, path.split('.')) ?? '') === value) === (operator !== '!=');
  });
  return (object) => requirements.every((holds) => holds(object));
}

function at(value: unknown, path: string[]): unknown {
  return path.reduce<unknown>((here, step) => (here as Record<string, unknown> | undefined)?.[step], value);
}

function splitOutsideParentheses(text: string): string[] {
  return text
    .split(/,(?![^(]*\))/)
    .map((one) => one.trim())
    .filter((one) => one !== '');
}
