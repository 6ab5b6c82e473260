import { Expression } from '../template/expression.ts';
import { type Tree, treeOf } from '../template/values-tree.ts';
import { type Values, valuesSchema } from './schema.ts';

/** Every value, as the chart is written over it. */
export const values = treeOf(valuesSchema, ['Values']);
export type ValuesTree = Tree<Values>;

/** Of the Helm release; `landbridge` without one. */
export const releaseName = new Expression<string>({ op: 'ref', path: ['Release', 'Name'] });
/** Who applies the objects: `Helm`, or `landbridge`. */
export const releaseService = new Expression<string>({ op: 'ref', path: ['Release', 'Service'] });
export const productVersion = new Expression<string>({ op: 'ref', path: ['Chart', 'AppVersion'] });

/** Where Helm keeps the release; the namespace landbridge may or may not be it. */
export const releaseNamespace = new Expression<string>({ op: 'ref', path: ['Release', 'Namespace'] });
