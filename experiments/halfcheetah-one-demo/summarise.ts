/**
 * Gathers finished runs into this folder: `node experiments/halfcheetah-one-demo/summarise.ts DEMOS RUN...`
 * Writes runs/<name>/{config,summary}.json and metrics.jsonl, results.jsonl (a line a run) and the figures.
 * DEMOS is the whole demonstration file: its episodes that no run has seen serve to compare learned and true reward.
 */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import {
  keyFromSeed,
  sliceEpisodes,
  split,
  type RewardRecord,
  type Trajectories,
} from "../../src/core/index.ts";
import { readDemonstrations } from "../../src/demos/index.ts";
import { makeEnvironment } from "../../src/envs/index.ts";
import { evaluate, pearson, randomPolicy, spearman } from "../../src/eval/index.ts";
import { rewardsAlong } from "../../src/irl/index.ts";
import { readRun, renderFigureSvg, reportFigures } from "../../src/report/index.ts";
import {
  loadSavedRun,
  readConfig,
  savedPolicy,
  type Summary,
  type TrainConfig,
} from "../../src/runs/index.ts";
import { readJsonLines } from "../json-lines.ts";

const [demosPath, ...folders] = process.argv.slice(2);
if (folders.length === 0) {
  console.error("usage: node experiments/halfcheetah-one-demo/summarise.ts DEMOS RUN...");
  process.exit(1);
}
const here = import.meta.dirname;
const HELD_OUT_EPISODES = 5;
const HELD_OUT_SEED = 1000;
const { trajectories } = await readDemonstrations(demosPath);
const heldOut = sliceEpisodes(trajectories, 1, 1 + HELD_OUT_EPISODES);

const lines: string[] = [];
const kept: string[] = [];
for (const folder of folders) {
  const target = join(here, "runs", basename(folder));
  mkdirSync(target, { recursive: true });
  for (const file of ["summary.json", "metrics.jsonl"]) cpSync(join(folder, file), join(target, file));
  const config = demonstratedBy(folder);
  const named = { ...config, demos: { ...config.demos, path: basename(config.demos.path) } };
  writeFileSync(
    join(target, "config.json"),
    `${JSON.stringify(named, null, 2)}
`,
  );
  kept.push(target);
  lines.push(JSON.stringify(await resultOf(folder)));
}
writeFileSync(join(here, "results.jsonl"), `${lines.join("\n")}\n`);
const runs = kept.map((folder) => readRun(folder));
for (const figure of reportFigures(runs)) {
  writeFileSync(join(here, `${figure.id}.svg`), renderFigureSvg(figure));
}
console.log(lines.join("\n"));

/** The run's configuration; refuses one that was shown an episode that is held out here. */
function demonstratedBy(folder: string): TrainConfig {
  const config = readConfig(folder);
  if (config.command !== "train") throw new Error(`${folder} has learned no reward`);
  const { firstEpisode, episodes } = config.demos;
  if (firstEpisode !== 0 || episodes !== 1)
    throw new Error(`${folder} was not taught by the first episode alone`);
  return config;
}

/** One line of results: returns, costs, and how the learned reward relates to the true one. */
async function resultOf(folder: string): Promise<Record<string, unknown>> {
  const config = demonstratedBy(folder);
  const { rewardScatter: _, ...summary } = JSON.parse(
    readFileSync(join(folder, "summary.json"), "utf8"),
  ) as Summary;
  const [key, policyKey, randomKey, actionKey] = split(keyFromSeed(HELD_OUT_SEED), 4);
  const environment = await makeEnvironment(config.env.id, config.env.options);
  const saved = await loadSavedRun(folder, config, environment, key);
  const policy = evaluate(environment, savedPolicy(saved, "mode"), HELD_OUT_EPISODES, policyKey).trajectories;
  const random = evaluate(environment, randomPolicy(actionKey), HELD_OUT_EPISODES, randomKey).trajectories;
  environment.close();
  const { kernels, reward } = saved;
  if (!reward) throw new Error(`${folder} has learned no reward`);
  const agreement = (parts: Trajectories[]): unknown => {
    const learned = Float32Array.from(
      parts.flatMap((part) => Array.from(rewardsAlong(kernels, reward, part))),
    );
    const truth = parts.flatMap((part) => Array.from(part.rewards ?? []));
    return { pearson: pearson(learned, truth), spearman: spearman(learned, truth) };
  };
  return {
    run: basename(folder),
    ...summary,
    expertShare: summary.expertReturn === null ? null : summary.finalReturn / summary.expertReturn,
    secondsPer5000Updates: secondsPer5000(folder),
    agreement: {
      policy: agreement([policy]),
      heldOutExpert: agreement([heldOut]),
      random: agreement([random]),
      together: agreement([policy, heldOut, random]),
    },
  };
}

/** Median over the run of the wall time of 5000 policy updates with their environment steps and their reward steps. */
function secondsPer5000(folder: string): number {
  const records = readJsonLines<RewardRecord>(join(folder, "metrics.jsonl"));
  const steps = records.filter(({ kind }) => kind === "reward");
  const perStep = steps.slice(1).map((record, i) => record.seconds / (record.step - steps[i].step));
  return 5000 * perStep.sort((a, b) => a - b)[Math.floor(perStep.length / 2)];
}
