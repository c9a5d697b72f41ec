import type { ActionSpace, BoxSpace } from "../core/index.ts";
import type { TabularDynamics } from "./tabular/tabular-mdp.ts";

/** What one step gives. The object and its arrays are borrowed: read them before the next step or reset. */
export interface StepResult {
  /** Observation after the step, [observationSpace.size]. */
  observation: Float64Array;
  /** True reward of the step. For reporting: learners of rewards do not read it. */
  reward: number;
  /** The task ended the episode here; the value of what follows is 0. */
  terminated: boolean;
  /** A time limit cut the episode here; values still bootstrap. */
  truncated: boolean;
  /** Named numbers of this step: the terms of the reward, positions. */
  info: Record<string, number>;
}

/** Gymnasium's semantics: reset, step, terminated, truncated, versioned id. */
export interface Environment {
  /** Versioned name, e.g. `HalfCheetah-v5`. */
  readonly id: string;
  /** Every option it was made with, those left out at their defaults: plain JSON that `makeEnvironment` takes back. */
  readonly options?: Readonly<Record<string, unknown>>;
  readonly observationSpace: BoxSpace;
  readonly actionSpace: ActionSpace;
  /** Steps after which an episode is truncated. */
  readonly maxEpisodeSteps: number;
  /** Whether a state of the task can end an episode, the options being what they are; it can where this is absent. */
  readonly terminates?: boolean;
  /** The table of a tabular task, for methods that know it; absent elsewhere. */
  readonly dynamics?: TabularDynamics;
  /** Start an episode. With a seed the noise stream starts anew from it; without, it goes on; the first reset needs one. The observation is borrowed. */
  reset(options?: { seed?: number }): { observation: Float64Array; info: Record<string, number> };
  /** One step under `action`, [actionSpace.size] (or a one-element array for a discrete action). Borrowed result. */
  step(action: ArrayLike<number>): StepResult;
  /** Put the simulator into a state and return its observation (borrowed). The episode's step count starts anew. */
  setState(state: EnvironmentState): Float64Array;
  /** A copy of the simulator state, enough for `setState` to continue from. */
  getState(): EnvironmentState;
  /**
   * The simulator state that an observation shows, what it hides (such as how far the body has come) set to 0; absent
   * where observations do not tell it.
   */
  stateFromObservation?(observation: ArrayLike<number>): EnvironmentState;
  /** Release what the environment holds; it must not be used afterwards. Closing twice is harmless. */
  close(): void;
}

/** Simulator state by name, e.g. `{ qpos, qvel }` for MuJoCo. */
export type EnvironmentState = Record<string, ArrayLike<number>>;
