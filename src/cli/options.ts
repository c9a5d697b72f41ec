/** The options of the commands that train: what `--help` says of them, and how they are collected. */
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { Option, type Command } from "commander";
import { TandemError } from "../core/index.ts";
import {
  AIRL_DEFAULTS,
  BC_DEFAULTS,
  CHECKPOINT_EVERY,
  DAC_DEFAULTS,
  EVALUATION_DEFAULTS,
  F_IRL_DEFAULTS,
  IQ_LEARN_DEFAULTS,
  parseJson,
  SOLVE_DEFAULTS,
  TRAIN_DEFAULTS,
  taskDefaults,
  type ExpertConfig,
  type RunConfig,
} from "../runs/index.ts";
import { suggestion } from "./nearest.ts";
import type { GivenOption, GivenOptions } from "./option-values.ts";

const { reward } = TRAIN_DEFAULTS;

/** What is trained, for how long, and where it goes. */
function runOptions(group: string): Option[] {
  return [
    option(group, "--steps <n>", "environment steps to train for", "the task's usual"),
    option(group, "--seed <n>", "everything random follows from it", 0),
    option(group, "--out <folder>", "new folder", "runs/<env>-<seed>-<n>"),
    option(group, "--resume <folder>", "go on with a stopped run, or a longer one"),
    option(group, "--checkpoint-every <s>", "seconds between two checkpoints", CHECKPOINT_EVERY),
    option(group, "--config <file>", "options as JSON, or a run's config.json"),
    option(group, "--json", "print only one line of JSON, at the end"),
  ];
}

const ENVIRONMENT_OPTION = repeatable(
  option("Task:", "--env-option <name=value>", "option of the environment (repeatable)"),
);

const POLICY = "Policy:";
/** With the defaults that are shown. */
function policyOptions({ sac, startSteps, replayCapacity }: ExpertConfig["algorithm"]): Option[] {
  return [
    option(POLICY, "--hidden <widths>", "hidden layers of its networks", sac.hidden.join(",")),
    option(POLICY, "--batch-size <n>", "transitions in one update", sac.batchSize),
    option(POLICY, "--discount <number>", "weight of the next step's reward", sac.discount),
    option(POLICY, "--learning-rate <number>", "of networks and temperature", sac.learningRate),
    option(POLICY, "--actor-rate <number>", "of the actor alone", "the learning rate"),
    option(POLICY, "--slow-from <n>", "step from which it learns slower", "never"),
    option(POLICY, "--slow-learning-rate <number>", "its rate from there on", "a fifth"),
    option(POLICY, "--polyak <number>", "share that targets take over", sac.polyak),
    option(POLICY, "--temperature <value>", "entropy's weight, or learnt", sac.temperature),
    option(POLICY, "--target-entropy <value>", "entropy to hold, in nats", sac.targetEntropy),
    option(POLICY, "--start-steps <n>", "random steps before learning", startSteps),
    option(POLICY, "--replay-capacity <n>", "transitions remembered", replayCapacity),
  ];
}

const METHOD_WORDS = "ml-irl, ml-irl-nested; dac, airl, f-irl, sqil, iq-learn, bc, dagger, mce-irl";
const METHOD_OPTIONS = [option("Method:", "--method <name>", METHOD_WORDS, "ml-irl")];

const REWARD = "Reward:";
const { policyStepsPerRewardStep, trajectoriesPerRewardStep, agentTrajectories } = TRAIN_DEFAULTS;
const REWARD_OPTIONS = [
  option(REWARD, "--reward-inputs <kind>", "state-action or state", reward.inputs),
  option(REWARD, "--reward-network <kind>", "such as mlp:128,128", networkText(reward.network)),
  option(REWARD, "--reward-optimiser <kind>", "ascent or adam", reward.optimiser),
  option(REWARD, "--reward-step-size <number>", "of its first step", reward.stepSize),
  option(REWARD, "--reward-step-size-decay <power>", "0 keeps it constant", reward.stepSizeDecay),
  option(REWARD, "--reward-radius <number>", "limit on its travel, or none", radiusText()),
  option(REWARD, "--reward-weight-decay <rate>", "instead: a pull towards its start"),
  option(REWARD, "--policy-steps-per-reward-step <n>", "steps between two", policyStepsPerRewardStep),
  option(REWARD, "--trajectories-per-reward-step <n>", "of each side", trajectoriesPerRewardStep),
  option(REWARD, "--agent-trajectories <kind>", "those of training or fresh", agentTrajectories),
  option(REWARD, "--gradient <kind>", "discounted or undiscounted", "discounted"),
  option(REWARD, "--trust-region <number>", "hold on the policy between two", "none"),
  option(REWARD, "--termination <kind>", "native, absorbing, fixed-horizon", TRAIN_DEFAULTS.termination),
];

