/** `diverged`: a measurement was not finite, which ended the run for good. */
export type RunEnd = "begun" | "diverged" | "complete";

/** What of a summary says how far its run has come. */
interface Reached {
  readonly steps: { readonly train: number };
  /** Absent in older runs. */
  readonly end?: number;
}

/** Where the axis of a run with this summary ends: environment steps, or updates of a method that takes none. */
export function reachedStep({ end, steps }: Reached): number {
  return end ?? steps.train;
}

/** Whether a run of so many steps has ended, by its summary and what was found. */
export function endOf(
  steps: number,
  summary: Reached | null,
  findings: readonly { readonly signature: string }[],
): RunEnd {
  if (summary && reachedStep(summary) >= steps) return "complete";
  return findings.some(({ signature }) => signature === "not finite") ? "diverged" : "begun";
}
