import { KubeError } from '../clients/kube/errors.ts';
import { sentence } from './sentence.ts';

/** The text of a failed command for the user: the problem, and the remedy where one is known. */
export function advice(error: unknown): string {
  const words = sentence(error);
  const todo = error instanceof KubeError ? todoOf(error) : undefined;
  return todo === undefined ? words : `${words}\n  ${todo}`;
}

function todoOf({ code, reason }: KubeError): string | undefined {
  if (reason === 'Unreachable' || reason === 'Timeout')
    return 'the API server does not answer: is the cluster up, and is it the one you mean? Another is chosen with --kubeconfig or --context; `kubectl config get-contexts` lists them';
  if (code === 401)
    return 'the API server refuses the credentials of the kubeconfig: log in again, or choose another --context';
  if (code === 403) return 'ask whoever runs the cluster for this permission, or choose another --context';
  return undefined;
}
