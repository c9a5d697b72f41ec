import { type ActionSpace, type BoxSpace, TandemError } from "../core/index.ts";
import type { Environment } from "./environment.ts";
import type { GivenOptions } from "./options.ts";
import { type EnvironmentOptions, makeEnvironment } from "./registry.ts";
import {
  type VectorColumns,
  type VectorCommand,
  VectorShare,
  type VectorSizes,
  type VectorStep,
  columnBytes,
  columnsOver,
  makeEach,
} from "./vector-share.ts";
import type { VectorThreads } from "./vector-threads.ts";

/** Of how many environments a batch consists, where they run and from which seed they start. */
export interface VectorOptions {
  /** Environments in the batch. */
  count: number;
  /** A whole number; every episode's seed follows from it ({@link vectorEpisodeSeed}). */
  seed: number;
  /**
   * Threads beside this one, 0 where left out. This thread steps a share as well: one worker fewer than there are free cores
   * keeps them busy. At most `count - 1` are started. They cost some 0.3 s at the start and a barrier a step, which pays
   * for MuJoCo's tasks and not for classic control.
   */
  workers?: number;
}

/** Makes an environment of one's own with the options given to the batch. */
export type EnvironmentFactory = (options: GivenOptions) => Environment | Promise<Environment>;

interface VectorParts {
  readonly environment: Environment;
  readonly sizes: VectorSizes;
  readonly columns: VectorColumns;
  readonly share: VectorShare;
  readonly threads: VectorThreads | null;
  readonly workers: number;
}

/**
 * A batch of environments of one kind that step together. An episode that ends is followed by the environment's next one
 * within the same step. The numbers depend on the options, the seed, the count and the actions, not on the workers.
 */
export class VectorEnvironment {
  readonly id: string;
  /** The options of each environment. */
  readonly options: Readonly<Record<string, unknown>> | undefined;
  readonly observationSpace: BoxSpace;
  readonly actionSpace: ActionSpace;
  readonly maxEpisodeSteps: number;
  /** Environments in the batch. */
  readonly count: number;
  /** Threads beside this one. */
  readonly workers: number;
  readonly #sizes: VectorSizes;
  readonly #columns: VectorColumns;
  readonly #share: VectorShare;
  readonly #threads: VectorThreads | null;
  #phase: "unset" | "running" | "closed" = "unset";

  /** `environment` is one of the batch, for what all have in common. The parts are owned from here on. */
  constructor({ environment, sizes, columns, share, threads, workers }: VectorParts) {
    this.id = environment.id;
    this.options = environment.options;
    this.observationSpace = environment.observationSpace;
    this.actionSpace = environment.actionSpace;
    this.maxEpisodeSteps = environment.maxEpisodeSteps;
    this.count = sizes.count;
    this.workers = workers;
    this.#sizes = sizes;
    this.#columns = columns;
    this.#share = share;
    this.#threads = threads;
  }

  /** Begin a new episode in every environment. Their first observations, [count, n], overwritten by the next step. */
  reset(): Float64Array {
    this.#requireOpen("reset");
    this.#run("reset");
    return this.#columns.observations;
  }

  /**
   * One step of every environment under its row of `actions`, [count, d]. If one refuses, the others make their step all
   * the same, the error names the one of lowest index, and the batch goes on after a reset.
   */
  step(actions: ArrayLike<number>): VectorStep {
    this.#requireOpen("step");
    if (this.#phase !== "running") {
      throw new TandemError("step", `the batch of ${this.id} has no episodes to continue; call reset first`);
    }
    const { count, actionSize } = this.#sizes;
    if (actions.length !== count * actionSize) {
      const problem = `${count} of ${this.id} take actions of shape [${count}, ${actionSize}], ${count * actionSize} numbers, got ${actions.length}`;
      throw new TandemError("step", problem);
    }
    this.#columns.actions.set(actions);
    this.#run("step");
    return this.#columns;
  }

  /** Release the environments and end the workers; resolves when they have ended. Closing twice is harmless. */
  async close(): Promise<void> {
    if (this.#phase === "closed") return;
    this.#phase = "closed";
    this.#share.close();
    await this.#threads?.close();
  }

  #run(command: VectorCommand): void {
    this.#phase = "unset";
    this.#threads?.begin(command);
    const own = this.#share.run(command);
    const others = this.#threads?.finish(command) ?? null;
    const failure = own ?? others; // this thread has the lowest indices
    if (failure) throw failure.error;
    this.#phase = "running";
  }

