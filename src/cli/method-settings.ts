/** How a method learns from demonstrations, by what the command line or a settings file says. */
import { TandemError } from "../core/index.ts";
import { TERMINATIONS } from "../irl/index.ts";
import {
  AIRL_DEFAULTS,
  BC_DEFAULTS,
  DAC_DEFAULTS,
  F_IRL_DEFAULTS,
  IQ_LEARN_DEFAULTS,
  MCE_IRL_DEFAULTS,
  SOLVE_DEFAULTS,
  SQIL_DEFAULTS,
  type AirlConfig,
  type BcConfig,
  type DacConfig,
  type DaggerConfig,
  type FIrlConfig,
  type IqLearnConfig,
  type MceIrlConfig,
  type MlIrlConfig,
  type NestedMlIrlConfig,
  type SqilConfig,
  type TaskDefaults,
  type TrainConfig,
} from "../runs/index.ts";
import {
  anyText,
  layerWidths,
  nonNegativeNumber,
  oneOf,
  onOrOff,
  optionValue,
  positiveNumber,
  realNumber,
  wholeNumber,
  wordOr,
  type GivenOptions,
  type ValueReader,
} from "./option-values.ts";
import { gatheringSettings } from "./settings.ts";

type Algorithm = TrainConfig["algorithm"];
type Reward = MlIrlConfig["reward"];
type Method = Algorithm["method"];
type Likelihood = Omit<NestedMlIrlConfig, "method" | "solve">;
type Classifier = Omit<FIrlConfig["discriminator"], "stepsPerRewardStep">;

const REWARD = wordsOf(
  "reward-network reward-optimiser reward-step-size reward-step-size-decay reward-radius reward-weight-decay",
  "trajectories-per-reward-step",
);
const LIKELIHOOD = [...REWARD, ...wordsOf("agent-trajectories gradient")];
const CLASSIFIER = wordsOf("discriminator-hidden discriminator-batch discriminator-rate gradient-penalty");

/** Options that not every method has, by method. */
const OWN_OPTIONS: Readonly<Record<Method, readonly string[]>> = {
  "ml-irl": [...LIKELIHOOD, ...wordsOf("policy-steps-per-reward-step instruments teacher trust-region")],
  "ml-irl-nested": [...LIKELIHOOD, ...wordsOf("round-steps solve-tolerance most-rounds")],
  dac: [...CLASSIFIER, "discriminator-every"],
  airl: [...CLASSIFIER, ...wordsOf("discriminator-every shaping-hidden recent-steps")],
  "f-irl": [
    ...REWARD,
    ...CLASSIFIER,
    ...wordsOf(
      "policy-steps-per-reward-step discriminator-steps divergence log-ratio-clip expert-trajectories",
    ),
  ],
  sqil: [],
  "iq-learn": wordsOf("value-term regulariser regularised-rows next-value"),
  bc: ["weight-decay"],
  dagger: ["weight-decay", "teacher-policy"],
  "mce-irl": ["reward-radius"],
};

const METHODS = Object.keys(OWN_OPTIONS) as Method[];

/** What has nothing to act on where the table is known. */
const NOT_FOR_TABLES = wordsOf(
  "hidden batch-size learning-rate actor-rate polyak temperature target-entropy start-steps replay-capacity",
  "slow-from slow-learning-rate termination reward-inputs",
);

/** What has nothing to act on where actions are cloned. */
const NOT_FOR_CLONING = wordsOf(
  "discount actor-rate polyak target-entropy start-steps replay-capacity slow-from slow-learning-rate termination reward-inputs",
);

/** Options of every method, but for these. */
const IDLE_OPTIONS: Partial<Record<Method, readonly string[]>> = {
  sqil: ["reward-inputs"],
  "iq-learn": ["reward-inputs"],
  bc: NOT_FOR_CLONING,
  dagger: NOT_FOR_CLONING,
  "mce-irl": NOT_FOR_TABLES,
};

/** The variable that switches on what is off by default. */
const IQ_LEARN_SWITCH = "TANDEM_IQ_LEARN";

