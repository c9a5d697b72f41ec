import { Command } from "commander";
import { foldIn, keyFromSeed, TandemError, transitionCount, type Key } from "../core/index.ts";
import { tabularProblem, type Environment } from "../envs/index.ts";
import {
  agreementBySource,
  drawRows,
  exactDistance,
  joinRows,
  randomPolicy,
  rewardTable,
  rolloutSteps,
  sampledDistance,
  shownRows,
  withTrueRewards,
  type DistanceKind,
  type MeasuredDistance,
  type RewardsAlong,
  type RowSource,
  type SampleSize,
} from "../eval/index.ts";
import type { Act } from "../rl/index.ts";
import {
  loadLearnedReward,
  loadSavedRun,
  readConfig,
  savedPolicy,
  type RunConfig,
  type TrainConfig,
} from "../runs/index.ts";
import { unseenEpisodes } from "./expert-demonstrations.ts";
import {
  anyText,
  optionValue,
  realNumber,
  wholeNumber,
  type GivenOptions,
  type ValueReader,
} from "./option-values.ts";
import { optionsOnCommandLine } from "./options.ts";
import { createMeter } from "./reward-meter.ts";
import { rewardText, type RewardReport } from "./reward-text.ts";
import { openEnvironment, warnOfDropped } from "./run-setup.ts";
import { isSameTask, taskText } from "./same-task.ts";

const EXAMPLES = `
Examples:
    $ tandem reward runs/HalfCheetah-v5-0-1
  Two methods and another seed on the same rows, as JSON:
    $ tandem reward runs/ml-irl --against runs/dac runs/ml-irl-2 --json
  Correlations only, which takes seconds:
    $ tandem reward runs/HalfCheetah-v5-0-1 --distances none`;

/** Purposes of the seed's key; a training of the same seed uses those that count from 0. */
const RANDOM_ROWS = 0x726e646d;
const POLICY_ROWS = 0x706f6c69;
const EXPERT_ROWS = 0x65787072;
const DISTANCES = 0x64697374;
const POLICY_DRAWS = 0x64726177;

/** Rollouts that rows are drawn from have as many steps as rows are wanted, and at least so many episodes. */
const LEAST_EPISODES = 10;

/** Draws of each distance: each costs some seconds to a minute of HalfCheetah. */
const SIZES: Readonly<Record<DistanceKind, SampleSize>> = {
  EPIC: { transitions: 500, samples: 50, horizon: 0 },
  DARD: { transitions: 500, samples: 20, horizon: 0 },
  STARC: { transitions: 200, samples: 5, horizon: 100 },
};

const kinds: ValueReader<DistanceKind[]> = {
  expected: "none, or some of epic, dard and starc, such as epic,dard",
  read: (text) => {
    if (text === "none") return [];
    const words = text.split(",").map((word) => word.trim().toUpperCase());
    const known = words.filter((word): word is DistanceKind => Object.hasOwn(SIZES, word));
    return known.length === words.length ? known : null;
  },
};

/** What is asked for. */
interface RewardSettings {
  readonly rows: number;
  readonly seed: number;
  /** File to take the expert's rows from; undefined for the run's, null for none. */
  readonly demos: string | null | undefined;
  readonly kinds: readonly DistanceKind[];
  readonly size: Partial<SampleSize>;
  readonly discount: number | undefined;
}

/** `tandem reward`. */
export function rewardCommand(): Command {
  const command = new Command("reward")
    .summary("measure how good a learned reward is")
    .description(
      "Compare the reward that a run has learnt with the true one: correlations on common rows, and distances that no potential shaping " +
        "changes. Defaults stand in [brackets]; what each number says: docs/reward-quality.md.",
    )
    .argument("<run>", "run folder with a learned reward")
    .option("--against <run...>", "runs of the same task, on the same rows")
    .option("--rows <n>", "rows of each source [1000]")
    .option("--seed <n>", "another seed gives other rows and draws [0]")
    .option("--demos <file>", "where the run's demonstrations are now, or none [as it was]")
    .option("--distances <list>", "some of epic,dard,starc, or none [all]")
    .option("--discount <number>", "of the distances [the run's]")
    .option("--transitions <n>", "at which sampled distances compare [500; STARC 200]")
    .option("--samples <n>", "draws for an expectation [EPIC 50, DARD 20, STARC 5]")
    .option("--horizon <n>", "steps of STARC's rollouts [100]")
    .option("--json", "print one line of JSON")
    .addHelpText("after", EXAMPLES);
  return command.action(async (folder: string) => {
    const flags = optionsOnCommandLine(command);
    const report = await measureRewards([folder, ...(flags.get("against")?.texts ?? [])], settingsOf(flags));
    process.stdout.write(flags.has("json") ? `${JSON.stringify(report)}\n` : rewardText(report));
  });
}

