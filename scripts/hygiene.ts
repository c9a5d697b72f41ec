/**
 * Long trainings, watched from outside: does memory grow, do steps become slower, how much do they leave on the disk?
 *
 *     node scripts/hygiene.ts                              ten million steps each, in the better part of an hour
 *     node scripts/hygiene.ts hopper-dac --steps 1000000
 *
 * prints the tables of docs/reliability.md; exit code 1 where memory, time or records are beyond the bounds below. Linux only
 * (/proc). Networks are small, so that what does not belong to them shows, and teachers act at random, so that episodes stay short and many.
 */
import { spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { keyFromSeed } from "../src/core/index.ts";
import { writeDemonstrations } from "../src/demos/index.ts";
import { makeEnvironment } from "../src/envs/index.ts";
import { randomPolicy } from "../src/eval/index.ts";
import { rollout } from "../src/rl/index.ts";
import { MOST_OF_A_KIND } from "../src/runs/record-spacing.ts";

const SMALL =
  "--hidden 16,16 --batch-size 16 --evaluation-episodes 1 --final-episodes 1 --checkpoint-every 20 --json";
/** What is trained, by what is learnt in and how. */
const TRAININGS: Readonly<Record<string, { env: string; options: string }>> = {
  "halfcheetah-ml-irl": { env: "HalfCheetah-v5", options: "--reward-network two-layer:64" },
  "hopper-dac": {
    env: "Hopper-v5",
    options: "--method dac --discriminator-hidden 16,16 --discriminator-batch 16 --termination absorbing",
  },
  "cartpole-ml-irl": { env: "CartPole-v1", options: "--reward-network two-layer:64" },
};

/** Stretches of a training that are measured. By the end of the second the replay of a million is full. */
const STRETCHES = 10;
/**
 * The stretch with least live memory of the last five, over that of the three before: what is held for a moment is in some, what is never
 * given back in all.
 */
const LIVE_BOUND = 1.02;
/** Most of the resident set in the last five, over that in the three before; it is what the collector and the allocator round up. */
const RESIDENT_BOUND = 1.1;
/** Processor's time a step in the last two stretches, over that in the third and fourth. */
const TIME_BOUND = 1.2;

/** Preloaded into each thread: writes what it holds after a collection, MB, to a file of its own. */
const WEIGHING = `
import { writeFileSync } from "node:fs";
import { threadId } from "node:worker_threads";
setInterval(() => {
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  writeFileSync(process.env.TANDEM_WEIGHTS + "/" + threadId, String((heapUsed + external) / 2 ** 20));
}, 10_000).unref();
`;

const MAIN = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));
const MB = 2 ** 20;
const TICKS_A_SECOND = 100;

interface Stretch {
  readonly step: number;
  readonly liveMB: number;
  readonly residentMB: number;
  readonly microseconds: number;
  readonly metricsMB: number;
  readonly checkpointMB: number;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { steps: { type: "string", default: "10000000" } },
});
const steps = Number(values.steps);
const names = positionals.length > 0 ? positionals : Object.keys(TRAININGS);
if (names.some((name) => !(name in TRAININGS)) || !(steps >= 1_000_000)) {
  console.error(
    `hygiene: expected some of ${Object.keys(TRAININGS).join(", ")}, and --steps of 1000000 or more`,
  );
  process.exit(1);
}

const cwd = mkdtempSync(join(tmpdir(), "tandem-hygiene-"));
try {
  for (const name of names) {
    const stretches = await watch(name);
    const records = mostRecords(join(cwd, name, "metrics.jsonl"));
    console.log(`\n${name}: ${TRAININGS[name].env}, ${TRAININGS[name].options}\n`);
    console.log(
      "| steps, million | live, MB | resident, MB | processor, microseconds a step | metrics, MB | checkpoint, MB |",
    );
    console.log("| --- | --- | --- | --- | --- | --- |");
    for (const { step, liveMB, residentMB, microseconds, metricsMB, checkpointMB } of stretches)
      console.log(
        `| ${(step / 1e6).toFixed(2)} | ${liveMB.toFixed(1)} | ${residentMB.toFixed(0)} | ${microseconds.toFixed(1)} | ${metricsMB.toFixed(2)} | ${checkpointMB.toFixed(0)} |`,
      );
    const growth = (of: "liveMB" | "residentMB", extreme: typeof Math.max): number =>
      extreme(...stretches.slice(5).map((each) => each[of])) /
      extreme(...stretches.slice(2, 5).map((each) => each[of]));
    const [live, resident] = [growth("liveMB", Math.min), growth("residentMB", Math.max)];
    const time = timeOf(stretches.slice(-2)) / timeOf(stretches.slice(2, 4));
    const failures = [
      live > LIVE_BOUND || resident > RESIDENT_BOUND ? "memory grows" : "",
      time > TIME_BOUND ? "steps become slower" : "",
      records > MOST_OF_A_KIND + 1 ? "too many records" : "",
    ].filter(Boolean);
    console.log(
      `\nSecond half over what was before: live memory ${live.toFixed(3)}, resident ${resident.toFixed(3)}. Time a step, end over beginning: ${time.toFixed(2)}. ` +
        `Most records of a kind: ${records}. ${failures.join(", ") || "As it should be"}.`,
    );
    if (failures.length > 0) process.exitCode = 1;
    rmSync(join(cwd, name), { recursive: true });
  }
} finally {
  rmSync(cwd, { recursive: true, force: true });
}

