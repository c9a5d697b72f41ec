import {
  type BoxSpace,
  type RandomStream,
  SimulationDiverged,
  TandemError,
  box,
  foldIn,
  keyFromSeed,
  streamOf,
} from "../../core/index.ts";
import type { Environment, EnvironmentState, StepResult } from "../environment.ts";
import type { Simulation } from "./simulation.ts";

/** The purpose, in the sense of `foldIn`, for which an environment uses the key of its seed. */
const RESET_NOISE = 0x72657365;

/** What every MuJoCo task has, whatever its body. */
export interface MujocoTask {
  /** Versioned name. */
  readonly id: string;
  /** MuJoCo steps in one environment step. */
  readonly frameSkip: number;
  /** Environment steps after which an episode is truncated. */
  readonly maxEpisodeSteps: number;
  /** Whether `score` ever ends an episode. */
  readonly terminates: boolean;
  /** Coordinates of an observation. */
  readonly observationSize: number;
  /** All options, resolved. */
  readonly options: Readonly<Record<string, unknown>>;
  /**
   * What the task reads beside positions and velocities. After a step it is what MuJoCo's last internal stage left, which
   * no state determines, so it is saved with the state. Contact forces are computed only for those that name `cfrc_ext`.
   */
  readonly carried?: readonly Carried[];
  /** Leading positions that the observation leaves out; null where an observation does not begin with positions and velocities. */
  readonly hiddenPositions: number | null;
}

/** A quantity that follows from positions and velocities. */
export type Carried =
  "xpos" | "xipos" | "site_xpos" | "cinert" | "cvel" | "qfrc_actuator" | "qfrc_constraint" | "cfrc_ext";

type Info = Record<string, number>;

/**
 * The cycle of a MuJoCo task as Gymnasium 1.3.0 runs it (`MujocoEnv`, with the `TimeLimit` around it): draw an initial
 * state, apply the action as motor controls for `frameSkip` steps, then score and observe. A task says how.
 *
 * Differences from Gymnasium: a step with a number that is not finite, before a reset or after `close`, or one in which
 * the simulation diverges, is an error here; contact forces (`mj_rnePostConstraint`) are computed only where the task reads
 * them, and are 0 after `setState` to a state that does not hold them (Gymnasium keeps those of the step before).
 */
export abstract class MujocoEnvironment implements Environment {
  readonly id: string;
  readonly observationSpace: BoxSpace;
  readonly actionSpace: BoxSpace;
  readonly maxEpisodeSteps: number;
  readonly terminates: boolean;
  readonly options: Readonly<Record<string, unknown>>;
  stateFromObservation?: (observation: ArrayLike<number>) => EnvironmentState;
  /** Simulated seconds of one environment step. */
  protected readonly stepSeconds: number;
  protected readonly simulation: Simulation;
  readonly #frameSkip: number;
  readonly #carried: readonly Carried[];
  readonly #readsContactForces: boolean;
  readonly #result: StepResult;
  readonly #resetInfo: Info;
  #stream: RandomStream | undefined;
  #elapsedSteps = 0;
  #phase: "unset" | "running" | "closed" = "unset";

  /** `stepInfo` and `resetInfo` name what `score` and `describeReset` fill in. The simulation is owned from here on. */
  constructor(task: MujocoTask, simulation: Simulation, stepInfo: Info, resetInfo: Info) {
    const { motors, timestep } = simulation.model;
    this.id = task.id;
    this.maxEpisodeSteps = task.maxEpisodeSteps;
    this.terminates = task.terminates;
    this.observationSpace = box(task.observationSize, -Infinity, Infinity);
    this.actionSpace = {
      kind: "box",
      size: motors.length,
      low: Float64Array.from(motors, (motor) => motor.controlRange[0]),
      high: Float64Array.from(motors, (motor) => motor.controlRange[1]),
    };
    this.stepSeconds = timestep * task.frameSkip;
    this.simulation = simulation;
    this.options = task.options;
    this.#frameSkip = task.frameSkip;
    this.#carried = task.carried ?? [];
    this.#readsContactForces = this.#carried.includes("cfrc_ext");
    const { hiddenPositions } = task;
    if (hiddenPositions !== null) {
      this.stateFromObservation = (observation) => this.#stateShownBy(observation, hiddenPositions);
    }
    const observation = new Float64Array(task.observationSize);
    this.#result = { observation, reward: NaN, terminated: false, truncated: false, info: stepInfo };
    this.#resetInfo = resetInfo;
  }

  /** Write a noisy initial state into the simulation's qpos and qvel, which hold the model's own. */
  protected abstract drawInitialState(stream: RandomStream): void;
  /** Read what `score` needs of the state before a step. */
  protected abstract beforeStep(): void;
  /** Write reward, terminated and info of the step just made. */
  protected abstract score(action: ArrayLike<number>, result: StepResult): void;
  /** Write the info of a reset. */
  protected abstract describeReset(info: Info): void;
  /** Write the observation of the present state. */
  protected abstract observe(observation: Float64Array): void;

