import { TandemError } from "../core/index.ts";
import { EVALUATION_DEFAULTS, type MlIrlConfig, type RunConfig, type TrainConfig } from "../runs/index.ts";
import {
  anyText,
  episodeNumbers,
  layerWidths,
  nonNegativeNumber,
  onOrOff,
  oneOf,
  optionValue,
  positiveNumber,
  realNumber,
  wholeNumber,
  wordOr,
  type GivenOptions,
} from "./option-values.ts";

/** What training an expert and learning from one have in common. */
type Gathering = Pick<MlIrlConfig, "sac" | "startSteps" | "replayCapacity" | "slowdown">;

/** What a run of either kind is asked for. */
export interface RunSettings {
  readonly envOptions: Record<string, unknown>;
  readonly seed: number;
  readonly steps: number;
  readonly evaluation: RunConfig["evaluation"];
  /** Undefined where it is left to the machine. */
  readonly kernels: RunConfig["kernels"] | undefined;
  /** Null for a name of Tandem's own choice. */
  readonly out: string | null;
  /** Seconds; undefined where nothing is said. */
  readonly checkpointEvery: number | undefined;
}

/** Which demonstrations are asked for. */
export interface DemonstrationSettings {
  readonly path: string;
  readonly episodes: number | "all";
  readonly firstEpisode: number;
  readonly shuffled: boolean;
  /** Whether an expert of one action takes the place of the file's. */
  readonly constant: boolean;
  /** Other episodes, to be measured on. */
  readonly heldOut: readonly number[];
}

/** The environment that is asked for; null where it is left to the demonstrations. */
export function askedEnvironment(given: GivenOptions, base: RunConfig | null): string | null {
  return optionValue(given, "env", anyText) ?? base?.env.id ?? null;
}

/**
 * The part of the settings that both commands know. `base` is a configuration to start from, if any; `usualSteps` are
 * the task's, if it has such.
 */
export function runSettings(
  given: GivenOptions,
  base: RunConfig | null,
  usualSteps: number | null,
): RunSettings {
  const steps = optionValue(given, "steps", wholeNumber(1)) ?? base?.steps ?? usualSteps ?? undefined;
  if (steps === undefined) {
    throw new TandemError(
      "--steps",
      "expected for how many steps to train, got nothing; add for example --steps 200000",
    );
  }
  const evaluation = base?.evaluation ?? EVALUATION_DEFAULTS;
  return {
    envOptions: { ...base?.env.options, ...environmentOptions(given) },
    seed: optionValue(given, "seed", wholeNumber(0)) ?? base?.seed ?? 0,
    steps,
    evaluation: {
      every: optionValue(given, "evaluate-every", wholeNumber(1)) ?? evaluation.every,
      episodes: optionValue(given, "evaluation-episodes", wholeNumber(1)) ?? evaluation.episodes,
      finalEpisodes: optionValue(given, "final-episodes", wholeNumber(1)) ?? evaluation.finalEpisodes,
    },
    kernels: optionValue(given, "kernels", oneOf("simd", "relaxed-simd")) ?? base?.kernels,
    out: optionValue(given, "out", anyText) ?? null,
    checkpointEvery: optionValue(given, "checkpoint-every", nonNegativeNumber) ?? base?.checkpointEvery,
  };
}

/** Which demonstrations `tandem train` is asked to learn from. */
export function demonstrationSettings(given: GivenOptions, base: TrainConfig | null): DemonstrationSettings {
  const path = optionValue(given, "demos", anyText) ?? base?.demos.path;
  if (path === undefined) {
    throw new TandemError(
      "--demos",
      "expected a file of expert demonstrations, got nothing; add --demos FILE.npz",
    );
  }
  const shuffled = optionValue(given, "shuffle-expert", onOrOff);
  const constant = optionValue(given, "constant-expert", onOrOff);
  if (shuffled && constant) {
    throw new TandemError(
      given.get("shuffle-expert")?.from ?? "--shuffle-expert",
      "changes nothing where the expert always takes one action; leave it out, or leave out --constant-expert",
    );
  }
  return {
    path,
    episodes: optionValue(given, "episodes", wordOr("all", wholeNumber(1))) ?? base?.demos.episodes ?? 1,
    firstEpisode: optionValue(given, "first-episode", wholeNumber(0)) ?? base?.demos.firstEpisode ?? 0,
    shuffled: shuffled ?? (constant ? false : (base?.demos.shuffled ?? false)),
    constant: constant ?? (shuffled ? false : (base?.demos.constant ?? false)),
    heldOut: optionValue(given, "held-out", episodeNumbers) ?? base?.demos.heldOut ?? [],
  };
}

