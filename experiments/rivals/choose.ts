/**
 * Which configuration of each method, chosen without the true reward: `node experiments/rivals/choose.ts RUNS HELD_OUT`.
 * RUNS holds one run folder a configuration, `<task>-<method>-<configuration>`; HELD_OUT is an episode of their demonstrations that
 * none of them learnt from. Each final policy is rolled out in ten fresh episodes, and its states compared with the expert's
 * (docs/selection.md); the lowest distance is chosen. Writes one JSON line a configuration; true scores are there to be looked at.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { foldIn, keyFromSeed } from "../../src/core/index.ts";
import { readDemonstrations, takeEpisodes } from "../../src/demos/index.ts";
import { makeEnvironment } from "../../src/envs/index.ts";
import { deterministicPolicy, evaluate, heldOutFit, holdOutDemonstrations } from "../../src/eval/index.ts";
import { rewardsAlong } from "../../src/irl/index.ts";
import { readRun } from "../../src/report/index.ts";
import { loadSavedRun, readConfig } from "../../src/runs/index.ts";

const EPISODES = 10;
const [runs, heldOutEpisode] = process.argv.slice(2);
const key = keyFromSeed(0x63686f6f);

for (const name of readdirSync(runs).sort()) {
  const folder = join(runs, name);
  if (!existsSync(join(folder, "summary.json"))) continue;
  const config = readConfig(folder);
  if (config.command !== "train") continue;
  const environment = await makeEnvironment(config.env.id, config.env.options);
  const { kernels, policy, reward } = await loadSavedRun(folder, config, environment, key);
  const { trajectories } = await readDemonstrations(config.demos.path);
  const shown = takeEpisodes(trajectories, [Number(heldOutEpisode)]);
  const { actionSpace, maxEpisodeSteps } = environment;
  const heldOut = holdOutDemonstrations(kernels, policy, actionSpace, shown, maxEpisodeSteps);
  const { trajectories: own } = evaluate(
    environment,
    deterministicPolicy(kernels, policy),
    EPISODES,
    foldIn(key, 1),
  );
  const rewardsOf = reward && ((along: typeof own): Float32Array => rewardsAlong(kernels, reward, along));
  const fit = heldOutFit(kernels, heldOut, policy, rewardsOf, own);
  const [task, ...rest] = name.split("-");
  const { evaluations, summary } = readRun(folder);
  const last = evaluations.filter(({ step }) => 10 * step > 9 * config.steps);
  const score = last.reduce((sum, { meanReturn }) => sum + meanReturn, 0) / last.length;
  const { method } = config.algorithm;
  const line = {
    task,
    method,
    configuration: rest.join("-"),
    seed: config.seed,
    steps: config.steps,
    ...fit,
  };
  console.log(
    JSON.stringify({
      ...line,
      trueScore: score,
      expertReturn: summary?.expertReturn,
      algorithm: config.algorithm,
    }),
  );
  environment.close();
}
