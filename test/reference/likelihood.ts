/**
 * The upper level in float64, written from arXiv:2503.17865 (Lemma 4 and Alg. 3), nothing taken from the library: the
 * discounted return of a reward along episodes, and one step of its ascent.
 */
import { adam, type AdamMemory } from "./adam.ts";
import { add, constants, gradient, rounded, subtract, times, type Scalar } from "./autodiff.ts";
import { mlp } from "./mlp.ts";
import type { Episode } from "./point-environment.ts";
import { twoLayer } from "./two-layer.ts";

/** r(.; theta) before theta is put in: what its inputs are and which network reads them. */
export interface RewardForm {
  readonly inputs: "state-action" | "state";
  /** Bounds of the actions, which the reward sees in policy units. */
  readonly low: number;
  readonly high: number;
  /** Signs of the two-layer network, or the layer sizes of the MLP. */
  readonly network: { signs: ArrayLike<number> } | { sizes: readonly number[] };
}

/** Mean and standard deviation of each input coordinate. */
export interface Standard {
  readonly mean: number[];
  readonly std: number[];
}

/** The reward's input rows, episode after episode: s_t and, beside it, a_t in [-1, 1]. */
export function inputRows({ inputs, low, high }: RewardForm, episodes: readonly Episode[]): number[][] {
  const units = (action: number[]): number[] => action.map((a) => (2 * (a - low)) / (high - low) - 1);
  return episodes.flatMap(({ observations, actions }) =>
    observations.map((s, t) => (inputs === "state" ? s : [...s, ...units(actions[t])])),
  );
}

/** Statistics of the mixture in which expert and agent rows weigh one half each; a coordinate with std <= 1e-3 keeps its scale. */
export function standardOf(expert: readonly number[][], agent: readonly number[][]): Standard {
  const sources = [expert, agent].filter((rows) => rows.length > 0);
  const average = (f: (row: number[]) => number): number =>
    sources.reduce((total, rows) => total + rows.reduce((sum, row) => sum + f(row), 0) / rows.length, 0) /
    sources.length;
  const mean = expert[0].map((_, i) => average((row) => row[i]));
  const std = mean.map((m, i) => Math.sqrt(average((row) => (row[i] - m) ** 2)));
  return { mean, std: std.map((s) => (s > 1e-3 ? s : 1)) };
}

/** r(s, a; theta) for one input row: the network on standardised inputs, of unit norm with a constant beside them for two layers. */
export function reward(
  form: RewardForm,
  theta: readonly Scalar[],
  { mean, std }: Standard,
  row: readonly number[],
): Scalar {
  const x = row.map((value, i) => rounded((value - mean[i]) / std[i]));
  if ("sizes" in form.network) return mlp(form.network.sizes, theta, constants(x))[0];
  const norm = Math.hypot(...x, 1);
  const psi = [...x, 1].map((value) => rounded(value / norm));
  return twoLayer(form.network.signs, theta, constants(psi));
}

/** (1/E) sum_e sum_t w_t r(s_t, a_t; theta), t from 0. */
export function meanReturn(
  form: RewardForm,
  theta: readonly Scalar[],
  standard: Standard,
  episodes: readonly Episode[],
  weightOf: (t: number) => number,
): Scalar {
  const returns = episodes.map((episode) =>
    inputRows(form, [episode])
      .map((row, t) => times(weightOf(t), reward(form, theta, standard, row)))
      .reduce(add),
  );
  return times(1 / episodes.length, returns.reduce(add));
}

/** What g is the gradient of: the expert's mean return less the agent's, both of the first `known` steps. */
export function returnGap(
  { form, standard, expert, agent, discount, known }: Omit<RewardTerms, "horizon">,
  theta: readonly Scalar[],
): Scalar {
  const weightOf = (t: number): number => (t < known ? discount ** t : 0);
  return subtract(
    meanReturn(form, theta, standard, expert, weightOf),
    meanReturn(form, theta, standard, agent, weightOf),
  );
}

/** What a gradient depends on beside theta. */
interface RewardTerms {
  readonly form: RewardForm;
  readonly standard: Standard;
  readonly expert: readonly Episode[];
  readonly agent: readonly Episode[];
  readonly discount: number;
  /** Steps of a full-length episode. */
  readonly horizon: number;
  /** Steps of the shortest of all expert episodes that were cut. */
  readonly known: number;
}

/** Everything that one reward step depends on beside theta. */
export interface RewardStep extends RewardTerms {
  readonly stepSize: number;
  /** Adam's memory instead of plain ascent. */
  readonly memory: AdamMemory | null;
  readonly regulariser:
    { kind: "projection"; radius: number } | { kind: "weight-decay"; rate: number } | { kind: "none" };
}

/** theta_{k+1} = Pi(theta_k + alpha_k g / h), g of Lemma 4, h = sum_{t < horizon} gamma^t; Adam takes g for its own step. */
export function rewardStep(step: RewardStep, initial: readonly number[], theta: readonly number[]): number[] {
  const { discount, stepSize, memory, regulariser } = step;
  const parameters = constants(theta);
  const g = gradient(returnGap(step, parameters), parameters);
  let h = 0;
  for (let t = 0; t < step.horizon; t++) h += discount ** t;
  const climbed = memory
    ? adam(
        memory,
        theta,
        g.map((value) => -value),
        stepSize,
      )
    : theta.map((value, i) => rounded(value + (stepSize / h) * g[i]));
  const away = climbed.map((value, i) => value - initial[i]);
  if (regulariser.kind === "none") return climbed;
  const shrink =
    regulariser.kind === "projection"
      ? Math.min(1, regulariser.radius / Math.hypot(...away))
      : 1 - regulariser.rate;
  return away.map((value, i) => rounded(initial[i] + shrink * value));
}
