export type Component = 'consul' | 'operator' | 'bridge' | 'bootstrap' | 'test' | 'removal' | 'edge';

/** What finds the pods of a component; a selector is never changed once it is installed. */
export const selectorLabels = (component: Component) => ({
  'app.kubernetes.io/name': 'landbridge',
  'app.kubernetes.io/component': component,
});

export const labels = (component?: Component) => ({
  'app.kubernetes.io/part-of': 'landbridge',
  ...(component === undefined ? { 'app.kubernetes.io/name': 'landbridge' } : selectorLabels(component)),
});
