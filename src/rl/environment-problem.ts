/**
 * An environment with finitely many actions as a finite-action problem: observations become feature rows, actions are
 * drawn from the softmax of the Q-network.
 */
import {
  episodeCount,
  foldIn,
  knownHorizon,
  logSumExp,
  nextInteger,
  nextUniform,
  portableExp,
  streamOf,
  TandemError,
  transitionCount,
  type Key,
  type StepCounts,
  type Trajectories,
} from "../core/index.ts";
import type { Environment } from "../envs/environment.ts";
import type { Kernels } from "../kernels/index.ts";
import type { SparseTwoLayer } from "../nn/index.ts";
import type { FiniteActionProblem, RowBatch, VisitedRows } from "./finite-action-problem.ts";
import { episodeSeed } from "./rollout.ts";
import type { StateActionFeatures } from "./state-action-features.ts";

/** How transitions and trajectories are drawn. */
export interface EnvironmentSampling {
  /** "markov-chain": the latest steps in their order; "replay": uniformly from the last `replayCapacity` steps. */
  readonly sampling: "markov-chain" | "replay";
  readonly replayCapacity: number;
  /** gamma of the trajectories' weights; 1 for an undiscounted gradient. */
  readonly gradientDiscount: number;
  /** Most steps of an inner loop, and most trajectories of one estimate. */
  readonly batchCapacity: number;
  readonly trajectoryCapacity: number;
}

/** The softmax policy of a Q-network at one observation at a time. */
export interface SoftmaxActor {
  /** Rows of the last observation, [A, entries]. */
  readonly indices: number;
  readonly values: number;
  /** log pi(.|s) of the last observation, nats, [A]. */
  readonly logPolicy: Float64Array;
  /** Q(s, .) of the last observation, [A]. */
  readonly actionValues: Float64Array;
  /** Look at an observation through `network`. */
  look(network: SparseTwoLayer, observation: ArrayLike<number>): void;
  /** An action of the policy at the last observation, for a uniform number in [0, 1). */
  draw(uniform: number): number;
  /** The most probable action at the last observation. */
  best(): number;
}

/** An actor with room of its own. */
export function createSoftmaxActor(kernels: Kernels, features: StateActionFeatures): SoftmaxActor {
  const { actions, entries } = features;
  const indices = kernels.allocate(actions * entries);
  const values = kernels.allocate(actions * entries);
  const out = kernels.allocate(actions);
  const logPolicy = new Float64Array(actions);
  const actionValues = new Float64Array(actions);
  return {
    indices,
    values,
    logPolicy,
    actionValues,
    look: (network, observation) => {
      features.write(
        observation,
        kernels.u32(indices, actions * entries),
        kernels.f32(values, actions * entries),
      );
      kernels.sparseForward(network.block, actions, entries, indices, values, out);
      actionValues.set(kernels.f32(out, actions));
      const value = logSumExp(actionValues, 0, actions);
      for (let a = 0; a < actions; a++) logPolicy[a] = actionValues[a] - value;
    },
    draw: (uniform) => {
      let left = uniform;
      for (let a = 0; a < actions - 1; a++) {
        left -= portableExp(logPolicy[a]);
        if (left < 0) return a;
      }
      return actions - 1;
    },
    best: () => actionValues.indexOf(Math.max(...actionValues)),
  };
}

/**
 * The problem of an environment. `environments.train` carries the chain, `environments.rollout` the agent's
 * trajectories; their episodes are seeded by `key`. The expert's actions are numbers of actions. Trajectories count
 * up to `knownHorizon` of the demonstrations.
 */
