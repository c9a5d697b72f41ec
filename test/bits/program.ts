/**
 * Small whole trainings, in memory, and a checksum of all that each of them leaves. Nothing here needs Node: a browser runs the same
 * file. Each trains on demonstrations that a scripted expert makes in a batch of environments, and is evaluated in another one.
 */
import {
  appendStep,
  createTrajectoryBuilder,
  foldIn,
  fromPolicyUnits,
  keyFromSeed,
  policySize,
  recordedSize,
  takeTrajectories,
  type TrainingRecord,
  type Trajectories,
} from "../../src/core/index.ts";
import { gridWorldMdp, makeEnvironment, makeVectorEnvironment } from "../../src/envs/index.ts";
import {
  createDac,
  createMlIrl,
  createSoftQMlIrl,
  createSqil,
  dacIteration,
  mlIrlIteration,
  rewardTensors,
  softQMlIrlIteration,
  sqilIteration,
  type Learner,
} from "../../src/irl/index.ts";
import { loadKernels, type Kernels } from "../../src/kernels/index.ts";
import type { SparseTwoLayer } from "../../src/nn/index.ts";
import {
  actBy,
  createEnvironmentProblem,
  createSoftmaxActor,
  policyTensors,
  productFeatures,
  softPolicyIteration,
  standardisationOver,
  type SacOptions,
} from "../../src/rl/index.ts";
import { checksum } from "../reference/checksum.ts";

type Program = (kernels: Kernels, workers: number) => Promise<readonly (Float32Array | Float64Array)[]>;
/** Writes the action at step t of an episode, in the environment's units. */
type Actor = (observation: Float64Array, t: number, action: Float64Array) => void;
interface Task {
  readonly id: string;
  readonly options: Readonly<Record<string, unknown>> & { readonly maxEpisodeSteps: number };
}

/** Environments of a batch, each of which contributes its first episode. */
const BATCH = 4;
const STEPS = 1000;
const SEED = 7;
const DEMONSTRATIONS = 11;
const EVALUATION = 13;
const SAC: SacOptions = {
  hidden: [32, 32],
  batchSize: 32,
  discount: 0.98,
  learningRate: 1e-3,
  polyak: 0.02,
  temperature: "learnt",
  targetEntropy: "auto",
};
const noClock = (): number => 0;

