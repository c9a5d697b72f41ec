/**
 * Maximum causal entropy inverse reinforcement learning of a tabular reward (Ziebart, Bagnell, Dey 2010; discounted as in
 * arXiv:2503.17865, Section 3): the exact reference for learners that sample.
 *
 *   maximise  J(r) = sum_{s,a} d^(s, a) r(s, a) - sum_s mu0(s) V_r(s)   over  ||r - r_0||_2 <= radius
 *   grad J(r) = d^ - d_pi,  pi soft-optimal for r,  d_pi(s, a) = sum_t gamma^t P(s_t = s, a_t = a)
 *
 * J is concave. Where d^ is the occupancy of a policy, J is the likelihood sum d^ log pi. Counts of finitely many
 * trajectories are the occupancy of none: they break sum_a d^(s', a) = mu0(s') + gamma sum d^(s, a) P(s'|s, a). J then
 * rises without end along potential shaping, r + gamma E[phi(s')] - phi(s), which moves no policy, and towards certainty
 * wherever an expert was only seen to take one action. The ball is what gives a maximum.
 */
import { TandemError } from "../core/index.ts";
import type { TabularDynamics } from "../envs/tabular/tabular-mdp.ts";
import { emptySolution, occupancy, softPolicyIteration, type SoftSolution } from "../rl/index.ts";

/** What is maximised, and how closely. */
export interface MceIrlOptions {
  /** gamma, in [0, 1): in the counts, the values and the occupancy alike. */
  readonly discount: number;
  /** Radius of the ball around the first reward; Infinity where the counts are an occupancy. */
  readonly radius: number;
  /** Done when ||Proj(r + grad J) - r||_2 is within this; without a ball that is the gradient's norm. */
  readonly gradientTolerance: number;
  /** Largest error of V, in sup norm. */
  readonly valueTolerance: number;
  /** Iterations after which to give up. */
  readonly maxIterations: number;
}

/** A reward and what it says. */
export interface MceIrlResult {
  /** r(s, a), [S, A]. */
  readonly rewards: Float64Array;
  /** log pi(a|s), nats, [S, A]. */
  readonly logPolicy: Float64Array;
  /** J(r), nats. */
  readonly objective: number;
  /** Steps of the ascent. */
  readonly iterations: number;
  /** ||Proj(r + grad J) - r||_2. */
  readonly gradientNorm: number;
  /** ||r - r_0||_2 / radius: 1 where the ball decides; 0 without one. */
  readonly travel: number;
}

/** J and its gradient d^ - d_pi at a reward. */
export interface McePoint {
  readonly rewards: Float64Array;
  readonly gradient: Float64Array;
  readonly objective: number;
}

/** Sufficient increase asked of a step, as a share of what the slope promises. */
const INCREASE = 1e-4;
/** Steps within which the objective must rise: Barzilai-Borwein steps are quick because they may fall for a while. */
const MEMORY = 10;
/** Relative differences of J below this are rounding. */
const ROUNDING = 1e-12;
const SMALLEST_STEP = 2 ** -60;
/** A step is at most as long as the way so far, or this: where J is all but flat, its curvature says nothing. */
const LEAST_REACH = 10;

/**
 * The maximiser of J by projected gradient ascent from `initialRewards` [S, A] (spectral steps with a line search:
 * Birgin, Martinez, Raydan 2000). `counts` [S, A] are d^: an occupancy, or `empiricalOccupancy` of demonstrations.
 * To compare with counts whose trajectories start elsewhere than mu0 says, put their first states into `initial`.
 */
export function mceIrl(
  problem: TabularDynamics,
  counts: Float64Array,
  initialRewards: Float64Array,
  options: MceIrlOptions,
): MceIrlResult {
  check(problem, counts, initialRewards, options);
  const solution = emptySolution(problem);
  const evaluate = (rewards: Float64Array): McePoint => mcePoint(problem, counts, rewards, options, solution);
  let here = evaluate(initialRewards.slice());
  const recent = [here.objective];
  let gradientNorm = stationarity(here, initialRewards, options.radius);
  let stepSize = 1 - options.discount;
  let iterations = 0;
  for (; gradientNorm > options.gradientTolerance; iterations++) {
    if (iterations >= options.maxIterations) {
      throw new TandemError(
        "mceIrl",
        `expected a projected gradient within ${options.gradientTolerance}, got ${gradientNorm} after ${iterations} iterations; counts that are no occupancy need a finite radius, others more iterations`,
      );
    }
    const ascent = ascendMce(here, initialRewards, options.radius, stepSize, Math.min(...recent), evaluate);
    ({ stepSize, point: here } = ascent);
    recent.push(here.objective);
    if (recent.length > MEMORY) recent.shift();
    gradientNorm = stationarity(here, initialRewards, options.radius);
  }
  return {
    rewards: here.rewards,
    logPolicy: solution.logPolicy.slice(),
    objective: here.objective,
    iterations,
    gradientNorm,
    travel: distance(here.rewards, initialRewards) / options.radius,
  };
}

