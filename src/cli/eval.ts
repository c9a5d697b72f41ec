import { existsSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { foldIn, keyFromSeed } from "../core/index.ts";
import { evaluate, rewardAgreement, type Evaluation } from "../eval/index.ts";
import { rewardsAlong } from "../irl/index.ts";
import {
  loadSavedRun,
  parseJson,
  readConfig,
  savedPolicy,
  terminationOf,
  type PolicyKind,
  type SavedRun,
  type Summary,
  type TrainConfig,
} from "../runs/index.ts";
import { oneOf, optionValue, wholeNumber } from "./option-values.ts";
import { optionsOnCommandLine } from "./options.ts";
import { openEnvironment, warnOfDropped } from "./run-setup.ts";

const EXAMPLES = `
Examples:
    $ tandem eval runs/HalfCheetah-v5-0-1
    $ tandem eval runs/HalfCheetah-v5-0-1 --episodes 100 --policy sample --json`;

/** Purposes of the seed's key; a training of the same seed uses those that count from 0. */
const EPISODES = 0x6576616c;
const DRAWS = 0x64726177;

/** What `tandem eval` finds out; returns are true returns, null where the run has none yet. */
interface EvaluationReport {
  readonly run: string;
  readonly env: string;
  /** Resolved, contact margins among them where they count. */
  readonly envOptions: Readonly<Record<string, unknown>>;
  /** What followed the end of an episode in training; evaluations are native always. */
  readonly termination: TrainConfig["algorithm"]["termination"];
  readonly policy: PolicyKind;
  readonly seed: number;
  readonly episodes: number;
  readonly meanReturn: number;
  readonly stdReturn: number;
  readonly returns: readonly number[];
  readonly expertReturn: number | null;
  readonly randomReturn: number | null;
  /** Correlation of learned and true reward per step; null where there is no learned reward. */
  readonly pearson: number | null;
  readonly spearman: number | null;
}

/** `tandem eval`. */
export function evalCommand(): Command {
  const command = new Command("eval")
    .summary("run a saved policy in new episodes")
    .description(
      "Run the policy that a run has saved in new episodes, under the true reward. Defaults stand in [brackets].",
    )
    .argument("<run>", "run folder")
    .option("--episodes <n>", "episodes [10]")
    .option("--seed <n>", "another seed gives other episodes [0]")
    .option("--policy <kind>", "mode (its likeliest action) or sample [mode]")
    .option("--json", "print one line of JSON")
    .addHelpText("after", EXAMPLES);
  return command.action(async (folder: string) => {
    const flags = optionsOnCommandLine(command);
    const report = await evaluateRun(folder, {
      episodes: optionValue(flags, "episodes", wholeNumber(1)) ?? 10,
      seed: optionValue(flags, "seed", wholeNumber(0)) ?? 0,
      policy: optionValue(flags, "policy", oneOf("mode", "sample")) ?? "mode",
    });
    process.stdout.write(flags.has("json") ? `${JSON.stringify(report)}\n` : evaluationText(report));
  });
}

async function evaluateRun(
  folder: string,
  { episodes, seed, policy }: { episodes: number; seed: number; policy: PolicyKind },
): Promise<EvaluationReport> {
  const config = readConfig(folder);
  const key = keyFromSeed(seed);
  const environment = await openEnvironment(config.env.id, config.env.options);
  try {
    const saved = await loadSavedRun(folder, config, environment, foldIn(key, DRAWS));
    let dropped = 0;
    const act = savedPolicy(saved, policy);
    const evaluation = evaluate(environment, act, episodes, foldIn(key, EPISODES), () => dropped++);
    warnOfDropped(dropped, "the policy");
    const summary = summaryOf(folder);
    return {
      run: folder,
      env: config.env.id,
      envOptions: config.env.options,
      termination: terminationOf(config),
      policy,
      seed,
      episodes,
      meanReturn: evaluation.meanReturn,
      stdReturn: evaluation.stdReturn,
      returns: evaluation.returns,
      expertReturn: summary?.expertReturn ?? null,
      randomReturn: summary?.randomReturn ?? null,
      ...agreementOn(saved, evaluation),
    };
  } finally {
    environment.close();
  }
}

function agreementOn(
  { kernels, reward }: SavedRun,
  { trajectories }: Evaluation,
): Pick<EvaluationReport, "pearson" | "spearman"> {
  if (!reward) return { pearson: null, spearman: null };
  return rewardAgreement(rewardsAlong(kernels, reward, trajectories), trajectories);
}

function summaryOf(folder: string): Summary | null {
  const path = join(folder, "summary.json");
  return existsSync(path) ? (parseJson(path) as Summary) : null;
}

function evaluationText(report: EvaluationReport): string {
  const { run, env, policy, seed, episodes, meanReturn, stdReturn, returns, pearson, spearman } = report;
  const chosen = policy === "mode" ? "most likely actions" : "sampled actions";
  const count = episodes === 1 ? "1 episode" : `${episodes} episodes`;
  const range = `from ${Math.min(...returns).toFixed(1)} to ${Math.max(...returns).toFixed(1)}`;
  const spread = episodes > 1 ? ` ± ${stdReturn.toFixed(1)}, ${range}` : "";
  const rows = [
    ["policy", `${meanReturn.toFixed(1)}${spread}`],
    ["expert", report.expertReturn?.toFixed(1)],
    ["random", report.randomReturn?.toFixed(1)],
  ].filter(([, value]) => value !== undefined);
  const { contactMargins } = report.envOptions;
  const world = typeof contactMargins === "string" ? `, contact margins ${contactMargins}` : "";
  const lines = [
    `${env}, ${count} with ${chosen}, seed ${seed}: ${run}`,
    `Trained with ${report.termination} termination${world}`,
    "",
    "True return",
    ...rows.map(([name, value]) => `  ${name}  ${value}`),
  ];
  if (pearson !== null && spearman !== null) {
    const agreement = `correlation ${pearson.toFixed(2)}, of ranks ${spearman.toFixed(2)}`;
    lines.push("", `Learned and true reward, step by step`, `  ${agreement}`);
  }
  return `${lines.join("\n")}\n`;
}
