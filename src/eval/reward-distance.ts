/**
 * Distances between rewards that no potential shaping and no positive scale changes, exactly, for tables over a tabular
 * problem: EPIC (arXiv:2006.13900), DARD (arXiv:2201.10081) and STARC (arXiv:2309.15257). Each takes a reward to a
 * canonical form, scales that to norm 1 and halves the length between two: 0 for equivalent rewards, 1 for opposite
 * ones, about sqrt(1/2) for unrelated ones. All are pseudometrics. A reward whose canonical form is 0 stays 0, as
 * STARC has it: 0 from its like, 1/2 from all others.
 */
import { TandemError } from "../core/index.ts";
import type { TabularMdp } from "../envs/tabular/tabular-mdp.ts";
import { solveLinear } from "../rl/linear-system.ts";
import { halfLength, largestOf, normalised, standardised } from "./unit-rewards.ts";

/** Where and for which discount two tables are compared. */
export interface RewardDistanceOptions {
  /** gamma: in [0, 1] for EPIC and DARD, in [0, 1) for STARC. */
  readonly discount: number;
  /** D(s, a, s'), sums to 1, [S, A, S]. D_S and D_A, its marginals over s and a, are what expectations are over. */
  readonly coverage: Float64Array;
}

/** Those of STARC. The coverage must reach every pair (s, a): only then is its norm one. */
export interface StarcOptions extends RewardDistanceOptions {
  /** "value-adjusted" subtracts V of the policy that draws from D_A, "minimal" leaves the least norm that shaping can. */
  readonly canonical: "value-adjusted" | "minimal";
}

type Spaces = Pick<TabularMdp, "states" | "actions">;
type Dynamics = Pick<TabularMdp, "states" | "actions" | "transitions">;

/** The coverage that is even over all (s, a, s'), impossible ones too, [S, A, S]. */
export function uniformCoverage({ states, actions }: Spaces): Float64Array {
  return new Float64Array(states * actions * states).fill(1 / (states * actions * states));
}

/** The coverage that is even over pairs and follows the problem from there, P(s'|s, a) / (S A), [S, A, S]. */
export function possibleCoverage({ states, actions, transitions }: Dynamics): Float64Array {
  return transitions.map((probability) => probability / (states * actions));
}

/** sqrt((1 - rho) / 2), rho the correlation of `epicCanonical` under the coverage (arXiv:2006.13900, Section 4). */
export function epicDistance(
  spaces: Spaces,
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  options: RewardDistanceOptions,
): number {
  return correlationDistance(first, second, options, (reward) => epicCanonical(spaces, reward, options));
}

/** The same with `dardCanonical` (arXiv:2201.10081, Section 4). */
export function dardDistance(
  mdp: Dynamics,
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  options: RewardDistanceOptions,
): number {
  return correlationDistance(first, second, options, (reward) => dardCanonical(mdp, reward, options));
}

function correlationDistance(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  { coverage }: RewardDistanceOptions,
  canonical: (reward: ArrayLike<number>) => Float64Array,
): number {
  const [one, other] = [first, second].map((reward) =>
    standardised(canonical(reward), coverage, largestOf(reward)),
  );
  return halfLength(one, other, coverage);
}

/**
 * |c1 / |c1| - c2 / |c2|| / 2 with `starcCanonical` and the norm of L2(D) (arXiv:2309.15257, Section 2; halved here so
 * as to end at 1). Where every state is reached, it is 0 just for rewards that order all policies alike.
 */
export function starcDistance(
  mdp: Dynamics,
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  options: StarcOptions,
): number {
  const weights = pairMarginal(options.coverage, mdp.states);
  const point = (reward: ArrayLike<number>): Float64Array =>
    normalised(starcCanonical(mdp, reward, options), weights, largestOf(reward));
  return halfLength(point(first), point(second), weights);
}

/**
 * C(s, a, s') = R(s, a, s') + E[gamma R(s', A, S') - R(s, A, S') - gamma R(S, A, S')], [S, A, S], with S, S' ~ D_S and
 * A ~ D_A, each apart (arXiv:2006.13900, Def. 4.1). `reward` is R(s, a) [S, A] or R(s, a, s') [S, A, S].
 */
