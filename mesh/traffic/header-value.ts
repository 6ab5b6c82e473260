/**
 * A value as the user wrote it, for Envoy to send it so. Envoy reads %...% in a value as a command, such as one that tells a
 * variable of the sidecar's environment, and refuses the whole route table where it knows none; two signs are one.
 * https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/observability/access_log/usage#command-operators
 */
const literal = (value: string): string => value.replaceAll('%', '%%');

export const literalValues = (values: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, literal(value)]));