/**
 * How reward and policy learn from demonstrations: by the method asked for, as in `base` where that is of the same method, else as the
 * task's ML-IRL, `usual`, and the method's own defaults have it; of AIRL as `usualAirl` where the task says more.
 */
export function algorithmSettings(
  given: GivenOptions,
  base: Algorithm | undefined,
  usual: MlIrlConfig,
  usualAirl?: AirlConfig,
): Algorithm {
  const method = optionValue(given, "method", oneOf(...METHODS)) ?? base?.method ?? "ml-irl";
  requireOwnOptions(given, method);
  if (method === "iq-learn") requireSwitch();
  return settledSettings(given, method, base, usual, usualAirl);
}

/** What a method does on a task unless told otherwise. DAgger has no usual teacher: it is given. */
export function usualSettings(
  method: Method,
  { train, airl }: Pick<TaskDefaults, "train" | "airl">,
  teacherPolicy: string,
): Algorithm {
  const given: GivenOptions =
    method === "dagger"
      ? new Map([["teacher-policy", { texts: [teacherPolicy], from: "--teacher-policy" }]])
      : new Map();
  return settledSettings(given, method, undefined, train, airl);
}

function settledSettings(
  given: GivenOptions,
  method: Method,
  base: Algorithm | undefined,
  usual: MlIrlConfig,
  usualAirl: AirlConfig | undefined,
): Algorithm {
  const own = base?.method === method ? base : undefined;
  const { sac, startSteps, replayCapacity } = usual;
  const gathering = { sac, startSteps, replayCapacity };
  if (method === "dac")
    return dacSettings(given, own?.method === method ? own : { ...DAC_DEFAULTS, ...gathering });
  if (method === "airl")
    return airlSettings(
      given,
      own?.method === method ? own : (usualAirl ?? { ...AIRL_DEFAULTS, ...gathering }),
    );
  if (method === "f-irl") {
    const { policyStepsPerRewardStep } = usual;
    const paced = { ...F_IRL_DEFAULTS, ...gathering, policyStepsPerRewardStep };
    return fIrlSettings(given, own?.method === method ? own : paced);
  }
  if (method === "sqil")
    return sqilSettings(given, own?.method === method ? own : { ...SQIL_DEFAULTS, ...gathering });
  if (method === "iq-learn") {
    const held = { ...gathering, sac: { ...sac, temperature: IQ_LEARN_DEFAULTS.sac.temperature } };
    return iqLearnSettings(given, own?.method === method ? own : { ...IQ_LEARN_DEFAULTS, ...held });
  }
  if (method === "bc") return bcSettings(given, own?.method === method ? own : { ...BC_DEFAULTS, sac });
  if (method === "dagger")
    return daggerSettings(given, own?.method === method ? own : { ...BC_DEFAULTS, sac });
  if (method === "mce-irl") return mceIrlSettings(given, own?.method === method ? own : MCE_IRL_DEFAULTS);
  if (method === "ml-irl-nested") {
    const { policyStepsPerRewardStep: _, taughtBy: __, trustRegion: ___, ...likelihood } = usual;
    const nested = { ...likelihood, method, solve: SOLVE_DEFAULTS };
    return nestedSettings(given, own?.method === method ? own : nested);
  }
  return mlIrlSettings(given, own?.method === "ml-irl" ? own : usual);
}

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
  const idleness = idle === "reward-inputs" ? "learns no reward of its own" : "only clones actions";
  const why = method === "mce-irl" ? "solves the task's table exactly" : idleness;
  throw new TandemError(
    given.get(idle)?.from ?? `--${idle}`,
    `has no effect on ${method}, which ${why}; leave it out`,
  );
}

/** Whether a method knows an option. */
export function knowsOption(method: Method, name: string): boolean {
  const isOwned = Object.values(OWN_OPTIONS).some((names) => names.includes(name));
  if (IDLE_OPTIONS[method]?.includes(name)) return false;
  return !isOwned || OWN_OPTIONS[method].includes(name);
}