export function epicCanonical(
  spaces: Spaces,
  reward: ArrayLike<number>,
  options: RewardDistanceOptions,
): Float64Array {
  const { states, actions } = spaces;
  const { discount, coverage } = options;
  checkOptions("epicCanonical", spaces, options);
  const table = fullTable("epicCanonical", spaces, reward);
  const { stateMass, actionMass } = marginals(spaces, coverage);
  const nextMass = table.map((_, i) => stateMass[i % states]);
  const means = meansFromEach(spaces, table, actionMass, nextMass);
  const mean = means.reduce((sum, value, s) => sum + stateMass[s] * value, 0);
  return table.map((value, i) => {
    const s = Math.floor(i / (actions * states));
    return value + discount * means[i % states] - means[s] - discount * mean;
  });
}

/**
 * C(s, a, s') = R(s, a, s') + E[gamma R(s', A, S'') - R(s, A, S') - gamma R(S', A, S'')], [S, A, S], with A ~ D_A,
 * S' ~ P(s, A) and S'' ~ P(s', A): the problem decides where the reward is asked for (arXiv:2201.10081, Eq. 3). S''
 * comes from s', not from S': that makes shaping cancel. `reward` as for `epicCanonical`.
 */
export function dardCanonical(
  mdp: Dynamics,
  reward: ArrayLike<number>,
  options: RewardDistanceOptions,
): Float64Array {
  const { states, actions, transitions } = mdp;
  const { discount, coverage } = options;
  checkOptions("dardCanonical", mdp, options);
  const table = fullTable("dardCanonical", mdp, reward);
  const { actionMass } = marginals(mdp, coverage);
  const means = meansFromEach(mdp, table, actionMass, transitions);
  const between = rewardsBetween(mdp, table, actionMass);
  return table.map((value, i) => {
    const s = Math.floor(i / (actions * states));
    const next = i % states;
    return value + discount * means[next] - means[s] - discount * between[s * states + next];
  });
}

/**
 * c(s, a) = E[R(s, a, S') + gamma Phi(S')] - Phi(s), S' ~ P(s, a), [S, A]: what STARC makes of c(s, a, s') does not
 * depend on s'. Value-adjusted levelling has Phi = V of the policy D_A, so that c is its advantage; the minimal canonical
 * form has the Phi of least |c| in L2(D) (arXiv:2309.15257, Section 2). `reward` as for `epicCanonical`.
 */
export function starcCanonical(
  mdp: Dynamics,
  reward: ArrayLike<number>,
  options: StarcOptions,
): Float64Array {
  const { states, actions, transitions } = mdp;
  const { discount, coverage, canonical } = options;
  checkOptions("starcCanonical", mdp, options);
  if (discount === 1) throw new TandemError("starcCanonical", "expected a discount in [0, 1), got 1");
  const weights = pairMarginal(coverage, states);
  const missing = weights.indexOf(0);
  if (missing >= 0) {
    throw new TandemError(
      "starcCanonical",
      `expected a coverage of every pair, got 0 for state ${Math.floor(missing / actions)}, action ${missing % actions}; try possibleCoverage`,
    );
  }
  const table = fullTable("starcCanonical", mdp, reward);
  const result = new Float64Array(states * actions);
  for (let i = 0; i < table.length; i++) result[Math.floor(i / states)] += transitions[i] * table[i];
  const shaping = shapingMatrix(mdp, discount);
  const { actionMass } = marginals(mdp, coverage);
  // Advantages are orthogonal to the policy in each state, what has the least norm is so to every shaping.
  const normal = shaping.map((value, i) => {
    const pair = Math.floor(i / states);
    if (canonical === "minimal") return weights[pair] * value;
    return i % states === Math.floor(pair / actions) ? actionMass[pair % actions] : 0;
  });
  const potential = orthogonalPotential(shaping, normal, result);
  for (let i = 0; i < shaping.length; i++) {
    result[Math.floor(i / states)] += shaping[i] * potential[i % states];
  }
  return result;
}

/** X(s, a, k) = gamma P(k|s, a) - 1{k = s}, [S, A, S]: what a potential of 1 in state k adds to the pair's mean reward. */
function shapingMatrix({ states, actions, transitions }: Dynamics, discount: number): Float64Array {
  const shaping = transitions.map((probability) => discount * probability);
  for (let pair = 0; pair < states * actions; pair++) {
    shaping[pair * states + Math.floor(pair / actions)] -= 1;
  }
  return shaping;
}

