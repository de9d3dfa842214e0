export interface StepEvidence {
  readonly elapsedMs: number;
}