function requireSwitch(): void {
  if (process.env[IQ_LEARN_SWITCH] === "1") return;
  throw new TandemError(
    "--method",
    `iq-learn is off by default, as its authors state that a patent application covers it (docs/iq-learn.md); set ${IQ_LEARN_SWITCH}=1 in the environment to use it`,
  );
}

function wordsOf(...lines: readonly string[]): string[] {
  return lines.flatMap((line) => line.split(" "));
}

function mlIrlSettings(given: GivenOptions, from: MlIrlConfig): MlIrlConfig {
  const trustRegion = optionValue(given, "trust-region", positiveNumber) ?? from.trustRegion;
  return {
    method: "ml-irl",
    ...likelihoodSettings(given, from),
    policyStepsPerRewardStep:
      optionValue(given, "policy-steps-per-reward-step", wholeNumber(1)) ?? from.policyStepsPerRewardStep,
    taughtBy: optionValue(given, "teacher", teacher) ?? from.taughtBy,
    ...(trustRegion !== undefined && { trustRegion }),
  };
}

function nestedSettings(given: GivenOptions, from: NestedMlIrlConfig): NestedMlIrlConfig {
  const { roundSteps, tolerance, mostRounds } = from.solve;
  return {
    method: "ml-irl-nested",
    ...likelihoodSettings(given, from),
    solve: {
      roundSteps: optionValue(given, "round-steps", wholeNumber(1)) ?? roundSteps,
      tolerance: optionValue(given, "solve-tolerance", nonNegativeNumber) ?? tolerance,
      mostRounds: optionValue(given, "most-rounds", wholeNumber(1)) ?? mostRounds,
    },
  };
}

/** What both loops of maximum likelihood know. */
function likelihoodSettings(given: GivenOptions, from: Likelihood): Likelihood {
  const gradient = optionValue(given, "gradient", oneOf("discounted", "undiscounted"));
  return {
    ...gatheringSettings(given, from),
    reward: rewardSettings(given, from.reward),
    trajectoriesPerRewardStep:
      optionValue(given, "trajectories-per-reward-step", wholeNumber(1)) ?? from.trajectoriesPerRewardStep,
    agentTrajectories:
      optionValue(given, "agent-trajectories", oneOf("training", "fresh")) ?? from.agentTrajectories,
    discountedGradient: gradient ? gradient === "discounted" : from.discountedGradient,
    termination: terminationSetting(given, from),
  };
}

function dacSettings(given: GivenOptions, from: DacConfig): DacConfig {
  const { inputs, every } = from.discriminator;
  return {
    method: "dac",
    ...gatheringSettings(given, from),
    discriminator: {
      inputs: optionValue(given, "reward-inputs", rewardInputs) ?? inputs,
      ...classifierSettings(given, from.discriminator),
      every: optionValue(given, "discriminator-every", wholeNumber(1)) ?? every,
    },
    termination: terminationSetting(given, from),
  };
}

function airlSettings(given: GivenOptions, from: AirlConfig): AirlConfig {
  const { inputs, every, shapingHidden, recentSteps } = from.discriminator;
  return {
    method: "airl",
    ...gatheringSettings(given, from),
    discriminator: {
      inputs: optionValue(given, "reward-inputs", rewardInputs) ?? inputs,
      ...classifierSettings(given, from.discriminator),
      every: optionValue(given, "discriminator-every", wholeNumber(1)) ?? every,
      shapingHidden: optionValue(given, "shaping-hidden", layerWidths) ?? shapingHidden,
      recentSteps: optionValue(given, "recent-steps", wholeNumber(1)) ?? recentSteps,
    },
    termination: terminationSetting(given, from),
  };
}