/** The programs, by what they train. */
export const PROGRAMS = {
  "ML-IRL, HalfCheetah-v5": async (kernels, workers) => {
    const task = { id: "HalfCheetah-v5", options: { maxEpisodeSteps: 38 } };
    const demonstrations = await record(task, workers, DEMONSTRATIONS, trot);
    const options = {
      sac: SAC,
      reward: {
        inputs: "state-action",
        network: { kind: "two-layer", width: 64 },
        optimiser: "ascent",
        stepSize: 3,
        stepSizeDecay: 0.4,
        regulariser: { kind: "projection", radius: 10 },
      },
      startSteps: 200,
      replayCapacity: STEPS,
      policyStepsPerRewardStep: 50,
      trajectoriesPerRewardStep: 2,
      agentTrajectories: "training",
      discountedGradient: true,
      termination: "native",
      taughtBy: "learned reward",
    } as const;
    const environments = { train: await makeEnvironment(task.id, task.options), rollout: null };
    const learner = createMlIrl(kernels, environments, demonstrations, options, keyFromSeed(SEED));
    const records: TrainingRecord[] = [];
    const listen = (each: TrainingRecord): number => records.push(each);
    while (learner.agent.steps < STEPS) mlIrlIteration(kernels, learner, STEPS, listen, noClock);
    environments.train.close();
    return [...records.map(numbersOf), ...(await learnt(kernels, learner, task, workers))];
  },
  "DAC, CartPole-v1": async (kernels, workers) => {
    const demonstrations = await record(CART_POLE, workers, DEMONSTRATIONS, balance);
    const discriminator = {
      inputs: "state-action",
      hidden: [32, 32],
      batchSize: 32,
      learningRate: 1e-3,
      gradientPenalty: 10,
      every: 1,
    } as const;
    const sac = { ...SAC, temperature: 0.5 };
    const options = {
      sac,
      startSteps: 200,
      replayCapacity: STEPS,
      discriminator,
      termination: "absorbing",
    } as const;
    const environment = await makeEnvironment(CART_POLE.id, CART_POLE.options);
    const learner = createDac(kernels, environment, demonstrations, options, keyFromSeed(SEED));
    const records: TrainingRecord[] = [];
    const listen = (each: TrainingRecord): number => records.push(each);
    while (learner.agent.steps < STEPS) dacIteration(kernels, learner, STEPS, listen, noClock);
    return [...records.map(numbersOf), ...(await learnt(kernels, learner, CART_POLE, workers))];
  },
  "SQIL, GridWorld-v0": async (kernels, workers) => {
    const grid = { rows: 4, columns: 4, slip: 0.1, goalReward: 4, trapReward: -2, traps: 2, seed: 0 };
    const task = {
      id: "GridWorld-v0",
      options: { ...grid, stepReward: -0.1, maxEpisodeSteps: 40, observations: "one-hot" },
    };
    const mdp = gridWorldMdp({ ...grid, stepReward: -0.1 });
    const { logPolicy } = softPolicyIteration(mdp, mdp.rewards, {
      discount: SAC.discount,
      tolerance: 1e-9,
      values: "centred",
    });
    const demonstrations = await record(task, workers, DEMONSTRATIONS, (observation, _, action) => {
      const first = observation.indexOf(1) * mdp.actions;
      const row = logPolicy.subarray(first, first + mdp.actions);
      action[0] = row.indexOf(Math.max(...row));
    });
    return trainSqil(kernels, workers, task, demonstrations, 0.3);
  },
  "SQIL, LunarLander-v3": async (kernels, workers) => {
    const task = { id: "LunarLander-v3", options: { enableWind: true, maxEpisodeSteps: 120 } };
    const demonstrations = await record(task, workers, DEMONSTRATIONS, brake);
    return trainSqil(kernels, workers, task, demonstrations, 0.5);
  },
  "ML-IRL as the paper states it, CartPole-v1": async (kernels, workers) => {
    const demonstrations = await record(CART_POLE, workers, DEMONSTRATIONS, balance);
    const [train, rollout] = await Promise.all(
      [0, 1].map(() => makeEnvironment(CART_POLE.id, CART_POLE.options)),
    );
    const features = productFeatures(standardisationOver([demonstrations.observations], 4), 2);
    const key = keyFromSeed(SEED);
    const sampling = {
      sampling: "replay",
      replayCapacity: 1000,
      gradientDiscount: 0.97,
      batchCapacity: 400,
      trajectoryCapacity: 2,
    } as const;
    const problem = createEnvironmentProblem(
      kernels,
      { train, rollout },
      features,
      demonstrations,
      sampling,
      foldIn(key, 0),
    );
    const options = {
      softQ: {
        width: 64,
        radius: 20,
        stepSize: 0.2,
        discount: 0.97,
        output: "average",
        backup: "soft-optimality",
        values: "centred",
      },
      innerSteps: { first: 50, growth: 0.3 },
      reward: { width: 64, radius: 20, stepSize: 0.1, decay: 0.4 },
      trajectories: 2,
      termination: "absorbing",
      constantReward: null,
    } as const;
    const rows = CART_POLE.options.maxEpisodeSteps * sampling.trajectoryCapacity;
    const state = createSoftQMlIrl(kernels, problem, options, rows, foldIn(key, 1));
    const records = Array.from({ length: 30 }, () => softQMlIrlIteration(kernels, state, noClock));
    const actor = createSoftmaxActor(kernels, features);
    const { network } = state.softQ;
    const evaluation = await record(CART_POLE, workers, EVALUATION, (observation, _, action) => {
      actor.look(network, observation);
      action[0] = actor.best();
    });
    return [
      ...records.map(numbersOf),
      weightsOf(kernels, network),
      weightsOf(kernels, state.reward),
      ...columnsOf(evaluation),
    ];
  },
} satisfies Record<string, Program>;

/** The name of a program. */
export type ProgramName = keyof typeof PROGRAMS;

/** The checksum of each program, in hexadecimal; batches of environments have `workers` threads beside this one. */
export async function checksums(workers: number): Promise<Record<ProgramName, string>> {
  const found: [string, string][] = [];
  for (const [name, program] of Object.entries(PROGRAMS)) {
    const blocks = await program(await loadKernels({ build: "simd" }), workers);
    found.push([name, checksum(blocks).toString(16).padStart(8, "0")]);
  }
  return Object.fromEntries(found) as Record<ProgramName, string>;
}

const CART_POLE = { id: "CartPole-v1", options: { maxEpisodeSteps: 100 } };

/** Every number of a record. */
function numbersOf(record: object): Float64Array {
  return Float64Array.from(Object.values(record).filter((value) => typeof value === "number"));
}

/** All motors to and fro, neighbours a step apart. */
const trot: Actor = (_, t, action) => {
  for (let i = 0; i < action.length; i++) action[i] = (t + i) % 8 < 4 ? 0.8 : -0.8;
};