  reset(options: { seed?: number } = {}): { observation: Float64Array; info: Info } {
    this.#requireOpen("reset");
    const stream = this.#resetStream(options.seed);
    this.simulation.clear();
    this.simulation.attach();
    this.drawInitialState(stream);
    const observation = this.#start();
    this.describeReset(this.#resetInfo);
    return { observation, info: this.#resetInfo };
  }

  step(action: ArrayLike<number>): StepResult {
    const { simulation } = this;
    const result = this.#result;
    if (this.#phase !== "running") this.#refuseStep();
    this.#checkAction(action);
    simulation.attach();
    this.beforeStep();
    const { ctrl } = simulation;
    for (let i = 0; i < ctrl.length; i++) ctrl[i] = action[i];
    if (!simulation.advance(this.#frameSkip)) this.#refuseDivergence();
    if (this.#readsContactForces) simulation.sumContactForces();
    this.#elapsedSteps++;
    this.score(action, result);
    this.observe(result.observation);
    result.truncated = this.#elapsedSteps >= this.maxEpisodeSteps;
    return result;
  }

  /**
   * Positions and velocities are set and all that follows from them computed, as Gymnasium's `set_state` does. The
   * solver's warm start, the clock and what the task carries are as the state names them, as one of `getState` does;
   * otherwise the first two stay as they are, and what is carried follows under the motors' last controls.
   */
  setState(state: EnvironmentState): Float64Array {
    this.#requireOpen("setState");
    const { simulation } = this;
    simulation.attach();
    this.#checkState(state);
    simulation.qpos.set(state.qpos);
    simulation.qvel.set(state.qvel);
    if (state.qacc_warmstart) simulation.warmStart.set(state.qacc_warmstart);
    if (state.time) simulation.time = state.time[0];
    return this.#start(state);
  }

  /**
   * `qpos` [nq], `qvel` [nv], `qacc_warmstart` [nv] and `time` [1], and what the task carries over from MuJoCo's last
   * stage: all that the next steps depend on.
   */
  getState(): EnvironmentState {
    this.#requireOpen("getState");
    const { simulation } = this;
    simulation.attach();
    const state: EnvironmentState = {
      qpos: simulation.qpos.slice(),
      qvel: simulation.qvel.slice(),
      qacc_warmstart: simulation.warmStart.slice(),
      time: Float64Array.of(simulation.time),
    };
    for (const name of this.#carried) state[name] = simulation[name].slice();
    return state;
  }

  close(): void {
    this.#phase = "closed";
    this.simulation.delete();
  }

  /** Begin an episode in the state the simulation holds, with what `state` names of the carried quantities. */
  #start(state: EnvironmentState = {}): Float64Array {
    const { simulation } = this;
    simulation.forward();
    simulation.attach();
    if (this.#readsContactForces) simulation.cfrc_ext.fill(0);
    for (const name of this.#carried) if (state[name]) simulation[name].set(state[name]);
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
      this.#stream = streamOf(foldIn(keyFromSeed(seed), RESET_NOISE));
    }
    if (!this.#stream)
      throw new TandemError("reset", `${this.id} needs a seed at its first reset; pass { seed }`);
    return this.#stream;
  }

  #checkAction(action: ArrayLike<number>): void {
    const { size } = this.actionSpace;
    if (action.length !== size) {
      const problem = `${this.id} takes actions of shape [${size}], got [${action.length}]; check env.actionSpace`;
      throw new TandemError("step", problem);
    }
    for (let i = 0; i < size; i++) {
      if (!Number.isFinite(action[i])) {
        throw new TandemError(
          "step",
          `${this.id} takes finite actions, got ${action[i]} at [${i}]; check the policy`,
        );
      }
    }
  }

  #checkState(state: EnvironmentState): void {
    const { qpos, qvel } = this.simulation;
    const sizes: Record<string, number> = {
      qpos: qpos.length,
      qvel: qvel.length,
      qacc_warmstart: qvel.length,
      time: 1,
    };
    for (const name of this.#carried) sizes[name] = this.simulation[name].length;
    const refuse = (problem: string): never => {
      throw new TandemError("setState", `${this.id} ${problem}`);
    };
    for (const [name, values] of Object.entries(state)) {
      const size = sizes[name] ?? refuse(`has no state ${name}; it has ${Object.keys(sizes).join(", ")}`);
      if (values.length !== size) refuse(`takes ${name} of shape [${size}], got [${values.length}]`);
      if (!Array.from(values).every(Number.isFinite))
        refuse(`takes a finite ${name}, got [${Array.from(values).join(", ")}]`);
    }
    for (const name of ["qpos", "qvel"]) {
      if (!state[name]) refuse(`needs ${name}; pass { qpos, qvel } or what getState gave`);
    }
  }

  #stateShownBy(observation: ArrayLike<number>, hiddenPositions: number): EnvironmentState {
    const { size } = this.observationSpace;
    if (observation.length !== size) {
      const problem = `${this.id} gives observations of shape [${size}], got [${observation.length}]`;
      throw new TandemError("stateFromObservation", problem);
    }
    this.simulation.attach();
    const qpos = new Float64Array(this.simulation.qpos.length);
    const qvel = new Float64Array(this.simulation.qvel.length);
    const shown = qpos.length - hiddenPositions;
    for (let i = 0; i < shown; i++) qpos[hiddenPositions + i] = observation[i];
    for (let i = 0; i < qvel.length; i++) qvel[i] = observation[shown + i];
    return { qpos, qvel };
  }

  #requireOpen(method: string): void {
    if (this.#phase === "closed") {
      throw new TandemError(method, `this ${this.id} is closed; make a new one with makeEnvironment`);
    }
  }

  #refuseStep(): never {
    this.#requireOpen("step");
    throw new TandemError("step", `${this.id} has no episode to continue; call reset or setState first`);
  }

  #refuseDivergence(): never {
    this.#phase = "unset";
    throw new SimulationDiverged(
      "step",
      `the simulation of ${this.id} diverged; check the state it was set to, then reset it`,
    );
  }
}

/** sum_i values_i^2 */
export function sumOfSquares(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] * values[i];
  return sum;
}
