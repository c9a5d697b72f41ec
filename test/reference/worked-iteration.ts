/**
 * Iterations of the paper's Alg. 3 worked out as the formulas stand, on lists of numbers and with every iterate kept.
 * Results are rounded at random where `float32Tolerance` asks for it.
 */
import { rounded } from "./autodiff.ts";
import type { Row, Script } from "./scripted-problem.ts";

/** A network f(x; W) = m^(-1/2) sum_j b_j relu(W_j . x): W(0) as [m][d], b, and the radius of its ball. */
export interface Sheet {
  readonly initial: readonly (readonly number[])[];
  readonly signs: readonly number[];
  readonly radius: number;
}

/** The choices of both levels. */
export interface WorkedChoices {
  readonly discount: number;
  readonly eta: number;
  readonly alpha: number;
  readonly decay: number;
  readonly output: "average" | "last";
  readonly backup: "soft-optimality" | "policy-evaluation";
  readonly values: "centred" | "plain";
  /** "absorbing": the reward's last column is that state's. */
  readonly termination: "native" | "absorbing";
}

/** What one iteration comes to. */
export interface Worked {
  readonly residuals: number[];
  /** Steps after which W was projected. */
  readonly projectedAt: number[];
  /** W_{k+1} and theta_{k+1}, [m][d]. */
  readonly policyWeights: number[][];
  readonly rewardWeights: number[][];
  readonly projectedReward: boolean;
  readonly returnGap: number;
  /** d of the weighted sums by theta, [m][d]. */
  readonly gradient: number[][];
  readonly policyTravel: number;
  readonly rewardTravel: number;
}

type Matrix = readonly (readonly number[])[];

const plus = (a: number, b: number): number => rounded(a + b);
const times = (a: number, b: number): number => rounded(a * b);
const total = (terms: readonly number[]): number => terms.reduce(plus, 0);
const inner = (w: readonly number[], x: Row): number => total(x.map(([i, value]) => times(value, w[i])));

/** f(x; W) */
function sheetValue({ signs }: Sheet, w: Matrix, x: Row): number {
  const units = signs.map((b, j) => b * Math.max(0, inner(w[j], x)));
  return times(total(units), 1 / Math.sqrt(signs.length));
}

/** d f(x; W) / d W_ji = m^(-1/2) b_j 1{W_j . x > 0} x_i */
function sheetGradient({ signs }: Sheet, w: Matrix, x: Row): number[][] {
  const dense = w[0].map((_, i) => x.find(([index]) => index === i)?.[1] ?? 0);
  return signs.map((b, j) =>
    dense.map((each) => (inner(w[j], x) > 0 ? times(b / Math.sqrt(signs.length), each) : 0)),
  );
}

const along = (w: Matrix, factor: number, g: Matrix): number[][] =>
  w.map((row, j) => row.map((each, i) => plus(each, times(factor, g[j][i]))));

/** ||W - W(0)|| */
const travelOf = ({ initial }: Sheet, w: Matrix): number =>
  Math.sqrt(total(along(w, -1, initial).flatMap((row) => row.map((each) => each * each))));

function project(sheet: Sheet, w: number[][]): { inside: number[][]; moved: boolean } {
  const travel = travelOf(sheet, w);
  if (travel <= sheet.radius) return { inside: w, moved: false };
  const away = along(w, -1, sheet.initial);
  return { inside: along(sheet.initial, sheet.radius / travel, away), moved: true };
}

/** V(s) of these action values. */
function stateValue(q: readonly number[], logPolicy: readonly number[], choices: WorkedChoices): number {
  const shift = choices.values === "centred" ? Math.log(q.length) : 0;
  const value =
    choices.backup === "soft-optimality"
      ? Math.log(total(q.map(Math.exp)))
      : total(q.map((each, a) => times(Math.exp(logPolicy[a]), each - logPolicy[a])));
  return plus(rounded(value), -shift);
}

/** The script from W(0) and theta(0) on. */
export function workedIterations(
  policy: Sheet,
  reward: Sheet,
  script: Script,
  choices: WorkedChoices,
): Worked[] {
  let w: number[][] = policy.initial.map((row) => [...row]);
  let theta: number[][] = reward.initial.map((row) => [...row]);
  const absorbing = choices.termination === "absorbing";
  const absorbingRow: Row = [[reward.initial[0].length - 1, 1]];
  return script.iterations.map((given, k) => {
    const iterates: number[][][] = [];
    const residuals: number[] = [];
    const projectedAt: number[] = [];
    given.transitions.forEach(({ pair: [s, a], next }, t) => {
      const x = script.psi[s][a];
      const r = sheetValue(reward, theta, x);
      const nextValues = next === null ? [] : script.psi[next].map((each) => sheetValue(policy, w, each));
      const end = absorbing ? times(sheetValue(reward, theta, absorbingRow), 1 / (1 - choices.discount)) : 0;
      const v = next === null ? end : stateValue(nextValues, given.logPolicy[next], choices);
      const delta = plus(plus(sheetValue(policy, w, x), -r), -times(choices.discount, v));
      residuals.push(delta);
      const { inside, moved } = project(
        policy,
        along(w, -times(choices.eta, delta), sheetGradient(policy, w, x)),
      );
      if (moved) projectedAt.push(t);
      w = inside;
      iterates.push(w);
    });
    if (choices.output === "average") {
      w = w.map((row, j) =>
        row.map((_, i) => rounded(total(iterates.map((each) => each[j][i])) / iterates.length)),
      );
    }
    const weighted = [
      { trajectories: given.expert, sign: 1 },
      { trajectories: given.agent, sign: -1 },
    ].flatMap(({ trajectories, sign }) =>
      trajectories.flatMap((each) =>
        each.map(([s, a], t) => ({
          x: script.psi[s][a],
          weight: (sign * script.discount ** t) / trajectories.length,
        })),
      ),
    );
    if (absorbing) {
      const [expertWeight, agentWeight] = given.absorbing ?? [0, 0];
      weighted.push({ x: absorbingRow, weight: expertWeight }, { x: absorbingRow, weight: -agentWeight });
    }
    const before = theta;
    const returnGap = total(weighted.map(({ x, weight }) => times(weight, sheetValue(reward, before, x))));
    const gradient = weighted.reduce<number[][]>(
      (sum, { x, weight }) => along(sum, weight, sheetGradient(reward, before, x)),
      before.map((row) => row.map(() => 0)),
    );
    const ascended = project(reward, along(theta, choices.alpha * (k + 1) ** -choices.decay, gradient));
    theta = ascended.inside;
    return {
      residuals,
      projectedAt,
      policyWeights: w,
      rewardWeights: theta,
      projectedReward: ascended.moved,
      returnGap,
      gradient,
      policyTravel: travelOf(policy, w),
      rewardTravel: travelOf(reward, theta),
    };
  });
}
