/** The reward that a run has learnt, whatever its method keeps it in. */
import { recordedSize, type Trajectories } from "../core/index.ts";
import type { Environment } from "../envs/index.ts";
import {
  createIqLearn,
  recoveredReward,
  requireTable,
  rewardsAlong,
  tableAlong,
  tableOf,
} from "../irl/index.ts";
import { loadKernels } from "../kernels/index.ts";
import { policyActions, policyTensors } from "../rl/index.ts";
import { readCounters, readTensors } from "./checkpoint.ts";
import type { IqLearnConfig, TrainConfig } from "./config.ts";
import { fillTensors, learnsNoReward, loadSavedRun, requireLength } from "./saved-run.ts";

/** Learned rewards of every step of trajectories, [T]. */
type RewardsAlong = (trajectories: Trajectories) => Float32Array;

/**
 * The reward of a run's last checkpoint: r(s, a) of its network, MCE-IRL's table, or IQ-Learn's r = Q(s, a) - gamma V(s') of its critics. Methods that
 * learn none are refused. The environment's episode may be lost.
 */
export async function loadLearnedReward(
  folder: string,
  config: TrainConfig,
  environment: Environment,
): Promise<RewardsAlong> {
  const { algorithm } = config;
  if (algorithm.method === "iq-learn") return recoveredRewardOf(folder, config, algorithm, environment);
  if (algorithm.method === "mce-irl") return tableRewardOf(folder, environment);
  const { kernels, reward } = await loadSavedRun(folder, config, environment, [0, 0]);
  if (!reward) throw learnsNoReward(folder, algorithm.method, "reward");
  return (trajectories) => rewardsAlong(kernels, reward, trajectories);
}

function tableRewardOf(folder: string, environment: Environment): RewardsAlong {
  const dynamics = requireTable("loadLearnedReward", environment);
  const { mceRewards, mceRewardsRest } = readTensors(folder);
  const pairs = dynamics.states * dynamics.actions;
  for (const [name, tensor] of Object.entries({ mceRewards, mceRewardsRest }))
    requireLength("loadLearnedReward", folder, name, tensor, pairs);
  const table = tableOf(mceRewards, mceRewardsRest);
  return (trajectories) => tableAlong(table, dynamics, trajectories);
}

/** A learner with the saved networks and the learnt reward of the absorbing state; of what it learnt from it needs nothing. */
async function recoveredRewardOf(
  folder: string,
  config: TrainConfig,
  algorithm: IqLearnConfig,
  environment: Environment,
): Promise<RewardsAlong> {
  const kernels = await loadKernels({ build: config.kernels });
  const options = { ...algorithm, replayCapacity: 1 };
  const ended = algorithm.termination === "absorbing";
  const learner = createIqLearn(kernels, environment, oneStep(environment, ended), options, [0, 0]);
  fillTensors(kernels, folder, policyTensors(learner.agent.policy), readTensors(folder));
  Object.assign(learner.counters, readCounters(folder));
  return (trajectories) => recoveredReward(kernels, learner, trajectories);
}

/** The shortest demonstrations there are. */
function oneStep(environment: Environment, ended: boolean): Trajectories {
  const { size } = environment.observationSpace;
  const actionSize = recordedSize(policyActions(environment));
  return {
    observationSize: size,
    actionSize,
    observations: new Float32Array(size),
    actions: new Float32Array(actionSize),
    nextObservations: new Float32Array(size),
    rewards: null,
    terminated: Uint8Array.of(ended ? 1 : 0),
    truncated: Uint8Array.of(ended ? 0 : 1),
    episodeStarts: Uint32Array.of(0, 1),
  };
}
