import { Expression } from '../template/expression.ts';
import { type Tree, treeOf } from '../template/values-tree.ts';
import { type Values, valuesSchema } from './schema.ts';

/** Every value, as the chart is written over it. */
export const values = treeOf(valuesSchema, ['Values']);
export type ValuesTree = Tree<Values>;

/** The name of the Helm release; `landbridge` without a release. */
export const releaseName = new Expression<string>({ op: 'ref', path: ['Release', 'Name'] });
/** The manager that applies the objects: `Helm`, or `landbridge`. */
export const releaseService = new Expression<string>({ op: 'ref', path: ['Release', 'Service'] });
export const productVersion = new Expression<string>({ op: 'ref', path: ['Chart', 'AppVersion'] });

/** The namespace in which Helm keeps the release. It can differ from the namespace landbridge. */
export const releaseNamespace = new Expression<string>({ op: 'ref', path: ['Release', 'Namespace'] });
