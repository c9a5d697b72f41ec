/** When a score says nothing of what was learnt from demonstrations: a learner that was shown none came as far. */

/** A method's normalised score over its cells. */
export interface AuditedScore {
  readonly mean: number;
  /** 95 %, of the mean; null where there is one cell. */
  readonly interval: readonly [low: number, high: number] | null;
}

/** Where there is one cell, a control reaches its score from this share of it below. */
const MARGIN = 0.1;

/**
 * Whether a control's normalised score reaches a method's: at or above the lower end of its interval, or, where there is one cell, at
 * or above its mean less a tenth of it.
 */
export function reachesScore(control: number, { mean, interval }: AuditedScore): boolean {
  return control >= (interval ? interval[0] : mean - MARGIN * Math.abs(mean));
}