function settingsOf(flags: GivenOptions): RewardSettings {
  const count = (name: string): number | undefined => optionValue(flags, name, wholeNumber(1));
  const size = { transitions: count("transitions"), samples: count("samples"), horizon: count("horizon") };
  const demos = optionValue(flags, "demos", anyText);
  const fraction = realNumber("a number from 0 to below 1", (value) => value >= 0 && value < 1);
  return {
    rows: optionValue(flags, "rows", wholeNumber(2)) ?? 1000,
    seed: optionValue(flags, "seed", wholeNumber(0)) ?? 0,
    demos: demos === "none" ? null : demos,
    kinds: optionValue(flags, "distances", kinds) ?? ["EPIC", "DARD", "STARC"],
    size: Object.fromEntries(Object.entries(size).filter(([, value]) => value !== undefined)),
    discount: optionValue(flags, "discount", fraction),
  };
}

/** A run with its reward in memory. */
interface Learner {
  readonly folder: string;
  readonly config: TrainConfig;
  readonly rewards: RewardsAlong;
}

async function measureRewards(folders: readonly string[], settings: RewardSettings): Promise<RewardReport> {
  const twice = folders.find((folder, i) => folders.indexOf(folder) !== i);
  if (twice !== undefined) throw new TandemError("--against", `${twice} is named twice; name it once`);
  const configs = folders.map((folder) => learnerConfig(folder, readConfig(folder)));
  requireOneTask(folders, configs);
  const [{ env, algorithm }] = configs;
  const environment = await openEnvironment(env.id, env.options);
  try {
    const learners: Learner[] = [];
    for (const [i, folder] of folders.entries())
      learners.push({
        folder,
        config: configs[i],
        rewards: await loadLearnedReward(folder, configs[i], environment),
      });
    const key = keyFromSeed(settings.seed);
    const { sources, notes } = await commonRows(environment, learners, settings, key);
    const discount = settings.discount ?? algorithm.sac.discount;
    const measured = measureDistances(environment, learners, sources, { ...settings, discount }, key);
    const union = joinRows(sources.map(({ rows }) => rows)).rewards;
    return {
      env: env.id,
      envOptions: env.options,
      seed: settings.seed,
      discount,
      trueRewardIsConstant: union.every((value) => value === union[0]),
      runs: learners.map(({ folder, config, rewards }, i) => ({
        run: folder,
        method: config.algorithm.method,
        agreement: agreementBySource(sources, rewards),
        distances: measured.distances.map(({ kind, rewards: each, trivial }) => ({
          kind,
          ...each[i],
          trivial: trivial.learned[i],
        })),
      })),
      distances: measured.distances.map(({ kind, exact, draws, simulatorSteps, trivial }) => ({
        kind,
        exact,
        draws,
        simulatorSteps,
        truthIsTrivial: trivial.truth,
      })),
      notes: [...notes, ...measured.notes],
    };
  } finally {
    environment.close();
  }
}

function learnerConfig(folder: string, config: RunConfig): TrainConfig {
  if (config.command === "train") return config;
  const instead =
    config.command === "retrain" ? `its reward is of ${config.frozen.run}: name that` : "it learnt no reward";
  throw new TandemError("reward", `${folder} is a run of tandem ${config.command}; ${instead}`);
}

/** Rows are of one task: its options decide what is true. */
function requireOneTask(folders: readonly string[], configs: readonly TrainConfig[]): void {
  const other = configs.findIndex(({ env }) => !isSameTask(env, configs[0].env));
  if (other < 0) return;
  throw new TandemError(
    "--against",
    `${folders[other]} is of ${taskText(configs[other].env)}, ${folders[0]} of ${taskText(configs[0].env)}; compare runs of one task`,
  );
}

