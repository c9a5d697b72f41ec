import { nextUniform, type RandomStream } from "../../core/index.ts";
import { DiscreteEnvironment } from "../discrete-environment.ts";
import type { Environment, StepResult } from "../environment.ts";
import type { TabularMdp } from "./tabular-mdp.ts";

/**
 * A tabular problem as an environment: an observation is the number of the state; it never terminates. `options` are those from
 * which `makeEnvironment` makes the problem, if it does.
 */
export function tabularEnvironment(
  id: string,
  mdp: TabularMdp,
  maxEpisodeSteps: number,
  options?: Readonly<Record<string, unknown>>,
): Environment {
  return new TabularEnvironment(id, mdp, maxEpisodeSteps, options);
}

class TabularEnvironment extends DiscreteEnvironment {
  readonly #mdp: TabularMdp;

  constructor(
    id: string,
    mdp: TabularMdp,
    maxEpisodeSteps: number,
    options?: Readonly<Record<string, unknown>>,
  ) {
    const observationSpace = {
      kind: "box" as const,
      size: 1,
      low: Float64Array.of(0),
      high: Float64Array.of(mdp.states - 1),
    };
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
    this.#mdp = mdp;
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
    observation[0] = this.state[0];
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