/**
 * One step of the ascent: along the projected gradient, as far as J comes to lie above `floor`. Beside the point reached, the size of
 * the step to take next.
 */
export function ascendMce(
  here: McePoint,
  centre: Float64Array,
  radius: number,
  stepSize: number,
  floor: number,
  evaluate: (rewards: Float64Array) => McePoint,
): { point: McePoint; stepSize: number } {
  const direction = projectedMove(here, centre, radius, stepSize);
  const point = searchLine(here, direction, floor, evaluate);
  const longest = Math.max(LEAST_REACH, distance(point.rewards, centre));
  return { point, stepSize: Math.min(spectralStep(here, point), longest / length(point.gradient)) };
}

/** J(r) and d^ - d_pi; V starts from that in `solution`, which is that of r then. */
export function mcePoint(
  problem: TabularDynamics,
  counts: Float64Array,
  rewards: Float64Array,
  { discount, valueTolerance }: Pick<MceIrlOptions, "discount" | "valueTolerance">,
  solution: SoftSolution,
): McePoint {
  softPolicyIteration(problem, rewards, { discount, tolerance: valueTolerance, values: "plain" }, solution);
  const visited = occupancy(problem, solution.logPolicy, discount);
  const gradient = counts.map((count, pair) => count - visited[pair]);
  return { rewards, gradient, objective: dot(counts, rewards) - dot(problem.initial, solution.values) };
}

/** Proj(r + stepSize grad J) - r. */
function projectedMove(
  { rewards, gradient }: McePoint,
  centre: Float64Array,
  radius: number,
  stepSize: number,
): Float64Array {
  const target = rewards.map((reward, pair) => reward + stepSize * gradient[pair]);
  const length = distance(target, centre);
  const scale = length > radius ? radius / length : 1;
  return target.map((value, pair) => centre[pair] + scale * (value - centre[pair]) - rewards[pair]);
}

/**
 * The first of the points 1, 1/2, 1/4, ... along `direction` at which J is high enough above `floor`, the lowest of late;
 * where J's differences drown in rounding, at which its slope has not turned beyond what that rise allows.
 */
function searchLine(
  here: McePoint,
  direction: Float64Array,
  floor: number,
  evaluate: (rewards: Float64Array) => McePoint,
): McePoint {
  const slope = dot(here.gradient, direction);
  for (let fraction = 1; fraction >= SMALLEST_STEP; fraction /= 2) {
    const next = evaluate(here.rewards.map((reward, pair) => reward + fraction * direction[pair]));
    if (next.objective >= floor + INCREASE * fraction * slope) return next;
    const flat =
      Math.abs(next.objective - here.objective) <= ROUNDING * Math.max(1, Math.abs(here.objective));
    if (flat && dot(next.gradient, direction) >= (2 * INCREASE - 1) * slope) return next;
  }
  throw new TandemError(
    "mceIrl",
    "no step along the gradient raises the objective: its rounding is larger than the gradient tolerance; raise that",
  );
}

/** ||dr||^2 / -(dr . dg), the inverse of the curvature along the last step. */
function spectralStep(before: McePoint, after: McePoint): number {
  let squared = 0;
  let curvature = 0;
  for (let pair = 0; pair < after.rewards.length; pair++) {
    const moved = after.rewards[pair] - before.rewards[pair];
    squared += moved * moved;
    curvature += moved * (before.gradient[pair] - after.gradient[pair]);
  }
  return curvature > 0 ? squared / curvature : Infinity;
}

/** ||Proj(r + grad J) - r||_2, 0 at the maximum. */
export function stationarity(point: McePoint, centre: Float64Array, radius: number): number {
  return length(projectedMove(point, centre, radius, 1));
}

function check(
  { states, actions }: TabularDynamics,
  counts: Float64Array,
  initialRewards: Float64Array,
  { radius }: MceIrlOptions,
): void {
  const pairs = states * actions;
  for (const [name, { length }] of Object.entries({ counts, "first rewards": initialRewards })) {
    if (length !== pairs) {
      throw new TandemError(
        "mceIrl",
        `expected ${name} of shape [${states}, ${actions}], got ${length} numbers`,
      );
    }
  }
  if (!counts.every((count) => count >= 0 && count < Infinity)) {
    throw new TandemError("mceIrl", "expected counts from 0 on; pass an occupancy or discounted counts");
  }
  if (!(radius > 0)) throw new TandemError("mceIrl", `expected a radius above 0, got ${radius}`);
}

function dot(x: Float64Array, y: Float64Array): number {
  return x.reduce((sum, value, i) => sum + value * y[i], 0);
}

function length(x: Float64Array): number {
  return Math.sqrt(dot(x, x));
}

function distance(x: Float64Array, y: Float64Array): number {
  return Math.sqrt(x.reduce((sum, value, i) => sum + (value - y[i]) ** 2, 0));
}
