/** A share of a batch of environments: those that one thread steps, and their places in the batch's columns. */
import { type Key, TandemError, foldIn, keyFromSeed } from "../core/index.ts";
import type { Environment } from "./environment.ts";

/** The purpose, in the sense of `foldIn`, for which a batch uses the key of its seed. */
const EPISODES = 0x76656374;

/**
 * The seed with which episode `episode` of environment `index` begins in a batch made with `seed`: 53 bits that depend
 * on these three numbers alone. `makeEnvironment(...)` reset with it replays the episode by itself.
 */
export function vectorEpisodeSeed(seed: number, index: number, episode: number): number {
  return seedOf(environmentKey(seed, index), episode);
}

function environmentKey(seed: number, index: number): Key {
  return foldIn(foldIn(keyFromSeed(seed), EPISODES), index);
}

function seedOf(key: Key, episode: number): number {
  const [high, low] = foldIn(key, episode);
  return high * 2 ** 21 + (low >>> 11);
}

/** Sizes of the columns. */
export interface VectorSizes {
  readonly count: number;
  readonly observationSize: number;
  readonly actionSize: number;
}

/** What a step of a batch gives, a row an environment. The arrays are the same at every step, which overwrites them. */
export interface VectorStep {
  /** Where each environment is now, [count, n]: what its next action is chosen by. After an end, the new episode's first. */
  readonly observations: Float64Array;
  /** Where each step led, [count, n]: an episode's last observation included. The transition's true next observation. */
  readonly nextObservations: Float64Array;
  /** True rewards, [count]. For reporting: learners of rewards do not read them. */
  readonly rewards: Float64Array;
  /** 1 where the task ended the episode with this step, [count]. */
  readonly terminated: Uint8Array;
  /** 1 where a time limit cut the episode after this step, [count]. Both can be 1. */
  readonly truncated: Uint8Array;
}

/** All numbers of a batch: views over one buffer, which threads may share. */
export interface VectorColumns extends VectorStep {
  /** [count, d] */
  readonly actions: Float64Array;
}

/** Bytes of the buffer behind the columns. */
export function columnBytes({ count, observationSize, actionSize }: VectorSizes): number {
  return count * (8 * (actionSize + 2 * observationSize + 1) + 2);
}

/** The columns over `buffer`, which has `columnBytes` bytes. */
export function columnsOver(buffer: ArrayBufferLike, sizes: VectorSizes): VectorColumns {
  const { count, observationSize, actionSize } = sizes;
  let offset = 0;
  const take = <Column>(
    kind: {
      new (buffer: ArrayBufferLike, offset: number, length: number): Column;
      BYTES_PER_ELEMENT: number;
    },
    width: number,
  ): Column => {
    const column = new kind(buffer, offset, count * width);
    offset += count * width * kind.BYTES_PER_ELEMENT;
    return column;
  };
  return {
    actions: take(Float64Array, actionSize),
    observations: take(Float64Array, observationSize),
    nextObservations: take(Float64Array, observationSize),
    rewards: take(Float64Array, 1),
    terminated: take(Uint8Array, 1),
    truncated: take(Uint8Array, 1),
  };
}

/** What a share can be told to do. */
export type VectorCommand = "reset" | "step";

/** The first environment of a share that refused a command, and why. */
export interface VectorFailure {
  readonly index: number;
  readonly error: unknown;
}

/** Consecutive environments of a batch, from environment `first` on. */
export class VectorShare {
  readonly #environments: readonly Environment[];
  readonly #columns: VectorColumns;
  readonly #first: number;
  readonly #count: number;
  readonly #keys: readonly Key[];
  /** Episodes begun so far, by environment. */
  readonly #episodes: Float64Array;
  // The rows of these environments.
  readonly #actions: readonly Float64Array[];
  readonly #observations: readonly Float64Array[];
  readonly #nextObservations: readonly Float64Array[];

  /** The environments are owned from here on. */
  constructor(
    environments: readonly Environment[],
    first: number,
    columns: VectorColumns,
    { count, observationSize, actionSize }: VectorSizes,
    seed: number,
  ) {
    const rows = (column: Float64Array, width: number): Float64Array[] =>
      environments.map((_, i) => column.subarray((first + i) * width, (first + i + 1) * width));
    this.#environments = environments;
    this.#columns = columns;
    this.#first = first;
    this.#count = count;
    this.#keys = environments.map((_, i) => environmentKey(seed, first + i));
    this.#episodes = new Float64Array(environments.length);
    this.#actions = rows(columns.actions, actionSize);
    this.#observations = rows(columns.observations, observationSize);
    this.#nextObservations = rows(columns.nextObservations, observationSize);
  }

  /**
   * Reset or step every environment. One that refuses stops none of the others, so that what they do next does not depend
   * on how the batch is spread over threads.
   */
  run(command: VectorCommand): VectorFailure | null {
    let failure: VectorFailure | null = null;
    for (let i = 0; i < this.#environments.length; i++) {
      try {
        if (command === "reset") this.#reset(i);
        else this.#step(i);
      } catch (error) {
        failure ??= { index: this.#first + i, error: this.#placed(i, error) };
      }
    }
    return failure;
  }

  close(): void {
    for (const environment of this.#environments) environment.close();
  }

  #reset(i: number): void {
    const seed = seedOf(this.#keys[i], this.#episodes[i]++);
    this.#observations[i].set(this.#environments[i].reset({ seed }).observation);
  }

  #step(i: number): void {
    const { rewards, terminated, truncated } = this.#columns;
    const result = this.#environments[i].step(this.#actions[i]);
    const row = this.#first + i;
    rewards[row] = result.reward;
    terminated[row] = result.terminated ? 1 : 0;
    truncated[row] = result.truncated ? 1 : 0;
    this.#nextObservations[i].set(result.observation);
    if (result.terminated || result.truncated) this.#reset(i);
    else this.#observations[i].set(result.observation);
  }

  /** A refusal with the environment's place in the batch and its episode; any other error as it is. */
  #placed(i: number, error: unknown): unknown {
    if (!(error instanceof TandemError)) return error;
    const episode = this.#episodes[i] - 1;
    const begun = episode < 0 ? "" : `, in its episode ${episode} (seed ${seedOf(this.#keys[i], episode)})`;
    return refusalFrom(error.message, `environment ${this.#first + i} of ${this.#count}${begun}: `);
  }
}

/** The refusal with this message, which names its place already; `before` goes before the problem. */
export function refusalFrom(message: string, before = ""): TandemError {
  const [where, ...problem] = message.split(": ");
  return new TandemError(where, before + problem.join(": "));
}

/** `count` environments one after another, those of them closed again where one cannot be made. */
export async function makeEach(
  count: number,
  make: () => Environment | Promise<Environment>,
): Promise<Environment[]> {
  const made: Environment[] = [];
  try {
    while (made.length < count) made.push(await make());
    return made;
  } catch (error) {
    for (const environment of made) environment.close();
    throw error;
  }
}
