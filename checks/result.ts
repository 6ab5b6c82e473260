export interface CheckResult {
  ok: boolean;
  /** One line. */
  output: string;
}