const NESTED = "Nested loop (--method ml-irl-nested):";
const NESTED_OPTIONS = [
  option(NESTED, "--round-steps <n>", "policy steps of a round", SOLVE_DEFAULTS.roundSteps),
  option(NESTED, "--solve-tolerance <number>", "improvement to stop at, nats", SOLVE_DEFAULTS.tolerance),
  option(NESTED, "--most-rounds <n>", "rounds before the reward moves", SOLVE_DEFAULTS.mostRounds),
];

const CLASSIFIER = "Classifier (--method dac, airl, f-irl):";
const { discriminator } = DAC_DEFAULTS;
const CLASSIFIER_OPTIONS = [
  option(CLASSIFIER, "--discriminator-hidden <widths>", "its hidden layers", discriminator.hidden.join(",")),
  option(CLASSIFIER, "--discriminator-batch <n>", "steps of each side", discriminator.batchSize),
  option(CLASSIFIER, "--discriminator-rate <number>", "of its Adam", discriminator.learningRate),
  option(CLASSIFIER, "--discriminator-every <n>", "environment steps between two", discriminator.every),
  option(CLASSIFIER, "--gradient-penalty <number>", "weight of the penalty", discriminator.gradientPenalty),
];

const AIRL = "Shaping (--method airl):";
const AIRL_OPTIONS = [
  option(
    AIRL,
    "--shaping-hidden <widths>",
    "layers of h",
    AIRL_DEFAULTS.discriminator.shapingHidden.join(","),
  ),
  option(AIRL, "--recent-steps <n>", "agent's rows come from", AIRL_DEFAULTS.discriminator.recentSteps),
];

const F_IRL = "Divergence (--method f-irl):";
const F_IRL_OPTIONS = [
  option(F_IRL, "--divergence <kind>", "forward-kl, reverse-kl or jensen-shannon", F_IRL_DEFAULTS.divergence),
  option(F_IRL, "--log-ratio-clip <number>", "limit on a log ratio", F_IRL_DEFAULTS.logRatioClip),
  option(
    F_IRL,
    "--discriminator-steps <n>",
    "of the classifier, a reward step",
    F_IRL_DEFAULTS.discriminator.stepsPerRewardStep,
  ),
  option(
    F_IRL,
    "--expert-trajectories <n>",
    "in the covariance",
    F_IRL_DEFAULTS.expertTrajectoriesPerRewardStep,
  ),
];

const IQ = "Inverse Q-learning (--method iq-learn):";
const IQ_OPTIONS = [
  option(
    IQ,
    "--value-term <rows>",
    "initial, expert-states, replay, expert, both",
    IQ_LEARN_DEFAULTS.valueTerm,
  ),
  option(
    IQ,
    "--regulariser <number>",
    "alpha of r^2 / (4 alpha), or none",
    IQ_LEARN_DEFAULTS.regulariserCoefficient,
  ),
  option(IQ, "--regularised-rows <rows>", "expert or both", IQ_LEARN_DEFAULTS.regularisedRows),
  option(IQ, "--next-value <network>", "online or target", IQ_LEARN_DEFAULTS.nextValue),
];

const CLONING = "Cloning (--method bc, dagger):";
const CLONING_OPTIONS = [
  option(CLONING, "--weight-decay <number>", "of its Adam", BC_DEFAULTS.weightDecay),
  option(CLONING, "--teacher-policy <path>", "dagger: policy or run to ask"),
];

const EVALUATION = "Evaluation (true return, for reporting only):";
type Shown = Record<keyof RunConfig["evaluation"], string | number>;
/** With the defaults that are shown. */
function evaluationOptions({ every, episodes, finalEpisodes }: Shown): Option[] {
  return [
    option(EVALUATION, "--evaluate-every <n>", "steps between evaluations", every),
    option(EVALUATION, "--evaluation-episodes <n>", "episodes of each", episodes),
    option(EVALUATION, "--final-episodes <n>", "episodes of the last", finalEpisodes),
  ];
}
const EVALUATION_OPTIONS = evaluationOptions(EVALUATION_DEFAULTS);

const INSTRUMENT_OPTIONS = [
  option("Instruments of the theory:", "--instruments", "measure how linear the reward is, too"),
];

const CONTROL = "Negative controls, to compare with:";
const CONTROL_OPTIONS = [
  option(CONTROL, "--teacher <kind>", "learned, zero, constant or penalty", "learned"),
  option(CONTROL, "--shuffle-expert", "give its states each other's actions"),
  option(CONTROL, "--constant-expert", "an expert of one action all along"),
];

const MACHINE_OPTIONS = [option("Machine:", "--kernels <build>", "simd or relaxed-simd", "what it can")];

