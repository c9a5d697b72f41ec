/** The theory's instruments on the reward of a training: how linear it is, and how concave what it climbs. */
import {
  episodeCount,
  foldIn,
  sliceEpisodes,
  TandemError,
  type InstrumentsRecord,
  type Key,
  type Trajectories,
} from "../core/index.ts";
import {
  absorbingFeatures,
  absorbingWeight,
  effectiveHorizon,
  stepFeatures,
  twoLayerOf,
  type MlIrl,
  type ReturnSpan,
  type RewardModel,
} from "../irl/index.ts";
import type { Kernels } from "../kernels/index.ts";
import type { TwoLayerNetwork } from "../nn/index.ts";
import {
  concavityGap,
  createLinearityBench,
  linearisationError,
  linearisationErrorInBall,
  type BallDirection,
  type LinearityBench,
} from "../theory/index.ts";

/** The reward's network, not written here, and the bench it is looked at on. */
export interface RewardInstruments {
  readonly network: TwoLayerNetwork;
  readonly bench: LinearityBench;
}

/** Rows of the expert, and of the agent, that are looked at at most. */
const ROWS_A_SIDE = 256;
/** Those of both, and the absorbing state. */
const MOST_ROWS = 2 * ROWS_A_SIDE + 1;
/** Draws of points, and of pairs of points, of the ball. */
const DRAWS = 8;
/** What the key's sub-keys are for. */
const POINTS = 0;
const PAIRS = 1;

/** Room for the instruments; only the paper's two-layer reward has a linearisation to be measured against. */
export function createRewardInstruments(kernels: Kernels, reward: RewardModel): RewardInstruments {
  const network = twoLayerOf(reward);
  if (!network) {
    throw new TandemError(
      "createRewardInstruments",
      `instruments measure a two-layer reward, got ${reward.options.network.kind}; leave them out, or choose that network`,
    );
  }
  const points = kernels.allocate(MOST_ROWS * network.features);
  return { network, bench: createLinearityBench(kernels, network, points, MOST_ROWS) };
}

/**
 * Look at the reward over the trajectories of one gradient estimate: the first of the expert's and the agent's latest.
 * Null before the agent has one. Draws come from `key`: one key for a whole run shows what changes in the reward rather
 * than in the draws. Nothing of the training is written.
 */
export function measureReward(
  kernels: Kernels,
  { network, bench: whole }: RewardInstruments,
  irl: MlIrl,
  key: Key,
): InstrumentsRecord | null {
  const rows = estimateRows(irl);
  if (!rows) return null;
  rows.forEach(({ from, t }, i) => {
    const point = whole.points + 4 * i * network.features;
    if (from) stepFeatures(kernels, irl.reward, from, t, point);
    else absorbingFeatures(kernels, irl.reward, point);
  });
  const bench = { ...whole, count: rows.length };
  const weights = rows.map(({ weight }) => weight);
  const radius = Number.isFinite(network.radius) ? network.radius : travelOf(kernels, network);
  const around = (direction: BallDirection): Parameters<typeof linearisationErrorInBall>[2] => ({
    radius,
    direction,
    draws: DRAWS,
  });
  const inBall = (direction: BallDirection): number =>
    linearisationErrorInBall(kernels, bench, around(direction), foldIn(key, POINTS)).mean;
  const gap = (direction: BallDirection): ReturnType<typeof concavityGap> =>
    concavityGap(kernels, bench, weights, around(direction), foldIn(key, PAIRS));

  const rewardLinearisation = linearisationError(kernels, network, bench);
  const rewards = kernels.f32(bench.values, rows.length).slice();
  const trained = gap("trained");
  return {
    kind: "instruments",
    step: irl.agent.steps,
    rows: rows.length,
    radius,
    rewardRms: Math.sqrt(rewards.reduce((sum, each) => sum + each * each, 0) / rows.length),
    rewardLinearisation,
    ballLinearisationRandom: inBall("random"),
    ballLinearisationTrained: inBall("trained"),
    returnGap: rewards.reduce((sum, each, i) => sum + weights[i] * each, 0),
    concavityGapRandom: gap("random").mean,
    concavityGapTrained: trained.mean,
    belowChord: trained.positiveShare,
  };
}

/** A step of a trajectory, or (null) the absorbing state, and its weight in Lhat / h. */
interface WeighedStep {
  readonly from: Trajectories | null;
  readonly t: number;
  readonly weight: number;
}

/** The rows of Lhat / h, weighed by gamma^t / (E h) for the expert's E episodes and by its negative for the agent's. */
function estimateRows({
  options,
  demonstrations,
  horizon: steps,
  recentEpisodes,
  agent,
}: MlIrl): WeighedStep[] | null {
  if (recentEpisodes.length === 0) return null;
  const discount = options.discountedGradient ? options.sac.discount : 1;
  const span = { discount, horizon: steps };
  const horizon = effectiveHorizon(discount, agent.environment.maxEpisodeSteps);
  const episodes = Math.min(episodeCount(demonstrations), options.trajectoriesPerRewardStep);
  const expert = sliceEpisodes(demonstrations, 0, episodes);
  const rows = [
    ...thinned(weighedSteps([expert], span, 1 / horizon), ROWS_A_SIDE),
    ...thinned(weighedSteps(recentEpisodes, span, -1 / horizon), ROWS_A_SIDE),
  ];
  if (options.termination !== "absorbing") return rows;
  const stay = meanAbsorbingWeight([expert], span) - meanAbsorbingWeight(recentEpisodes, span);
  // First, where it stays: no other row writes the indicator.
  return [{ from: null, t: 0, weight: stay / horizon }, ...rows];
}

/** The absorbing state's weight in a return, mean over episodes. */
function meanAbsorbingWeight(parts: readonly Trajectories[], span: ReturnSpan): number {
  const weights = parts.flatMap(({ terminated, episodeStarts }) =>
    Array.from(episodeStarts.subarray(1), (end, episode) =>
      absorbingWeight(terminated[end - 1] === 1, end - episodeStarts[episode], span),
    ),
  );
  return weights.reduce((sum, weight) => sum + weight, 0) / weights.length;
}

function weighedSteps(
  parts: readonly Trajectories[],
  { discount, horizon }: ReturnSpan,
  scale: number,
): WeighedStep[] {
  const episodes = parts.reduce((sum, part) => sum + episodeCount(part), 0);
  const steps: WeighedStep[] = [];
  for (const from of parts) {
    for (let episode = 0; episode < episodeCount(from); episode++) {
      let weight = scale / episodes;
      const start = from.episodeStarts[episode];
      const end = Math.min(from.episodeStarts[episode + 1], start + horizon);
      for (let t = start; t < end; t++) {
        steps.push({ from, t, weight });
        weight *= discount;
      }
    }
  }
  return steps;
}

/** At most `most` steps, evenly spaced, each with the weight of all up to the next. */
function thinned(steps: readonly WeighedStep[], most: number): readonly WeighedStep[] {
  if (steps.length <= most) return steps;
  return Array.from({ length: most }, (_, i) => {
    const first = Math.floor((i * steps.length) / most);
    const next = Math.floor(((i + 1) * steps.length) / most);
    const weight = steps.slice(first, next).reduce((sum, each) => sum + each.weight, 0);
    return { ...steps[first], weight };
  });
}

function travelOf(kernels: Kernels, { width, features, weights, initial }: TwoLayerNetwork): number {
  return Math.sqrt(kernels.squaredDistance(width * features, weights, initial));
}
