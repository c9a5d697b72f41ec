/** What environments with finitely many actions and a state of a few numbers share: phases, seeds, checks, time limit. */
import {
  foldIn,
  keyFromSeed,
  streamOf,
  TandemError,
  type BoxSpace,
  type DiscreteSpace,
  type RandomStream,
} from "../core/index.ts";
import type { Environment, EnvironmentState, StepResult } from "./environment.ts";

/** What an environment says of itself. */
export interface DiscreteTask {
  readonly id: string;
  /** Numbers in the state. */
  readonly stateSize: number;
  readonly observationSpace: BoxSpace;
  readonly actions: number;
  readonly maxEpisodeSteps: number;
  /** Whether steps draw random numbers, which a saved state must then carry on. */
  readonly noisy: boolean;
  /** All options, resolved; left out where `makeEnvironment` could not make it again. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** Whether `advance` ever ends an episode; true. */
  readonly terminates?: boolean;
}

const RESET_AND_NOISE = 0;

/** An environment whose simulation is `state` and three functions. */
export abstract class DiscreteEnvironment implements Environment {
  readonly id: string;
  readonly observationSpace: BoxSpace;
  readonly actionSpace: DiscreteSpace;
  readonly maxEpisodeSteps: number;
  readonly terminates: boolean;
  readonly options?: Readonly<Record<string, unknown>>;
  /** The state in float64. */
  protected readonly state: Float64Array;
  readonly #noisy: boolean;
  readonly #result: StepResult;
  #phase: "unset" | "running" | "ended" | "closed" = "unset";
  #stream: RandomStream | null = null;
  #elapsedSteps = 0;

  constructor(task: DiscreteTask) {
    const { id, stateSize, observationSpace, actions, maxEpisodeSteps, noisy, terminates = true } = task;
    this.id = id;
    this.terminates = terminates;
    if (task.options) this.options = task.options;
    this.observationSpace = observationSpace;
    this.actionSpace = { kind: "discrete", count: actions };
    this.maxEpisodeSteps = maxEpisodeSteps;
    this.state = new Float64Array(stateSize);
    this.#noisy = noisy;
    const observation = new Float64Array(observationSpace.size);
    this.#result = { observation, reward: NaN, terminated: false, truncated: false, info: {} };
  }

  /** Write an initial state. */
  protected abstract drawInitialState(stream: RandomStream): void;
  /** Move the state by one step; write reward and terminated. */
  protected abstract advance(action: number, result: StepResult, stream: RandomStream | null): void;
  /** Write the observation of the state. */
  protected abstract observe(observation: Float64Array): void;
  /** Say what is wrong with a state that cannot occur, or null. */
  protected abstract objection(state: ArrayLike<number>): string | null;

  reset(options: { seed?: number } = {}): { observation: Float64Array; info: Record<string, number> } {
    this.#requireOpen("reset");
    this.drawInitialState(this.#resetStream(options.seed));
    return { observation: this.#start(), info: {} };
  }

  step(action: ArrayLike<number>): StepResult {
    this.#requireOpen("step");
    if (this.#phase !== "running") {
      const why = this.#phase === "ended" ? "the episode has ended" : "there is no episode";
      throw new TandemError("step", `${this.id}: ${why}; call reset or setState first`);
    }
    const { count } = this.actionSpace;
    if (action.length !== 1) {
      const problem = `${this.id} takes actions of shape [1], got [${action.length}]; check env.actionSpace`;
      throw new TandemError("step", problem);
    }
    const chosen = action[0];
    if (!(Number.isInteger(chosen) && chosen >= 0 && chosen < count)) {
      throw new TandemError("step", `${this.id} takes a whole number from 0 to ${count - 1}, got ${chosen}`);
    }
    if (this.#noisy && !this.#stream) {
      throw new TandemError("step", `${this.id} needs a seed: reset with one, or set a state that has noise`);
    }
    const result = this.#result;
    this.advance(chosen, result, this.#stream);
    this.#elapsedSteps++;
    this.observe(result.observation);
    result.truncated = this.#elapsedSteps >= this.maxEpisodeSteps;
    if (result.terminated) this.#phase = "ended";
    return result;
  }

  setState(given: EnvironmentState): Float64Array {
    this.#requireOpen("setState");
    const sizes: Record<string, number> = this.#noisy
      ? { state: this.state.length, noise: 3 }
      : { state: this.state.length };
    const refuse = (problem: string): never => {
      throw new TandemError("setState", `${this.id} ${problem}`);
    };
    for (const [name, values] of Object.entries(given)) {
      const size = sizes[name] ?? refuse(`has no state ${name}; it has ${Object.keys(sizes).join(", ")}`);
      if (values.length !== size) refuse(`takes ${name} of shape [${size}], got [${values.length}]`);
      if (!Array.from(values).every(Number.isFinite))
        refuse(`takes a finite ${name}, got [${Array.from(values).join(", ")}]`);
    }
    if (!given.state) refuse("needs state; pass { state } or what getState gave");
    const objection = this.objection(given.state);
    if (objection) refuse(objection);
    this.state.set(given.state);
    if (given.noise) {
      const [high, low, counter] = Array.from(given.noise);
      this.#stream = { key: [high, low], counter };
    }
    return this.#start();
  }

  getState(): EnvironmentState {
    this.#requireOpen("getState");
    const state = this.state.slice();
    const stream = this.#stream;
    if (!this.#noisy || !stream) return { state };
    return { state, noise: Float64Array.of(stream.key[0], stream.key[1], stream.counter) };
  }

  close(): void {
    this.#phase = "closed";
  }

  #start(): Float64Array {
    this.#elapsedSteps = 0;
    this.#phase = "running";
    const { observation } = this.#result;
    this.observe(observation);
    return observation;
  }

  #resetStream(seed: number | undefined): RandomStream {
    if (seed !== undefined) {
      if (!Number.isSafeInteger(seed) || seed < 0) {
        throw new TandemError(
          "reset",
          `${this.id} takes a whole number from 0 to 2^53 - 1 as seed, got ${seed}`,
        );
      }
      this.#stream = streamOf(foldIn(keyFromSeed(seed), RESET_AND_NOISE));
    }
    if (!this.#stream)
      throw new TandemError("reset", `${this.id} needs a seed at its first reset; pass { seed }`);
    return this.#stream;
  }

  #requireOpen(method: string): void {
    if (this.#phase === "closed") {
      throw new TandemError(method, `this ${this.id} is closed; make a new one with makeEnvironment`);
    }
  }
}