/** The options of `tandem train`. */
export const TRAIN_OPTIONS: readonly Option[] = [
  option("Task:", "--env <id>", "environment", "what the demonstrations name"),
  ENVIRONMENT_OPTION,
  option("Task:", "--demos <file>", "expert's file, as demos inspect reads it"),
  option("Task:", "--episodes <n>", "episodes to learn from, or all", 1),
  option("Task:", "--first-episode <k>", "the first of them, counting from 0", 0),
  option("Task:", "--held-out <list>", "such as 7,8: episodes that are only measured on", "none"),
  ...runOptions("Run:"),
  ...METHOD_OPTIONS,
  ...policyOptions(TRAIN_DEFAULTS),
  ...REWARD_OPTIONS,
  ...NESTED_OPTIONS,
  ...CLASSIFIER_OPTIONS,
  ...AIRL_OPTIONS,
  ...F_IRL_OPTIONS,
  ...IQ_OPTIONS,
  ...CLONING_OPTIONS,
  ...EVALUATION_OPTIONS,
  ...INSTRUMENT_OPTIONS,
  ...CONTROL_OPTIONS,
  ...MACHINE_OPTIONS,
];

/** The options of `tandem expert`. */
export const EXPERT_OPTIONS: readonly Option[] = [
  option("Task:", "--env <id>", "environment, such as HalfCheetah-v5"),
  ENVIRONMENT_OPTION,
  ...runOptions("Run:"),
  option("Recording:", "--record <file>", "record the final policy to this .npz file"),
  option("Recording:", "--record-episodes <n>", "episodes to record", 1),
  option("Recording:", "--record-policy <kind>", "mode (its likeliest action) or sample", "mode"),
  ...policyOptions(taskDefaults("").expert),
  ...EVALUATION_OPTIONS,
  ...MACHINE_OPTIONS,
];

/** The options of `tandem retrain`; how the policy learns is the run's. */
export const RETRAIN_OPTIONS: readonly Option[] = [
  option("Task:", "--env <id>", "environment of the same sizes", "the run's"),
  ENVIRONMENT_OPTION,
  option("Task:", "--expert <run>", "expert there, to compare with", "the run's, in its own task"),
  option("Run:", "--steps <n>", "environment steps to train for", "the run's"),
  option("Run:", "--seed <n>", "everything random follows from it", "the run's + 1"),
  option("Run:", "--out <folder>", "new folder", "runs/<env>-<seed>-<n>"),
  option("Run:", "--resume <folder>", "go on with a stopped run, or a longer one"),
  option("Run:", "--json", "print only one line of JSON, at the end"),
  ...evaluationOptions({ every: "the run's", episodes: "the run's", finalEpisodes: "the run's" }),
  option("Machine:", "--kernels <build>", "simd or relaxed-simd", "the run's"),
];

/** The options that stand on the command line. */
export function optionsOnCommandLine(command: Command): Map<string, GivenOption> {
  const given = new Map<string, GivenOption>();
  for (const candidate of command.options) {
    const name = candidate.attributeName();
    if (command.getOptionValueSource(name) !== "cli") continue;
    const value: unknown = command.getOptionValue(name);
    const texts = Array.isArray(value) ? value.map(String) : [String(value)];
    given.set(candidate.name(), { texts, from: `--${candidate.name()}` });
  }
  return given;
}

/** The options in a settings file. Names may be written as on the command line or in camelCase. */
export function optionsInFile(path: string, content: object, options: readonly Option[]): GivenOptions {
  const allowed = options.filter((candidate) => !["config", "resume", "json"].includes(candidate.name()));
  const given = new Map<string, GivenOption>();
  for (const [name, value] of Object.entries(content)) {
    const found = allowed.find(
      (candidate) => candidate.name() === name || candidate.attributeName() === name,
    );
    if (!found) {
      const near = suggestion(
        name,
        allowed.map((candidate) => candidate.name()),
      );
      throw new TandemError(basename(path), `there is no option ${name}${near}`);
    }
    if (value === null) continue;
    given.set(found.name(), { texts: textsOf(value), from: `${basename(path)}: ${name}` });
  }
  return given;
}

/** Read a JSON file that must hold an object. */
export function readSettingsFile(path: string): object {
  if (!existsSync(path)) throw new TandemError("--config", `there is no file ${path}; check the path`);
  const content = parseJson(path);
  if (typeof content === "object" && content !== null && !Array.isArray(content)) return content;
  throw new TandemError(basename(path), 'expected a JSON object such as {"steps": 100000}');
}

/** `two-layer:1024` or `mlp:128,128`. */
function networkText(network: typeof reward.network): string {
  return network.kind === "two-layer" ? `two-layer:${network.width}` : `mlp:${network.hidden.join(",")}`;
}

function radiusText(): string | number {
  return reward.regulariser.kind === "projection" ? reward.regulariser.radius : "none";
}

function option(group: string, flags: string, about: string, byDefault?: string | number): Option {
  const description = byDefault === undefined ? about : `${about} [${byDefault}]`;
  return new Option(flags, description).helpGroup(group);
}

function repeatable(repeated: Option): Option {
  return repeated.argParser((text: string, earlier: string[] | undefined) => [...(earlier ?? []), text]);
}

/** What a value of a settings file would be on the command line. */
function textsOf(value: unknown): string[] {
  if (Array.isArray(value)) return [value.join(",")];
  if (typeof value !== "object" || value === null) return [String(value)];
  return Object.entries(value).map(([name, entry]) => `${name}=${String(entry)}`);
}