export function createEnvironmentProblem(
  kernels: Kernels,
  environments: { readonly train: Environment; readonly rollout: Environment },
  features: StateActionFeatures,
  demonstrations: Trajectories,
  options: EnvironmentSampling,
  key: Key,
): FiniteActionProblem {
  const { train, rollout } = environments;
  const { actions, entries, observationSize } = features;
  requireFit(train, features, demonstrations);
  requireFit(rollout, features, demonstrations);
  const { batchCapacity, trajectoryCapacity, gradientDiscount } = options;
  const horizon = knownHorizon(demonstrations, rollout.maxEpisodeSteps);
  const visited = horizon * trajectoryCapacity;
  const stored = options.sampling === "replay" ? options.replayCapacity : batchCapacity;
  const room = {
    store: allocateBatch(kernels, stored, actions, entries),
    batch: allocateBatch(kernels, options.sampling === "replay" ? batchCapacity : 0, actions, entries),
    chosen: kernels.allocate(batchCapacity),
    rewards: kernels.allocate(batchCapacity),
    indices: kernels.allocate(visited * entries),
    values: kernels.allocate(visited * entries),
  };
  const expert = expertRows(kernels, features, demonstrations);
  const weights = new Float64Array(visited);
  const steps: StepCounts = { train: 0, rewardRollout: 0, evaluation: 0, expert: 0 };
  const actor = createSoftmaxActor(kernels, features);
  const choices = streamOf(foldIn(key, 0));
  const [trainKey, rolloutKey] = [foldIn(key, 1), foldIn(key, 2)];
  const expertStream = streamOf(foldIn(key, 3));
  const replayStream = streamOf(foldIn(key, 4));
  const observation = new Float64Array(observationSize);
  let [trainEpisodes, rolloutEpisodes, size, at] = [0, 0, 0, 0];
  let ended = true;

  /** One step of the chain into row `row` of the store; the actor has looked at the state before, and looks at the next. */
  const step = (network: SparseTwoLayer, row: number): void => {
    const { store } = room;
    const action = actor.draw(nextUniform(choices));
    copyRow(kernels, entries, actor, action, store, row);
    const result = train.step([action]);
    observation.set(result.observation);
    actor.look(network, observation);
    copyBlock(kernels, actions * entries, actor.indices, store.nextIndices + 4 * row * actions * entries);
    copyBlock(kernels, actions * entries, actor.values, store.nextValues + 4 * row * actions * entries);
    kernels.f32(store.nextLogPolicy + 4 * row * actions, actions).set(actor.logPolicy);
    kernels.f32(store.continues, row + 1)[row] = result.terminated ? 0 : 1;
    ended = result.terminated || result.truncated;
    if (ended) begin(network);
  };

  const begin = (network: SparseTwoLayer): void => {
    observation.set(train.reset({ seed: episodeSeed(trainKey, trainEpisodes++) }).observation);
    actor.look(network, observation);
    ended = false;
  };

  /** Weighs the `length` steps of one of `count` trajectories; returns what the steps from there to the horizon would weigh. */
  const weigh = (first: number, length: number, count: number): number => {
    let [weight, rest] = [1 / count, 0];
    for (let t = 0; t < horizon; t++, weight *= gradientDiscount) {
      if (t < length) weights[first + t] = weight;
      else rest += weight;
    }
    return rest;
  };

  return {
    features,
    batchCapacity,
    rewards: room.rewards,
    steps,
    transitions: (network, count): RowBatch => {
      if (ended) begin(network);
      else actor.look(network, observation);
      if (options.sampling === "markov-chain") {
        for (let t = 0; t < count; t++) step(network, t);
        steps.train += count;
        return { kind: "rows", count, ...room.store };
      }
      for (let t = 0; t < count; t++) {
        step(network, at);
        at = (at + 1) % stored;
        size = Math.min(size + 1, stored);
      }
      steps.train += count;
      const chosen = kernels.u32(room.chosen, count);
      for (let t = 0; t < count; t++) chosen[t] = nextInteger(replayStream, size);
      gatherBatch(kernels, count, actions, entries, room.chosen, room.store, room.batch);
      refreshLogPolicy(kernels, network, count, actions, entries, room.batch);
      return { kind: "rows", count, ...room.batch };
    },
    agentTrajectories: (network, count): VisitedRows => {
      requireRoom(count, trajectoryCapacity);
      let [row, absorbingWeight] = [0, 0];
      for (let n = 0; n < count; n++) {
        const first = row;
        let state = rollout.reset({ seed: episodeSeed(rolloutKey, rolloutEpisodes++) }).observation;
        let terminated = false;
        for (let over = false; !over && row - first < horizon; row++) {
          actor.look(network, state);
          const action = actor.draw(nextUniform(choices));
          copyRow(kernels, entries, actor, action, room, row);
          const result = rollout.step([action]);
          state = result.observation;
          terminated = result.terminated;
          over = terminated || result.truncated;
        }
        const rest = weigh(first, row - first, count);
        if (terminated) absorbingWeight += rest;
      }
      steps.rewardRollout += row;
      return { count: row, indices: room.indices, values: room.values, weights, absorbingWeight };
    },
    expertTrajectories: (count): VisitedRows => {
      requireRoom(count, trajectoryCapacity);
      const available = episodeCount(demonstrations);
      let [row, absorbingWeight] = [0, 0];
      for (let n = 0; n < count; n++) {
        const episode = available <= count ? n % available : nextInteger(expertStream, available);
        const first = demonstrations.episodeStarts[episode];
        const end = demonstrations.episodeStarts[episode + 1];
        const length = Math.min(end - first, horizon);
        const floats = length * entries;
        copyBlock(kernels, floats, expert.indices + 4 * first * entries, room.indices + 4 * row * entries);
        copyBlock(kernels, floats, expert.values + 4 * first * entries, room.values + 4 * row * entries);
        const rest = weigh(row, length, count);
        if (demonstrations.terminated[end - 1] === 1) absorbingWeight += rest;
        row += length;
      }
      steps.expert += row;
      return { count: row, indices: room.indices, values: room.values, weights, absorbingWeight };
    },
  };
}