/** Towards where the pole falls. */
const balance: Actor = ([, , angle, angularVelocity], _, action) => {
  action[0] = angle + 0.5 * angularVelocity > 0 ? 1 : 0;
};

/** Main engine where it falls fast, side engines against the tilt. */
const brake: Actor = ([, , , fall, angle], _, action) => {
  action[0] = fall < -0.3 ? 2 : angle > 0.05 ? 3 : angle < -0.05 ? 1 : 0;
};

/** The first episode of each environment of a batch. */
async function record(
  { id, options }: Task,
  workers: number,
  seed: number,
  actor: Actor,
): Promise<Trajectories> {
  const batch = await makeVectorEnvironment(id, options, { count: BATCH, seed, workers });
  const n = batch.observationSpace.size;
  const d = recordedSize(batch.actionSpace);
  const builders = Array.from({ length: BATCH }, () => createTrajectoryBuilder(n, d));
  const observations = batch.reset().slice();
  const actions = new Float64Array(BATCH * d);
  for (let t = 0; builders.some(({ episodeEnds }) => episodeEnds.length === 0); t++) {
    for (let i = 0; i < BATCH; i++) actor(rowOf(observations, i, n), t, rowOf(actions, i, d));
    const step = batch.step(actions);
    builders.forEach((builder, i) => {
      if (builder.episodeEnds.length > 0) return;
      const ends = [step.terminated[i] === 1, step.truncated[i] === 1] as const;
      const next = rowOf(step.nextObservations, i, n);
      appendStep(builder, rowOf(observations, i, n), rowOf(actions, i, d), next, step.rewards[i], ...ends);
    });
    observations.set(step.observations);
  }
  await batch.close();
  return joined(builders.map(takeTrajectories));
}

/** SQIL, with this entropy as the policy's target. */
async function trainSqil(
  kernels: Kernels,
  workers: number,
  task: Task,
  demonstrations: Trajectories,
  targetEntropy: number,
): ReturnType<Program> {
  const options = {
    sac: { ...SAC, targetEntropy },
    startSteps: 200,
    replayCapacity: STEPS,
    termination: "native",
  } as const;
  const environment = await makeEnvironment(task.id, task.options);
  const learner = createSqil(kernels, environment, demonstrations, options, keyFromSeed(SEED));
  const records: TrainingRecord[] = [];
  const listen = (each: TrainingRecord): number => records.push(each);
  while (learner.agent.steps < STEPS) sqilIteration(kernels, learner, STEPS, listen, noClock);
  return [...records.map(numbersOf), ...(await learnt(kernels, learner, task, workers))];
}

/** Episodes, one after another. */
function joined(parts: readonly Trajectories[]): Trajectories {
  const { observationSize: n, actionSize: d } = parts[0];
  const builder = createTrajectoryBuilder(n, d);
  for (const { observations, actions, nextObservations, rewards, terminated, truncated } of parts) {
    terminated.forEach((ended, t) =>
      appendStep(
        builder,
        rowOf(observations, t, n),
        rowOf(actions, t, d),
        rowOf(nextObservations, t, n),
        rewards?.[t] ?? NaN,
        ended === 1,
        truncated[t] === 1,
      ),
    );
  }
  return takeTrajectories(builder);
}

/** Row `i` of a column of rows of `width`; a view. */
function rowOf<Column extends Float32Array | Float64Array>(column: Column, i: number, width: number): Column {
  return column.subarray(i * width, (i + 1) * width) as Column;
}

/** All networks and optimisers of a learner, and how its policy's most likely actions fare. */
async function learnt(
  kernels: Kernels,
  { agent, reward }: Learner,
  task: Task,
  workers: number,
): Promise<(Float32Array | Float64Array)[]> {
  const { policy, actionSpace } = agent;
  const unit = new Float32Array(policySize(actionSpace));
  const evaluation = await record(task, workers, EVALUATION, (observation, _, action) => {
    actBy(kernels, policy, observation, "mode", unit);
    fromPolicyUnits(actionSpace, unit, action);
  });
  const tensors = { ...policyTensors(policy), ...(reward && rewardTensors(reward)) };
  const networks = Object.values(tensors).map(([pointer, length]) => kernels.f32(pointer, length).slice());
  return [...networks, ...columnsOf(evaluation)];
}

function columnsOf({ observations, actions, rewards }: Trajectories): Float32Array[] {
  return [observations, actions, rewards ?? new Float32Array(0)];
}

function weightsOf(kernels: Kernels, { weights, features, units }: SparseTwoLayer): Float32Array {
  return kernels.f32(weights, features * units).slice();
}
