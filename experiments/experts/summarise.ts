/**
 * Gathers expert runs, finished or not: `node experiments/experts/summarise.ts RUN...`
 * Writes results.jsonl (a line a run, with its learning curve), table.md and experts.svg here. Lines of runs that are not
 * given stay; one of the same task, seed and learning rates is replaced.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { curvePanel } from "../../src/lab/curve-panel.ts";
import { readRun, renderFigureSvg, type Mark } from "../../src/report/index.ts";
import { readConfig, type ExpertConfig } from "../../src/runs/index.ts";
import { readJsonLines } from "../json-lines.ts";

/** SAC after 1 million steps (Humanoid 2 million), as published for v3 tasks: rl-baselines3-zoo benchmark.md, one run each. */
const PUBLISHED: Readonly<Record<string, number>> = {
  HalfCheetah: 9535.5,
  Hopper: 2325.5,
  Walker2d: 3863.2,
  Ant: 4615.8,
  Humanoid: 6232.3,
};

const folders = process.argv.slice(2);
if (folders.length === 0) {
  console.error("usage: node experiments/experts/summarise.ts RUN...");
  process.exit(1);
}
const given = folders.map(resultOf);
const recorded = readJsonLines<Result>(join(import.meta.dirname, "results.jsonl")).filter(
  (result) => !given.some((other) => keyOf(other) === keyOf(result)),
);
const TASKS = Object.keys(PUBLISHED);
const results = [...recorded, ...given].sort(
  (a, b) => TASKS.indexOf(taskOf(a)) - TASKS.indexOf(taskOf(b)) || a.steps - b.steps,
);
write("results.jsonl", results.map((result) => `${JSON.stringify(result)}\n`).join(""));
write("table.md", table());
write("experts.svg", renderFigureSvg(figure()));
console.log(table());

/** How far an expert has come. The score is the mean over the last tenth of its evaluations, never the best. */
interface Result {
  readonly env: string;
  readonly envOptions: unknown;
  readonly seed: number;
  readonly step: number;
  readonly steps: number;
  readonly score: number;
  /** Mean of the final episodes; null where the run has not ended. */
  readonly finalReturn: number | null;
  readonly randomReturn: number | null;
  readonly hours: number | null;
  readonly algorithm: ExpertConfig["algorithm"];
  /** [step, mean true return of the evaluation's deterministic episodes] */
  readonly curve: readonly (readonly [number, number])[];
}

function resultOf(folder: string): Result {
  const { summary, evaluations } = readRun(folder);
  const config = readConfig(folder);
  if (config.command !== "expert") throw new Error(`expected a run of tandem expert: ${folder}`);
  const tail = evaluations.slice(-Math.max(1, Math.ceil(evaluations.length / 10)));
  return {
    env: config.env.id,
    envOptions: config.env.options,
    seed: config.seed,
    step: evaluations.at(-1)?.step ?? 0,
    steps: config.steps,
    score: tail.reduce((sum, { meanReturn }) => sum + meanReturn, 0) / tail.length,
    finalReturn: summary?.finalReturn ?? null,
    randomReturn: summary?.randomReturn ?? null,
    hours: summary ? summary.seconds / 3600 : null,
    algorithm: config.algorithm,
    curve: evaluations.map(({ step, meanReturn }) => [step, meanReturn]),
  };
}

function keyOf({ env, seed, algorithm }: Result): string {
  return JSON.stringify([env, seed, algorithm.sac.learningRate, algorithm.slowdown]);
}

function taskOf({ env }: Result): string {
  return env.split("-v")[0];
}

function table(): string {
  const columns = [
    "environment",
    "seed",
    "steps",
    "learning rate",
    "last tenth",
    "final, 10 episodes",
    "random",
    "published SAC (v3)",
    "hours",
  ];
  const rows = results.map((result) => [
    result.env,
    String(result.seed),
    `${result.step / 1000}k of ${result.steps / 1000}k`,
    rateOf(result),
    result.score.toFixed(0),
    result.finalReturn?.toFixed(0) ?? "",
    result.randomReturn?.toFixed(0) ?? "",
    String(PUBLISHED[taskOf(result)] ?? ""),
    result.hours?.toFixed(1) ?? "",
  ]);
  return [columns, columns.map(() => "---"), ...rows].map(line).join("");
}

function rateOf({ algorithm: { sac, slowdown } }: Result): string {
  if (!slowdown) return String(sac.learningRate);
  return `${sac.learningRate}, from ${slowdown.from / 1000}k on ${slowdown.learningRate}`;
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |\n`;
}

function figure(): Parameters<typeof renderFigureSvg>[0] {
  return {
    id: "experts",
    title: "Experts on the true reward",
    caption:
      "True return of deterministic episodes; dashed: published for soft actor-critic at a million steps, Humanoid two.",
    layout: "small",
    panels: longestOfEach().map((result) => {
      const points = result.curve.map(([x, y]) => ({ x, y }));
      const published = PUBLISHED[taskOf(result)];
      const marks: Mark[] = [{ kind: "line", name: null, tone: "learned", style: "strong", points }];
      if (published)
        marks.push({ kind: "rule", name: "published", tone: "expert", style: "dashed", y: published });
      return curvePanel(result.env, "Training steps", { label: "True return" }, marks);
    }),
  };
}

/** A run with a slow end holds the curve of the one without. */
function longestOfEach(): Result[] {
  return results.filter(
    ({ env, steps }) => !results.some((other) => other.env === env && other.steps > steps),
  );
}

function write(name: string, text: string): void {
  writeFileSync(join(import.meta.dirname, name), text);
}