function fIrlSettings(given: GivenOptions, from: FIrlConfig): FIrlConfig {
  const { stepsPerRewardStep } = from.discriminator;
  return {
    method: "f-irl",
    ...gatheringSettings(given, from),
    reward: rewardSettings(given, from.reward),
    divergence:
      optionValue(given, "divergence", oneOf("forward-kl", "reverse-kl", "jensen-shannon")) ??
      from.divergence,
    logRatioClip: optionValue(given, "log-ratio-clip", positiveNumber) ?? from.logRatioClip,
    discriminator: {
      ...classifierSettings(given, from.discriminator),
      stepsPerRewardStep: optionValue(given, "discriminator-steps", wholeNumber(1)) ?? stepsPerRewardStep,
    },
    policyStepsPerRewardStep:
      optionValue(given, "policy-steps-per-reward-step", wholeNumber(1)) ?? from.policyStepsPerRewardStep,
    trajectoriesPerRewardStep:
      optionValue(given, "trajectories-per-reward-step", wholeNumber(2)) ?? from.trajectoriesPerRewardStep,
    expertTrajectoriesPerRewardStep:
      optionValue(given, "expert-trajectories", wholeNumber(0)) ?? from.expertTrajectoriesPerRewardStep,
    termination: terminationSetting(given, from),
  };
}

/** What every classifier knows. */
function classifierSettings(given: GivenOptions, from: Classifier): Classifier {
  return {
    hidden: optionValue(given, "discriminator-hidden", layerWidths) ?? from.hidden,
    batchSize: optionValue(given, "discriminator-batch", batchRows) ?? from.batchSize,
    learningRate: optionValue(given, "discriminator-rate", positiveNumber) ?? from.learningRate,
    gradientPenalty: optionValue(given, "gradient-penalty", nonNegativeNumber) ?? from.gradientPenalty,
  };
}

function sqilSettings(given: GivenOptions, from: SqilConfig): SqilConfig {
  return {
    method: "sqil",
    ...gatheringSettings(given, from),
    termination: terminationSetting(given, from),
  };
}

function iqLearnSettings(given: GivenOptions, from: IqLearnConfig): IqLearnConfig {
  const rows = oneOf("expert", "both");
  const valueTerm = oneOf("initial", "expert-states", "replay", "expert", "both");
  const regulariserCoefficient =
    optionValue(given, "regulariser", wordOr("none", positiveNumber)) ?? from.regulariserCoefficient;
  const idle = given.get("regularised-rows");
  if (idle && regulariserCoefficient === "none")
    throw new TandemError(idle.from, "has no effect without a regulariser; leave it out, or give one");
  return {
    method: "iq-learn",
    ...gatheringSettings(given, from),
    valueTerm: optionValue(given, "value-term", valueTerm) ?? from.valueTerm,
    regulariserCoefficient,
    regularisedRows: optionValue(given, "regularised-rows", rows) ?? from.regularisedRows,
    nextValue: optionValue(given, "next-value", oneOf("online", "target")) ?? from.nextValue,
    termination: terminationSetting(given, from),
  };
}

function bcSettings(given: GivenOptions, from: BcConfig): BcConfig {
  const { sac } = gatheringSettings(given, { ...from, replayCapacity: 1 });
  const weightDecay = optionValue(given, "weight-decay", nonNegativeNumber) ?? from.weightDecay;
  return { method: "bc", sac, weightDecay, startSteps: 0, termination: "native" };
}

function mceIrlSettings(given: GivenOptions, from: MceIrlConfig): MceIrlConfig {
  const { sac } = gatheringSettings(given, { ...from, replayCapacity: 1 });
  const radius = optionValue(given, "reward-radius", positiveNumber) ?? from.radius;
  return { method: "mce-irl", sac, radius, startSteps: 0, termination: "native" };
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

const batchRows: ValueReader<number> = {
  expected: "a whole number from 1 to 256",
  read: (text) => {
    const rows = wholeNumber(1).read(text);
    return rows !== null && rows <= 256 ? rows : null;
  },
};
const rewardInputs = oneOf("state-action", "state");

function terminationSetting(
  given: GivenOptions,
  { termination }: Pick<MlIrlConfig, "termination">,
): MlIrlConfig["termination"] {
  return optionValue(given, "termination", oneOf(...TERMINATIONS)) ?? termination;
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