interface BatchRoom {
  readonly indices: number;
  readonly values: number;
  readonly nextIndices: number;
  readonly nextValues: number;
  readonly continues: number;
  readonly nextLogPolicy: number;
}

function allocateBatch(kernels: Kernels, rows: number, actions: number, entries: number): BatchRoom {
  return {
    indices: kernels.allocate(rows * entries),
    values: kernels.allocate(rows * entries),
    nextIndices: kernels.allocate(rows * actions * entries),
    nextValues: kernels.allocate(rows * actions * entries),
    continues: kernels.allocate(rows),
    nextLogPolicy: kernels.allocate(rows * actions),
  };
}

/** Row `action` of what the actor looked at, into row `row`. */
function copyRow(
  kernels: Kernels,
  entries: number,
  from: { readonly indices: number; readonly values: number },
  action: number,
  to: { readonly indices: number; readonly values: number },
  row: number,
): void {
  copyBlock(kernels, entries, from.indices + 4 * action * entries, to.indices + 4 * row * entries);
  copyBlock(kernels, entries, from.values + 4 * action * entries, to.values + 4 * row * entries);
}

function gatherBatch(
  kernels: Kernels,
  count: number,
  actions: number,
  entries: number,
  chosen: number,
  from: BatchRoom,
  to: BatchRoom,
): void {
  const widths = {
    indices: entries,
    values: entries,
    nextIndices: actions * entries,
    nextValues: actions * entries,
    continues: 1,
  };
  for (const [name, width] of Object.entries(widths)) {
    const part = name as keyof typeof widths;
    kernels.gatherRows(count, width, from[part], width, chosen, to[part], width);
  }
}

/** Replayed states were left under older policies: log pi_k(.|s') anew. */
function refreshLogPolicy(
  kernels: Kernels,
  network: SparseTwoLayer,
  count: number,
  actions: number,
  entries: number,
  { nextIndices, nextValues, nextLogPolicy }: BatchRoom,
): void {
  kernels.sparseForward(network.block, count * actions, entries, nextIndices, nextValues, nextLogPolicy);
  const table = kernels.f32(nextLogPolicy, count * actions);
  for (let first = 0; first < table.length; first += actions) {
    const value = logSumExp(table, first, actions);
    for (let a = first; a < first + actions; a++) table[a] -= value;
  }
}

/** psi(s_t, a_t) of every recorded step: the one place where the expert's states and actions are paired. */
function expertRows(
  kernels: Kernels,
  features: StateActionFeatures,
  demonstrations: Trajectories,
): { indices: number; values: number } {
  const { actions, entries, observationSize: n } = features;
  const count = transitionCount(demonstrations);
  const room = { indices: kernels.allocate(count * entries), values: kernels.allocate(count * entries) };
  const indices = new Uint32Array(actions * entries);
  const values = new Float32Array(actions * entries);
  const allIndices = kernels.u32(room.indices, count * entries);
  const allValues = kernels.f32(room.values, count * entries);
  for (let t = 0; t < count; t++) {
    features.write(demonstrations.observations.subarray(t * n, (t + 1) * n), indices, values);
    const from = demonstrations.actions[t] * entries;
    allIndices.set(indices.subarray(from, from + entries), t * entries);
    allValues.set(values.subarray(from, from + entries), t * entries);
  }
  return room;
}

function requireFit(
  { id, actionSpace, observationSpace }: Environment,
  features: StateActionFeatures,
  demonstrations: Trajectories,
): void {
  const refuse = (problem: string): never => {
    throw new TandemError("createEnvironmentProblem", `${id} ${problem}`);
  };
  if (actionSpace.kind !== "discrete") return refuse("has continuous actions; use createMlIrl");
  const { actions, observationSize } = features;
  if (actions !== actionSpace.count || observationSize !== observationSpace.size) {
    refuse(
      `has ${actionSpace.count} actions and observations of ${observationSpace.size}, the features ${actions} and ${observationSize}; make them for this task`,
    );
  }
  if (demonstrations.observationSize !== observationSize || demonstrations.actionSize !== 1) {
    refuse(
      `takes demonstrations with observations of ${observationSize} and one action number, got ${demonstrations.observationSize} and ${demonstrations.actionSize}; check the file`,
    );
  }
  const wrong = demonstrations.actions.find(
    (action) => !(Number.isInteger(action) && action >= 0 && action < actions),
  );
  if (wrong !== undefined)
    refuse(`takes actions from 0 to ${actions - 1}, the demonstrations hold ${wrong}; check the file`);
}

function requireRoom(count: number, trajectoryCapacity: number): void {
  if (count <= trajectoryCapacity) return;
  throw new TandemError(
    "createEnvironmentProblem",
    `expected at most ${trajectoryCapacity} trajectories at a time, got ${count}; raise trajectoryCapacity`,
  );
}

function copyBlock(kernels: Kernels, length: number, from: number, to: number): void {
  kernels.copyRows(1, length, from, length, to, length);
}