/** How an expert learns, `from` where nothing else is given. */
export function gatheringSettings(given: GivenOptions, from: Gathering): Gathering {
  const { sac, startSteps, replayCapacity } = from;
  const fraction = realNumber("a number from 0 to below 1", (value) => value >= 0 && value < 1);
  const share = realNumber("a number above 0 and at most 1", (value) => value > 0 && value <= 1);
  const actorRate = optionValue(given, "actor-rate", positiveNumber) ?? sac.actorRate;
  const gathering: Gathering = {
    sac: {
      hidden: optionValue(given, "hidden", layerWidths) ?? sac.hidden,
      batchSize: optionValue(given, "batch-size", wholeNumber(1)) ?? sac.batchSize,
      discount: optionValue(given, "discount", fraction) ?? sac.discount,
      learningRate: optionValue(given, "learning-rate", positiveNumber) ?? sac.learningRate,
      polyak: optionValue(given, "polyak", share) ?? sac.polyak,
      temperature: optionValue(given, "temperature", wordOr("learnt", positiveNumber)) ?? sac.temperature,
      targetEntropy:
        optionValue(given, "target-entropy", wordOr("auto", realNumber("a number"))) ?? sac.targetEntropy,
      ...(actorRate !== undefined && { actorRate }),
    },
    startSteps: optionValue(given, "start-steps", wholeNumber(0)) ?? startSteps,
    replayCapacity: optionValue(given, "replay-capacity", wholeNumber(1)) ?? replayCapacity,
  };
  const slowdown = slowdownSettings(given, from.slowdown, gathering.sac.learningRate);
  const entropy = given.get("target-entropy");
  if (entropy && gathering.sac.temperature !== "learnt") {
    throw new TandemError(
      entropy.from,
      "has no effect on a fixed temperature; leave it out, or set temperature learnt",
    );
  }
  return slowdown ? { ...gathering, slowdown } : gathering;
}

/** From where on the policy learns slower, and at which rate; undefined where it never does. */
export function slowdownSettings(
  given: GivenOptions,
  from: Gathering["slowdown"],
  learningRate: number,
): Gathering["slowdown"] {
  const step = optionValue(given, "slow-from", wholeNumber(1)) ?? from?.from;
  const rate = optionValue(given, "slow-learning-rate", positiveNumber) ?? from?.learningRate;
  if (step !== undefined) {
    const slow = { from: step, learningRate: rate ?? learningRate / 5 };
    if (slow.learningRate < learningRate) return slow;
    throw new TandemError(
      given.get("slow-learning-rate")?.from ?? "--slow-learning-rate",
      `expected less than the learning rate, ${learningRate}, got ${slow.learningRate}`,
    );
  }
  const idle = given.get("slow-learning-rate");
  if (idle)
    throw new TandemError(idle.from, "has no effect without a step to begin at; add --slow-from STEP");
  return undefined;
}

/** name=value pairs; numbers, true and false are read as such. */
export function environmentOptions(given: GivenOptions): Record<string, unknown> {
  const option = given.get("env-option");
  if (!option) return {};
  const pairs = option.texts.map((text): [string, unknown] => {
    const [name, ...rest] = text.split("=");
    const value = rest.join("=");
    if (!name || rest.length === 0 || value === "") {
      throw new TandemError(option.from, `expected name=value, got ${text}`);
    }
    return [name, onOrOff.read(value) ?? realNumber("").read(value) ?? value];
  });
  return Object.fromEntries(pairs);
}