/** Train and measure each stretch. */
async function watch(name: string): Promise<Stretch[]> {
  const { env: task, options } = TRAININGS[name];
  await demonstrate(task, join(cwd, `${name}.npz`));
  const args = `train --demos ${name}.npz --steps ${steps} --out ${name} ${SMALL} ${options}`.split(" ");
  const weights = join(cwd, `${name}-weights`);
  mkdirSync(weights);
  writeFileSync(join(cwd, "weighing.mjs"), WEIGHING);
  const env = {
    ...process.env,
    NODE_OPTIONS: `--import ${join(cwd, "weighing.mjs")}`,
    TANDEM_WEIGHTS: weights,
  };
  const child = spawn(process.execPath, ["--expose-gc", MAIN, ...args], {
    cwd,
    env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (text) => (said = String(text).trim() || said));
  const stretches: Stretch[] = [];
  const folder = join(cwd, name);
  let begun = { step: 0, ticks: 0 };
  let resident = 0;
  let live = 0;
  const closed = new Promise<number | null>((resolve) => child.on("close", resolve));
  while (child.exitCode === null && child.signalCode === null && stretches.length < STRETCHES) {
    await delay(500);
    const now = processOf(child.pid as number);
    if (!now) break;
    resident = Math.max(resident, now.residentMB);
    live = Math.max(live, weightOf(weights));
    const step = lastStep(join(folder, "metrics.jsonl"));
    // A little before its end: what follows the last stretch, evaluation and report, is not training.
    if (step < ((stretches.length + 0.95) * steps) / STRETCHES) continue;
    stretches.push({
      step,
      liveMB: live,
      residentMB: resident,
      microseconds: ((now.ticks - begun.ticks) / TICKS_A_SECOND / (step - begun.step)) * 1e6,
      metricsMB: statSync(join(folder, "metrics.jsonl")).size / MB,
      checkpointMB: sizeOf(join(folder, "checkpoint")) / MB,
    });
    console.error(`${name}: ${JSON.stringify(stretches.at(-1))}`);
    begun = { step, ticks: now.ticks };
    resident = live = 0;
  }
  const code = await closed;
  if (code !== 0) throw new Error(`${name} ended with code ${code}: ${said}`);
  return stretches;
}

/** Four episodes of random actions. */
async function demonstrate(env: string, path: string): Promise<void> {
  const environment = await makeEnvironment(env);
  const episodes = rollout(environment, randomPolicy(keyFromSeed(1)), 4, keyFromSeed(2));
  environment.close();
  await writeDemonstrations(path, episodes, { env, envOptions: {} });
}

/** Resident set and time of the processor so far; null where the process is gone. */
function processOf(pid: number): { residentMB: number; ticks: number } | null {
  try {
    const resident = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
    return (
      resident && { residentMB: Number(resident[1]) / 1024, ticks: Number(fields[11]) + Number(fields[12]) }
    );
  } catch {
    return null;
  }
}

/** What all threads hold, MB, as they last said. */
function weightOf(folder: string): number {
  return readdirSync(folder).reduce((sum, name) => sum + Number(readFileSync(join(folder, name), "utf8")), 0);
}

/** The step of the newest whole record. */
function lastStep(path: string): number {
  if (!existsSync(path)) return 0;
  const file = openSync(path, "r");
  const { size } = fstatSync(file);
  const tail = Buffer.alloc(Math.min(size, 4096));
  readSync(file, tail, 0, tail.length, size - tail.length);
  closeSync(file);
  const line = tail.toString("utf8").split("\n").at(-2);
  return Number(/"step":(\d+)/.exec(line ?? "")?.[1] ?? 0);
}

function sizeOf(folder: string): number {
  if (!existsSync(folder)) return 0;
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}

function mostRecords(path: string): number {
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  const kinds = Map.groupBy(lines, (line) => (JSON.parse(line) as { kind: string }).kind);
  return Math.max(...[...kinds.values()].map((alike) => alike.length));
}

function timeOf(stretches: readonly Stretch[]): number {
  return stretches.reduce((sum, { microseconds }) => sum + microseconds, 0) / stretches.length;
}
