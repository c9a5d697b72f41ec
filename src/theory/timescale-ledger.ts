/** What each level of a two-timescale run has cost. Plain data, updated in place by `enterIteration`. */
export interface TimescaleLedger {
  /** Outer iterations. */
  iterations: number;
  /** TD steps, each one environment step. */
  policySteps: number;
  /** Environment steps of the agent's trajectories for the reward's gradient. */
  rewardSteps: number;
  /** Milliseconds. */
  policyTime: number;
  rewardTime: number;
}

/** One iteration's entry. */
export interface TimescaleEntry {
  /** T_k. */
  readonly innerSteps: number;
  /** Environment steps of its agent trajectories. */
  readonly agentSteps: number;
  /** Milliseconds. */
  readonly policyTime: number;
  readonly rewardTime: number;
}

/** A ledger in which nothing is written yet. */
export function emptyLedger(): TimescaleLedger {
  return { iterations: 0, policySteps: 0, rewardSteps: 0, policyTime: 0, rewardTime: 0 };
}

/** Add an iteration. */
export function enterIteration(ledger: TimescaleLedger, entry: TimescaleEntry): void {
  ledger.iterations++;
  ledger.policySteps += entry.innerSteps;
  ledger.rewardSteps += entry.agentSteps;
  ledger.policyTime += entry.policyTime;
  ledger.rewardTime += entry.rewardTime;
}

/** Share of samples and of time spent in the fast level, in [0, 1]; null while there are none. */
export function policyShares(ledger: TimescaleLedger): { samples: number | null; time: number | null } {
  return {
    samples: share(ledger.policySteps, ledger.rewardSteps),
    time: share(ledger.policyTime, ledger.rewardTime),
  };
}

/**
 * eta / alpha, which must be large for the policy to follow the reward (arXiv:2503.17865, Section 4.3), and
 * eta T_k / alpha, which also counts that the fast level takes T_k steps to the slow one's one. Infinity for alpha 0.
 */
export function timescaleRatio(
  policyStepSize: number,
  rewardStepSize: number,
  innerSteps: number,
): { step: number; iteration: number } {
  const step = policyStepSize / rewardStepSize;
  return { step, iteration: innerSteps * step };
}

function share(part: number, rest: number): number | null {
  return part + rest > 0 ? part / (part + rest) : null;
}
