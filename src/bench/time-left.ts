/** How long the rest of a bench takes, from the steps a second that were measured. */

/** A measurement of one cell. */
export interface Pace {
  readonly task: string;
  readonly method: string;
  readonly stepsPerSecond: number;
}

/** A cell that has steps to go. */
export interface Remaining {
  readonly task: string;
  readonly method: string;
  readonly steps: number;
}

/**
 * Seconds until the last cell ends where `parallel` of them run at a time, in the order given, those that run first; NaN
 * before anything was measured. A cell is as fast as those of its task and method were on average, else as those of its
 * method, of its task, or as all.
 */
export function secondsLeft(
  remaining: readonly Remaining[],
  paces: readonly Pace[],
  parallel: number,
): number {
  const free = Array.from({ length: parallel }, () => 0);
  for (const { steps, ...cell } of remaining) {
    const next = free.indexOf(Math.min(...free));
    free[next] += steps / paceOf(cell, paces);
  }
  return Math.max(...free);
}

/** Steps a second to expect of a cell; NaN before anything was measured. */
function paceOf({ task, method }: Omit<Remaining, "steps">, paces: readonly Pace[]): number {
  const choices = [
    paces.filter((pace) => pace.task === task && pace.method === method),
    paces.filter((pace) => pace.method === method),
    paces.filter((pace) => pace.task === task),
    paces,
  ];
  const known = choices.find((each) => each.length > 0) ?? [];
  return known.reduce((sum, { stepsPerSecond }) => sum + stepsPerSecond, 0) / known.length;
}
