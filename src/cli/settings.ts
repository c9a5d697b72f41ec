import { TandemError } from "../core/index.ts";
import {
  BC_DEFAULTS,
  DAC_DEFAULTS,
  SQIL_DEFAULTS,
  EVALUATION_DEFAULTS,
  type BcConfig,
  type DacConfig,
  type DaggerConfig,
  type MlIrlConfig,
  type RunConfig,
  type SqilConfig,
  type TrainConfig,
} from "../runs/index.ts";
import {
  anyText,
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
  type ValueReader,
} from "./option-values.ts";

type Algorithm = TrainConfig["algorithm"];
type Reward = MlIrlConfig["reward"];
type Method = Algorithm["method"];
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
}

/** Which demonstrations are asked for. */
export interface DemonstrationSettings {
  readonly path: string;
  readonly episodes: number | "all";
  readonly firstEpisode: number;
  readonly shuffled: boolean;
  /** Episodes after those, to be measured on. */
  readonly heldOut: number;
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
  return {
    path,
    episodes: optionValue(given, "episodes", wordOr("all", wholeNumber(1))) ?? base?.demos.episodes ?? 1,
    firstEpisode: optionValue(given, "first-episode", wholeNumber(0)) ?? base?.demos.firstEpisode ?? 0,
    shuffled: optionValue(given, "shuffle-expert", onOrOff) ?? base?.demos.shuffled ?? false,
    heldOut: optionValue(given, "held-out", wholeNumber(0)) ?? base?.demos.heldOut ?? 0,
  };
}