/** Rows of the expert, of random actions and of every run's policy; the same for whoever is measured on them. */
async function commonRows(
  environment: Environment,
  learners: readonly Learner[],
  { rows, demos }: RewardSettings,
  key: Key,
): Promise<{ sources: RowSource[]; notes: string[] }> {
  const sources: RowSource[] = [];
  const wanted = { steps: rows, episodes: LEAST_EPISODES };
  const add = (name: string, all: RowSource["rows"], purpose: number): void => {
    sources.push({ name, rows: drawRows(all, rows, foldIn(foldIn(key, purpose), 1)) });
  };
  const { expert, notes } = await expertRows(environment, learners, demos);
  if (expert) add("expert, unseen", expert, EXPERT_ROWS);
  const rowsOf = (act: Act, ownKey: Key, what: string): RowSource["rows"] => {
    let dropped = 0;
    const steps = rolloutSteps(environment, act, wanted, ownKey, () => dropped++);
    warnOfDropped(dropped, what);
    return steps;
  };
  const randomKey = foldIn(foldIn(key, RANDOM_ROWS), 0);
  const random = "random actions";
  add(random, rowsOf(randomPolicy(foldIn(randomKey, 0)), foldIn(randomKey, 1), random), RANDOM_ROWS);
  for (const { folder, config } of learners) {
    const saved = await loadSavedRun(folder, config, environment, foldIn(key, POLICY_DRAWS));
    const name = learners.length > 1 ? `policy of ${folder}` : "own policy";
    add(name, rowsOf(savedPolicy(saved, "sample"), foldIn(key, POLICY_ROWS), name), POLICY_ROWS);
  }
  return { sources, notes };
}

async function expertRows(
  environment: Environment,
  [{ folder, config }, ...others]: readonly Learner[],
  demos: string | null | undefined,
): Promise<{ expert: RowSource["rows"] | null; notes: string[] }> {
  if (demos === null) return { expert: null, notes: ["The expert's rows were left out (--demos none)."] };
  const path = demos ?? config.demos.path;
  const unseen = await unseenEpisodes(
    path,
    config,
    others.map((each) => each.config),
  );
  if (!unseen) {
    return {
      expert: null,
      notes: [`There are no expert rows: ${path} has no episode that was not learnt from.`],
    };
  }
  const expert = withTrueRewards(environment, unseen.trajectories);
  if (!expert) {
    return {
      expert: null,
      notes: [
        `There are no expert rows: ${path} has no rewards, and ${environment.id} cannot be put into its states.`,
      ],
    };
  }
  const which = `${unseen.heldOut ? "held out" : "not learnt from"}: ${unseen.episodes.join(", ")}`;
  const notes = [`Expert rows are of the episodes of ${path} ${which}.`];
  const lost = transitionCount(unseen.trajectories) - transitionCount(expert);
  if (lost > 0) notes.push(`${lost} of their steps do not show the simulator's state and were left out.`);
  for (const { folder: other, config: its } of others)
    if (its.demos.sha256 !== config.demos.sha256)
      notes.push(`${other} learnt from another file than ${folder}: it may have seen these episodes.`);
  return { expert, notes };
}

interface Distances {
  readonly distances: readonly MeasuredDistance[];
  readonly notes: readonly string[];
}

function measureDistances(
  environment: Environment,
  learners: readonly Learner[],
  sources: readonly RowSource[],
  settings: RewardSettings & { readonly discount: number },
  key: Key,
): Distances {
  const none = { distances: [], notes: [] };
  if (settings.kinds.length === 0) return none;
  const problem = tabularProblem(environment);
  if (problem) {
    const tables = learners.map(({ rewards }) =>
      rewardTable(problem, environment.observationSpace.size, rewards),
    );
    const distances = settings.kinds.map((kind) => exactDistance(kind, problem, tables, settings.discount));
    return { distances, notes: [] };
  }
  if (!environment.stateFromObservation) {
    const note = `There are no distances: ${environment.id} does not tell its state from an observation, so that no step can be simulated from one.`;
    return { distances: [], notes: [note] };
  }
  const rewards = learners.map((each) => each.rewards);
  const coverage = shownRows(environment, joinRows(sources.map(({ rows }) => rows)));
  const distances = settings.kinds.map((kind) => {
    const size = { ...SIZES[kind], ...settings.size };
    const meter = createMeter(kind, size.transitions);
    const distance = sampledDistance(kind, environment, rewards, {
      ...size,
      discount: settings.discount,
      coverage,
      key: foldIn(key, DISTANCES),
      onTransition: meter.tick,
    });
    meter.end(distance.simulatorSteps);
    return distance;
  });
  return { distances, notes: [] };
}
