/** A simulator as functions of batches, for distances between rewards. */
import { TandemError } from "../core/index.ts";
import type { Environment, StepResult } from "../envs/environment.ts";
import type { RewardFunction, TransitionModel } from "./sampled-reward-distance.ts";

/**
 * One step of the simulator from each observation, actions in its own units. It draws nothing from the stream: meant for
 * tasks without noise, as those of MuJoCo are. What observations hide is 0. The environment loses its episode: lend one of
 * its own. A task that does not tell its state from an observation (Reacher, Pusher) is an error.
 */
export function simulatorTransitions(environment: Environment): TransitionModel {
  return (observations, actions) => {
    const nextObservations = new Float32Array(observations.length);
    const { size } = environment.observationSpace;
    stepFromEach("simulatorTransitions", environment, observations, actions, (result, i) => {
      nextObservations.set(result.observation, i * size);
    });
    return nextObservations;
  };
}

/**
 * The true reward r(s, a) of the step that the simulator makes, for reporting only; the s' it is asked for is not looked
 * at. Otherwise as `simulatorTransitions`.
 */
export function simulatorReward(environment: Environment): RewardFunction {
  return (observations, actions) => {
    const rewards = new Float64Array(observations.length / environment.observationSpace.size);
    stepFromEach("simulatorReward", environment, observations, actions, (result, i) => {
      rewards[i] = result.reward;
    });
    return rewards;
  };
}

/** The two functions above from the same steps: a batch that both are asked for, by the same arrays, is simulated once. */
export interface Simulated {
  readonly transitions: TransitionModel;
  readonly reward: RewardFunction;
  /** Steps made so far. */
  steps(): number;
}

/** `simulatorTransitions` and `simulatorReward` at half the cost where both are asked about the same batch. */
export function simulated(environment: Environment): Simulated {
  const known = new WeakMap<
    Float32Array,
    { actions: Float32Array; next: Float32Array; rewards: Float64Array }
  >();
  const { size } = environment.observationSpace;
  let made = 0;
  const stepped = (
    observations: Float32Array,
    actions: Float32Array,
  ): { next: Float32Array; rewards: Float64Array } => {
    const before = known.get(observations);
    if (before?.actions === actions) return before;
    const next = new Float32Array(observations.length);
    const rewards = new Float64Array(observations.length / size);
    stepFromEach("simulated", environment, observations, actions, (result, i) => {
      next.set(result.observation, i * size);
      rewards[i] = result.reward;
    });
    made += rewards.length;
    known.set(observations, { actions, next, rewards });
    return { next, rewards };
  };
  return {
    transitions: (observations, actions) => stepped(observations, actions).next,
    reward: (observations, actions) => stepped(observations, actions).rewards,
    steps: () => made,
  };
}

function stepFromEach(
  where: string,
  environment: Environment,
  observations: Float32Array,
  actions: Float32Array,
  take: (result: StepResult, i: number) => void,
): void {
  const { size } = environment.observationSpace;
  const count = observations.length / size;
  const actionSize = actions.length / count;
  if (!environment.stateFromObservation) {
    throw new TandemError(
      where,
      `${environment.id} does not tell its state from an observation; pass a function of your own`,
    );
  }
  // The solver starts from what the last step left; a reset clears that, so that a batch alone decides the answer.
  environment.reset({ seed: 0 });
  for (let i = 0; i < count; i++) {
    const observation = observations.subarray(i * size, (i + 1) * size);
    environment.setState(environment.stateFromObservation(observation));
    take(environment.step(actions.subarray(i * actionSize, (i + 1) * actionSize)), i);
  }
}
