/**
 * Runs cells of the plan, each a resumable `tandem train`:
 * `node experiments/one-demonstration/run.ts [--demos FOLDER] [--out FOLDER] [--only TEXT]... [--parallel N] [--list]`
 * A cell that is complete is left alone, one that was stopped goes on. FOLDER holds the third-party sets; without it the
 * demonstrations of this repository are used, which has them of all five tasks. Ctrl-C saves what is running.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { cpSync, existsSync, mkdirSync, openSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { CELLS, RATES, SOURCES, type Cell } from "./plan.ts";

const { values: given } = parseArgs({
  options: {
    demos: { type: "string" },
    out: { type: "string", default: "runs/one-demonstration" },
    only: { type: "string", multiple: true, default: [] },
    parallel: { type: "string", default: "1" },
    list: { type: "boolean", default: false },
  },
});
const root = resolve(import.meta.dirname, "../..");
const wanted = CELLS.filter(
  ({ name, group }) =>
    given.only.length === 0 || given.only.some((text) => group === text || name.includes(text)),
);
const children = new Set<ChildProcess>();
const stop = new AbortController();
process.on("SIGINT", () => {
  stop.abort();
  for (const child of children) child.kill("SIGINT");
});

if (given.list)
  for (const cell of wanted) console.log(`${stateOf(cell).padEnd(9)} ${cell.group} ${cell.name}`);
else {
  mkdirSync(given.out, { recursive: true });
  const waiting = wanted.filter((cell) => stateOf(cell) !== "complete");
  console.log(`${waiting.length} of ${wanted.length} cells to run`);
  await Promise.all(Array.from({ length: Number(given.parallel) }, () => work(waiting)));
}

/** Take cells until there are none. */
async function work(waiting: Cell[]): Promise<void> {
  for (let cell = waiting.shift(); cell && !stop.signal.aborted; cell = waiting.shift()) {
    if (cell.after && stateOf(cell.after) !== "complete") {
      console.log(`${cell.name}: waits for ${cell.after.name}`);
      continue;
    }
    const code = await run(cell);
    console.log(`${cell.name}: ${code === 0 ? "done" : `ended with code ${code}, see ${logOf(cell)}`}`);
  }
}

function stateOf(cell: Cell): "complete" | "stopped" | "new" {
  if (existsSync(join(folderOf(cell), "summary.json"))) return "complete";
  return existsSync(join(folderOf(cell), "config.json")) ? "stopped" : "new";
}

function run(cell: Cell): Promise<number> {
  const words = stateOf(cell) === "stopped" ? ["--resume", folderOf(cell)] : beginningOf(cell);
  const log = openSync(logOf(cell), "a");
  const child = spawn(process.execPath, [join(root, "src/cli/main.ts"), "train", ...words, "--json"], {
    stdio: ["ignore", log, log],
  });
  children.add(child);
  return new Promise((settle, fail) => {
    child.on("error", fail);
    child.on("exit", (code) => {
      children.delete(child);
      settle(code ?? 1);
    });
  });
}

function beginningOf(cell: Cell): string[] {
  const { after, steps } = cell;
  if (!after) return wordsOf(cell);
  cpSync(folderOf(after), folderOf(cell), { recursive: true });
  rmSync(join(folderOf(cell), "summary.json"));
  return [
    "--resume",
    folderOf(cell),
    "--steps",
    String(steps),
    "--slow-from",
    String(Math.round(steps! / 1.2)),
  ];
}

function wordsOf({ task, seed, steps, termination, teacher, rate, ...cell }: Cell): string[] {
  const { thirdParty, bundled, env, envOptions } = SOURCES[task];
  const words = ["--seed", String(seed), "--out", folderOf(cell), "--teacher", teacher];
  if (given.demos) {
    words.push("--demos", join(given.demos, thirdParty), "--env", env);
    for (const [name, value] of Object.entries(envOptions)) words.push("--env-option", `${name}=${value}`);
  } else words.push("--demos", join(root, "demonstrations", bundled));
  if (steps !== null) words.push("--steps", String(steps));
  if (termination !== null) words.push("--termination", termination);
  if (rate !== undefined) words.push(...RATES[rate]);
  return words;
}

function folderOf({ name }: Pick<Cell, "name">): string {
  return join(given.out, name);
}

function logOf({ name }: Pick<Cell, "name">): string {
  return join(given.out, `${name}.log`);
}
