export interface PreflightFacts {
  readonly at: number;
}