/** How an expert learns, `from` where nothing else is given. */
export function gatheringSettings(given: GivenOptions, from: Gathering): Gathering {
  const { sac, startSteps, replayCapacity } = from;
  const fraction = realNumber("a number from 0 to below 1", (value) => value >= 0 && value < 1);
  const share = realNumber("a number above 0 and at most 1", (value) => value > 0 && value <= 1);
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

const CLASSIFIER = wordsOf(
  "discriminator-hidden discriminator-batch discriminator-rate discriminator-every gradient-penalty",
);
const REWARD = wordsOf(
  "reward-network reward-optimiser reward-step-size reward-step-size-decay reward-radius reward-weight-decay",
  "policy-steps-per-reward-step trajectories-per-reward-step agent-trajectories gradient instruments teacher",
);

/** Options that not every method has, by method. */
const OWN_OPTIONS: Readonly<Record<Method, readonly string[]>> = {
  "ml-irl": REWARD,
  dac: CLASSIFIER,
  sqil: [],
  bc: ["weight-decay"],
  dagger: ["weight-decay", "teacher-policy"],
};

/** What has nothing to act on where actions are cloned. */
const NOT_FOR_CLONING = wordsOf(
  "discount polyak target-entropy start-steps replay-capacity slow-from slow-learning-rate termination reward-inputs",
);

/** Options of every method, but for these. */
const IDLE_OPTIONS: Partial<Record<Method, readonly string[]>> = {
  sqil: ["reward-inputs"],
  bc: NOT_FOR_CLONING,
  dagger: NOT_FOR_CLONING,
};

/**
 * How reward and policy learn from demonstrations: by the method asked for, as in `base` where that is of the same method, else as the
 * task's ML-IRL, `usual`, has it; of a rival the lower level, the rest being the method's own defaults.
 */
export function algorithmSettings(
  given: GivenOptions,
  base: Algorithm | undefined,
  usual: MlIrlConfig,
): Algorithm {
  const method = optionValue(given, "method", oneOf(...METHODS)) ?? base?.method ?? "ml-irl";
  requireOwnOptions(given, method);
  const { sac, startSteps, replayCapacity } = usual;
  const gathering = { sac, startSteps, replayCapacity };
  const own = base?.method === method ? base : undefined;
  if (method === "dac")
    return dacSettings(given, own?.method === method ? own : { ...DAC_DEFAULTS, ...gathering });
  if (method === "sqil")
    return sqilSettings(given, own?.method === method ? own : { ...SQIL_DEFAULTS, ...gathering });
  if (method === "bc") return bcSettings(given, own?.method === method ? own : { ...BC_DEFAULTS, sac });
  if (method === "dagger")
    return daggerSettings(given, own?.method === method ? own : { ...BC_DEFAULTS, sac });
  return mlIrlSettings(given, own?.method === "ml-irl" ? own : usual);
}

const METHODS = Object.keys(OWN_OPTIONS) as Method[];

/** Refuse an option that the method does not have. */
function requireOwnOptions(given: GivenOptions, method: Method): void {
  const own = OWN_OPTIONS[method];
  const stray = Object.values(OWN_OPTIONS)
    .flat()
    .find((name) => given.has(name) && !own.includes(name));
  if (stray !== undefined) {
    const owners = METHODS.filter((each) => OWN_OPTIONS[each].includes(stray));
    throw new TandemError(
      given.get(stray)?.from ?? `--${stray}`,
      `is an option of ${owners.join(", ")}, the method is ${method}; leave it out, or add --method ${owners[0]}`,
    );
  }
  const idle = IDLE_OPTIONS[method]?.find((name) => given.has(name));
  if (idle === undefined) return;
  throw new TandemError(
    given.get(idle)?.from ?? `--${idle}`,
    `has no effect on ${method}, which ${idle === "reward-inputs" ? "learns no reward" : "only clones actions"}; leave it out`,
  );
}

function wordsOf(...lines: readonly string[]): string[] {
  return lines.flatMap((line) => line.split(" "));
}

function bcSettings(given: GivenOptions, from: BcConfig): BcConfig {
  const { sac } = gatheringSettings(given, { ...from, replayCapacity: 1 });
  const weightDecay = optionValue(given, "weight-decay", nonNegativeNumber) ?? from.weightDecay;
  return { method: "bc", sac, weightDecay, startSteps: 0, termination: "native" };
}

function daggerSettings(given: GivenOptions, from: DaggerConfig | BcConfig): DaggerConfig {
  const known = from.method === "dagger" ? from.teacherPolicy : undefined;
  const teacherPolicy = optionValue(given, "teacher-policy", anyText) ?? known;
  if (teacherPolicy === undefined) {
    throw new TandemError(
      "--method",
      "dagger asks a policy what it would do, got none; add --teacher-policy with a run folder or a plain policy",
    );
  }
  const cloning = bcSettings(given, { ...from, method: "bc" });
  return { ...cloning, method: "dagger", teacherPolicy };
}

function dacSettings(given: GivenOptions, from: DacConfig): DacConfig {
  const { inputs, hidden, batchSize, learningRate, gradientPenalty, every } = from.discriminator;
  return {
    method: "dac",
    ...gatheringSettings(given, from),
    discriminator: {
      inputs: optionValue(given, "reward-inputs", rewardInputs) ?? inputs,
      hidden: optionValue(given, "discriminator-hidden", layerWidths) ?? hidden,
      batchSize: optionValue(given, "discriminator-batch", batchRows) ?? batchSize,
      learningRate: optionValue(given, "discriminator-rate", positiveNumber) ?? learningRate,
      gradientPenalty: optionValue(given, "gradient-penalty", nonNegativeNumber) ?? gradientPenalty,
      every: optionValue(given, "discriminator-every", wholeNumber(1)) ?? every,
    },
    termination: optionValue(given, "termination", terminationKind) ?? from.termination,
  };
}

function sqilSettings(given: GivenOptions, from: SqilConfig): SqilConfig {
  return {
    method: "sqil",
    ...gatheringSettings(given, from),
    termination: optionValue(given, "termination", terminationKind) ?? from.termination,
  };
}

const batchRows: ValueReader<number> = {
  expected: "a whole number from 1 to 256",
  read: (text) => {
    const rows = wholeNumber(1).read(text);
    return rows !== null && rows <= 256 ? rows : null;
  },
};
const rewardInputs = oneOf("state-action", "state");
const terminationKind = oneOf("native", "absorbing", "fixed-horizon");

function mlIrlSettings(given: GivenOptions, from: MlIrlConfig): MlIrlConfig {
  const gradient = optionValue(given, "gradient", oneOf("discounted", "undiscounted"));
  return {
    method: "ml-irl",
    ...gatheringSettings(given, from),
    reward: rewardSettings(given, from.reward),
    policyStepsPerRewardStep:
      optionValue(given, "policy-steps-per-reward-step", wholeNumber(1)) ?? from.policyStepsPerRewardStep,
    trajectoriesPerRewardStep:
      optionValue(given, "trajectories-per-reward-step", wholeNumber(1)) ?? from.trajectoriesPerRewardStep,
    agentTrajectories:
      optionValue(given, "agent-trajectories", oneOf("training", "fresh")) ?? from.agentTrajectories,
    discountedGradient: gradient ? gradient === "discounted" : from.discountedGradient,
    termination: optionValue(given, "termination", terminationKind) ?? from.termination,
    taughtBy: optionValue(given, "teacher", teacher) ?? from.taughtBy,
  };
}

/** Whether instruments are switched on; they have only the paper's two-layer reward to measure. */
export function instrumentSettings(
  given: GivenOptions,
  base: boolean | undefined,
  algorithm: Algorithm,
): boolean {
  const wanted = optionValue(given, "instruments", onOrOff) ?? base ?? false;
  const kind = algorithm.method === "ml-irl" ? algorithm.reward.network.kind : `that of ${algorithm.method}`;
  if (!wanted || kind === "two-layer") return wanted;
  throw new TandemError(
    given.get("instruments")?.from ?? "--instruments",
    `measure the two-layer reward, got ${kind}; leave them out, or set --reward-network two-layer:1024`,
  );
}

function rewardSettings(given: GivenOptions, from: Reward): Reward {
  const optimiser = optionValue(given, "reward-optimiser", oneOf("ascent", "adam")) ?? from.optimiser;
  const stepSize = optionValue(given, "reward-step-size", positiveNumber);
  if (optimiser !== from.optimiser && stepSize === undefined) {
    const usual = optimiser === "adam" ? "0.001" : "10";
    throw new TandemError(
      given.get("reward-optimiser")?.from ?? "--reward-optimiser",
      `the step size of ${from.optimiser}, ${from.stepSize}, does not suit ${optimiser}; add for example --reward-step-size ${usual}`,
    );
  }
  return {
    inputs: optionValue(given, "reward-inputs", rewardInputs) ?? from.inputs,
    network: optionValue(given, "reward-network", rewardNetwork) ?? from.network,
    optimiser,
    stepSize: stepSize ?? from.stepSize,
    stepSizeDecay: optionValue(given, "reward-step-size-decay", nonNegativeNumber) ?? from.stepSizeDecay,
    regulariser: regulariser(given) ?? from.regulariser,
  };
}

function regulariser(given: GivenOptions): Reward["regulariser"] | undefined {
  const radius = optionValue(given, "reward-radius", wordOr("none", positiveNumber));
  const rate = optionValue(
    given,
    "reward-weight-decay",
    realNumber("a number from 0 to below 1", (value) => value >= 0 && value < 1),
  );
  if (rate !== undefined && radius !== undefined && radius !== "none") {
    const { from } = given.get("reward-weight-decay") as { from: string };
    throw new TandemError(from, "takes the place of a radius; give one of the two");
  }
  if (rate !== undefined) return { kind: "weight-decay", rate };
  if (radius === undefined) return undefined;
  return radius === "none" ? { kind: "none" } : { kind: "projection", radius };
}

const rewardNetwork: ValueReader<Reward["network"]> = {
  expected: "two-layer:1024 or mlp:128,128, with any widths",
  read: (text) => {
    const [kind, ...rest] = text.split(":");
    const widths = layerWidths.read(rest.join(":"));
    if (!widths) return null;
    if (kind === "mlp") return { kind, hidden: widths };
    return kind === "two-layer" && widths.length === 1 ? { kind, width: widths[0] } : null;
  },
};

const TEACHERS = {
  learned: "learned reward",
  zero: "zero reward",
  constant: "constant reward",
  penalty: "constant penalty",
} as const;

const teacher: ValueReader<MlIrlConfig["taughtBy"]> = {
  expected: "learned, zero, constant or penalty",
  read: (text) => TEACHERS[text as keyof typeof TEACHERS] ?? null,
};

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
