/** A finite Markov decision process that goes on for ever (absorbing states are self-loops). Plain data. */
export interface TabularMdp {
  /** Name with its parameters, e.g. `Garnet-v0(20 states, 4 actions, branching 3, seed 0)`. */
  readonly name: string;
  /** S. */
  readonly states: number;
  /** A. Pairs are numbered s A + a. */
  readonly actions: number;
  /** P(s' | s, a), rows sum to 1, [S, A, S]. */
  readonly transitions: Float64Array;
  /** mu0(s), [S]. */
  readonly initial: Float64Array;
  /** True reward r(s, a), [S, A]. For making experts and for reporting: no learner reads it. */
  readonly rewards: Float64Array;
}

/** What can happen in a problem, without what it is worth. */
export type TabularDynamics = Omit<TabularMdp, "name" | "rewards">;
