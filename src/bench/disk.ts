/** How much a bench takes on a disk: an upper bound, known before anything runs. */
import { SEGMENT_ROWS, type TrainConfig } from "../runs/index.ts";
import { replayBytes } from "./cells.ts";

/** A cell that has steps to go: its configuration, and the sizes of an observation and of an action as the policy puts it. */
export interface CellOnDisk {
  readonly config: TrainConfig;
  readonly sizes: readonly [observation: number, action: number];
}

/** Bytes, at most. */
export interface DiskBound {
  /** Transitions of the cells that run at a time, or of all where they are kept. */
  readonly replays: number;
  /** All else of all cells: states, metrics, pages. */
  readonly rest: number;
}

/** What cells take beside what lies there already. A cell that fails keeps its replay, to go on with, beyond this. */
export function diskBound(cells: readonly CellOnDisk[], parallel: number, keepReplay: boolean): DiskBound {
  const sizes = cells
    .map(({ config, sizes }) => replayBytes(rowsOnDisk(config), sizes[0], sizes[1]))
    .sort((a, b) => b - a);
  const kept = sizes.slice(0, keepReplay ? sizes.length : parallel);
  return { replays: sum(kept), rest: sum(cells.map(restOf)) };
}

/** States whose transitions are there while one is written: two that are kept, and the new one. */
const STATES = 3;

/**
 * Rows in the files of a cell's replay, at most. However far apart states are, each speaks of no more than the capacity and the rest of
 * its oldest file. No transition is in two files, so that there are no more rows than steps either.
 */
function rowsOnDisk({ algorithm, steps, demos }: TrainConfig): number {
  if ("replayCapacity" in algorithm)
    return Math.min(steps, STATES * (algorithm.replayCapacity + SEGMENT_ROWS));
  return demos.transitions + (algorithm.method === "dagger" ? steps : 0);
}

const FLOAT = 4;
/** Page, summary, configuration, log and blocks that are not full. */
const FILES = 600_000;

/** Everything of a cell but its replay. */
function restOf(cell: CellOnDisk): number {
  return STATES * FLOAT * stateSize(cell) + metricsBytes(cell.config) + FILES;
}

/** Numbers in a checkpoint's state, at most: networks with their optimisers, and episodes that the next reward step looks at. */
function stateSize({ config, sizes: [n, d] }: CellOnDisk): number {
  const { algorithm, env } = config;
  const inputs = n + d + 1;
  const policy = 3 * weights(n + 1, algorithm.sac.hidden, 2 * d + 32);
  const critics = 8 * weights(inputs, algorithm.sac.hidden, d + 32);
  const longest = Number(env.options.maxEpisodeSteps ?? 1000);
  const episodes = "trajectoriesPerRewardStep" in algorithm ? algorithm.trajectoriesPerRewardStep : 0;
  const rounds = "solve" in algorithm ? 2 * (algorithm.solve.roundSteps + longest) : 0;
  const rows = (episodes + 1) * longest + rounds;
  const upper = rewardLayers(algorithm).map((hidden) => 6 * weights(2 * inputs, hidden, 1));
  return policy + critics + sum(upper) + rows * (2 * n + d + 3);
}

/** Hidden layers of the networks above the policy: reward, classifier, shaping. */
function rewardLayers(algorithm: TrainConfig["algorithm"]): (readonly number[])[] {
  const layers: (readonly number[])[] = [];
  if ("reward" in algorithm) {
    const { network } = algorithm.reward;
    layers.push(network.kind === "mlp" ? network.hidden : [network.width]);
  }
  if ("discriminator" in algorithm) layers.push(algorithm.discriminator.hidden);
  if (algorithm.method === "airl") layers.push(algorithm.discriminator.shapingHidden);
  return layers;
}

function weights(inputs: number, hidden: readonly number[], outputs: number): number {
  const widths = [inputs, ...hidden, outputs];
  return sum(widths.slice(1).map((width, i) => (widths[i] + 1) * width));
}

/** Records of both levels, of episodes of ten steps or more, and of evaluations. */
function metricsBytes({ algorithm, steps, evaluation }: TrainConfig): number {
  const [LEVELS, EPISODE, EVALUATION, RETURN] = [1000, 90, 1500, 24];
  const paced = "policyStepsPerRewardStep" in algorithm ? algorithm.policyStepsPerRewardStep : 1000;
  const records = Math.ceil(steps / Math.min(1000, paced)) * LEVELS + (steps / 10) * EPISODE;
  const evaluations = Math.ceil(steps / evaluation.every) * (EVALUATION + RETURN * evaluation.episodes);
  return records + evaluations + RETURN * evaluation.finalEpisodes;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
