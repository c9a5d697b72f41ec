import { box, nextUniform, type RandomStream } from "../../core/index.ts";
import { DiscreteEnvironment } from "../discrete-environment.ts";
import type { Environment, StepResult } from "../environment.ts";
import type { TabularDynamics, TabularMdp } from "./tabular-mdp.ts";

/** How a tabular problem shows itself. */
export interface TabularShow {
  /** An observation is 1 in the state's place of as many as there are states; else (false) the state's number. */
  readonly oneHot: boolean;
  /** Those from which `makeEnvironment` makes the problem, if it does. */
  readonly options?: Readonly<Record<string, unknown>>;
}

/** A tabular problem as an environment. It never terminates. */
export function tabularEnvironment(
  id: string,
  mdp: TabularMdp,
  maxEpisodeSteps: number,
  show: TabularShow = { oneHot: false },
): Environment {
  return new TabularEnvironment(id, mdp, maxEpisodeSteps, show);
}

class TabularEnvironment extends DiscreteEnvironment {
  readonly dynamics: TabularDynamics;
  readonly #mdp: TabularMdp;
  readonly #oneHot: boolean;

  constructor(id: string, mdp: TabularMdp, maxEpisodeSteps: number, { oneHot, options }: TabularShow) {
    const observationSpace = oneHot ? box(mdp.states, 0, 1) : box(1, 0, mdp.states - 1);
    super({
      id,
      stateSize: 1,
      observationSpace,
      actions: mdp.actions,
      maxEpisodeSteps,
      noisy: true,
      terminates: false,
      options,
    });
    const { states, actions, transitions, initial } = mdp;
    this.dynamics = { states, actions, transitions, initial };
    this.#mdp = mdp;
    this.#oneHot = oneHot;
  }

  protected override drawInitialState(stream: RandomStream): void {
    this.state[0] = drawFrom(this.#mdp.initial, 0, this.#mdp.states, stream);
  }

  protected override advance(action: number, result: StepResult, stream: RandomStream | null): void {
    const { states, actions, transitions, rewards } = this.#mdp;
    const pair = this.state[0] * actions + action;
    result.reward = rewards[pair];
    result.terminated = false;
    if (stream) this.state[0] = drawFrom(transitions, pair * states, states, stream);
  }

  protected override observe(observation: Float64Array): void {
    if (!this.#oneHot) observation[0] = this.state[0];
    else {
      observation.fill(0);
      observation[this.state[0]] = 1;
    }
  }

  protected override objection([state]: number[]): string | null {
    const { states } = this.#mdp;
    if (Number.isInteger(state) && state >= 0 && state < states) return null;
    return `takes a whole number from 0 to ${states - 1} as state, got ${state}`;
  }
}

/** An outcome by inverting the cumulated probabilities; what rounding leaves goes to the last that is possible. */
function drawFrom(probabilities: Float64Array, first: number, count: number, stream: RandomStream): number {
  let left = nextUniform(stream);
  let last = 0;
  for (let k = 0; k < count; k++) {
    const probability = probabilities[first + k];
    if (probability === 0) continue;
    last = k;
    left -= probability;
    if (left < 0) return k;
  }
  return last;
}