  #requireOpen(method: string): void {
    if (this.#phase !== "closed") return;
    const problem = `this batch of ${this.id} is closed; make a new one with makeVectorEnvironment`;
    throw new TandemError(method, problem);
  }
}

/**
 * `count` environments that step together, in this thread or spread over several. `close` gives back what they hold.
 *
 * @param task one of `environmentIds`; or a function that makes an environment of your own, in this thread only
 * @param options those of the id, given to each environment
 */
export function makeVectorEnvironment<Id extends keyof EnvironmentOptions>(
  task: Id,
  options: Partial<EnvironmentOptions[Id]>,
  vector: VectorOptions,
): Promise<VectorEnvironment>;
export function makeVectorEnvironment(
  task: string | EnvironmentFactory,
  options: GivenOptions,
  vector: VectorOptions,
): Promise<VectorEnvironment>;
export async function makeVectorEnvironment(
  task: string | EnvironmentFactory,
  options: GivenOptions,
  { count, seed, workers: asked = 0 }: VectorOptions,
): Promise<VectorEnvironment> {
  requireWhole("count", count, 1);
  requireWhole("seed", seed, 0);
  requireWhole("workers", asked, 0);
  if (typeof task !== "string" && asked > 0) {
    throw refusal(
      `an environment of your own runs in this thread only, since a function cannot be handed to another; pass workers: 0, got ${asked}`,
    );
  }
  const workers = Math.min(asked, count - 1);
  const spans = spansOf(count, workers + 1);
  const make = typeof task === "string" ? () => makeEnvironment(task, options) : () => task(options);
  const environments = await makeEach(spans[0][1], make);
  try {
    const [environment] = environments;
    const sizes = sizesOf(count, environment);
    requireAlike(environments, sizes);
    const bytes = columnBytes(sizes);
    // Browsers have no such class on pages that are not isolated.
    const memory = workers > 0 ? new SharedArrayBuffer(bytes) : null;
    const columns = columnsOver(memory ?? new ArrayBuffer(bytes), sizes);
    const share = new VectorShare(environments, 0, columns, sizes, seed);
    let threads: VectorThreads | null = null;
    if (memory) {
      const { VectorThreads } = await import("./vector-threads.ts");
      const { id } = environment;
      threads = await VectorThreads.open({ id, options, seed, sizes, memory }, spans.slice(1));
    }
    return new VectorEnvironment({ environment, sizes, columns, share, threads, workers });
  } catch (error) {
    for (const environment of environments) environment.close();
    throw error;
  }
}

/** Which environments each of `threads` threads has, [first, end): shares that differ by at most one, in order. */
function spansOf(count: number, threads: number): [number, number][] {
  const bound = (thread: number): number => Math.floor((thread * count) / threads);
  return Array.from({ length: threads }, (_, thread) => [bound(thread), bound(thread + 1)]);
}

function sizesOf(count: number, { observationSpace, actionSpace }: Environment): VectorSizes {
  const actionSize = actionSpace.kind === "box" ? actionSpace.size : 1;
  return { count, observationSize: observationSpace.size, actionSize };
}

/** A function of one's own may give anything. */
function requireAlike(environments: readonly Environment[], sizes: VectorSizes): void {
  if (new Set(environments).size < environments.length) {
    throw refusal(`the function given must make a new environment at each call, got the same one again`);
  }
  for (const environment of environments) {
    const { observationSize, actionSize } = sizesOf(sizes.count, environment);
    if (observationSize === sizes.observationSize && actionSize === sizes.actionSize) continue;
    throw refusal(
      `environments of a batch have observations and actions of one size, got [${sizes.observationSize}] and [${sizes.actionSize}], then [${observationSize}] and [${actionSize}]`,
    );
  }
}

function requireWhole(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw refusal(`takes a whole number from ${least} as ${name}, got ${value}`);
}

const refusal = (problem: string): TandemError => new TandemError("makeVectorEnvironment", problem);