/** The Phi [S] for which N^T (r + X Phi) = 0, r being [S, A]. */
function orthogonalPotential(
  shaping: Float64Array,
  normal: Float64Array,
  rewards: Float64Array,
): Float64Array {
  const states = shaping.length / rewards.length;
  const matrix = new Float64Array(states * states);
  const right = new Float64Array(states);
  for (let i = 0; i < normal.length; i++) {
    if (normal[i] === 0) continue;
    const pair = Math.floor(i / states);
    const k = i % states;
    right[k] -= normal[i] * rewards[pair];
    for (let s = 0; s < states; s++) matrix[k * states + s] += normal[i] * shaping[pair * states + s];
  }
  return solveLinear(matrix, right);
}

/** E R(s, A, S') with A ~ `actionMass` [A] and S' ~ `nextMass` [S, A, S] of (s, A), [S]. */
function meansFromEach(
  { states, actions }: Spaces,
  table: Float64Array,
  actionMass: Float64Array,
  nextMass: Float64Array,
): Float64Array {
  const means = new Float64Array(states);
  for (let i = 0; i < table.length; i++) {
    const pair = Math.floor(i / states);
    means[Math.floor(pair / actions)] += actionMass[pair % actions] * nextMass[i] * table[i];
  }
  return means;
}

/** E R(S', A, S'') with S' ~ P(s, A) and S'' ~ P(s', A), [S, S]: two matrix products for each action. */
function rewardsBetween(
  { states, actions, transitions }: Dynamics,
  table: Float64Array,
  actionMass: Float64Array,
): Float64Array {
  const result = new Float64Array(states * states);
  const row = (s: number, a: number): number => (s * actions + a) * states;
  for (let a = 0; a < actions; a++) {
    for (let next = 0; next < states; next++) {
      for (let from = 0; from < states; from++) {
        let expected = 0;
        for (let k = 0; k < states; k++) expected += transitions[row(next, a) + k] * table[row(from, a) + k];
        expected *= actionMass[a];
        for (let s = 0; s < states; s++)
          result[s * states + next] += transitions[row(s, a) + from] * expected;
      }
    }
  }
  return result;
}

/** D_S [S] and D_A [A]. */
function marginals(
  { states, actions }: Spaces,
  coverage: Float64Array,
): { stateMass: Float64Array; actionMass: Float64Array } {
  const stateMass = new Float64Array(states);
  const actionMass = new Float64Array(actions);
  pairMarginal(coverage, states).forEach((mass, pair) => {
    stateMass[Math.floor(pair / actions)] += mass;
    actionMass[pair % actions] += mass;
  });
  return { stateMass, actionMass };
}

/** D(s, a), [S, A]. */
function pairMarginal(coverage: Float64Array, states: number): Float64Array {
  const mass = new Float64Array(coverage.length / states);
  for (let i = 0; i < coverage.length; i++) mass[Math.floor(i / states)] += coverage[i];
  return mass;
}

/** R(s, a, s'), [S, A, S]. */
function fullTable(where: string, { states, actions }: Spaces, reward: ArrayLike<number>): Float64Array {
  const pairs = states * actions;
  if (reward.length !== pairs && reward.length !== pairs * states) {
    throw new TandemError(
      where,
      `expected a reward of shape [${states}, ${actions}] or [${states}, ${actions}, ${states}], got ${reward.length} numbers`,
    );
  }
  const repeats = (pairs * states) / reward.length;
  const table = Float64Array.from({ length: pairs * states }, (_, i) => reward[Math.floor(i / repeats)]);
  const odd = table.find((value) => !Number.isFinite(value));
  if (odd !== undefined) {
    throw new TandemError(where, `expected finite rewards, got ${odd}; check what made them`);
  }
  return table;
}

function checkOptions(
  where: string,
  { states, actions }: Spaces,
  { discount, coverage }: RewardDistanceOptions,
): void {
  if (!(discount >= 0 && discount <= 1)) {
    throw new TandemError(where, `expected a discount in [0, 1], got ${discount}`);
  }
  if (coverage.length !== states * actions * states) {
    throw new TandemError(
      where,
      `expected a coverage of shape [${states}, ${actions}, ${states}], got ${coverage.length} numbers`,
    );
  }
  const sum = coverage.reduce((total, mass) => total + mass, 0);
  if (!(coverage.every((mass) => mass >= 0) && Math.abs(sum - 1) < 1e-9)) {
    throw new TandemError(where, `expected a coverage of masses from 0 that sum to 1, got a sum of ${sum}`);
  }
}
