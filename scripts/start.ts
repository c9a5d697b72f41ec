/** A first training in about five minutes, on the demonstration that comes with the repository: `npm start`. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";

const DEMONSTRATION = "demonstrations/halfcheetah-v5-tandem-sac.npz";

/** What is trained, chosen for the time it takes; `tandem train --help` explains each. */
const SETTINGS = {
  steps: 100_000,
  seed: 0,
  "learning-rate": 5e-4,
  "evaluate-every": 5000,
  "evaluation-episodes": 3,
  "final-episodes": 10,
};

const root = fileURLToPath(new URL("..", import.meta.url));
const command = relative("", fileURLToPath(new URL("../src/cli/main.ts", import.meta.url)));
const demonstration = relative("", `${root}${DEMONSTRATION}`);

if (existsSync(demonstration)) {
  const options = Object.entries(SETTINGS).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const words = ["train", "--demos", demonstration, "--out", freeFolder(), ...options];
  console.log(`npx tandem ${words.join(" ")}\n`);
  process.exitCode = await run([command, ...words]);
} else {
  console.error(`start: ${demonstration} is missing; restore it with git checkout ${demonstration}`);
  process.exitCode = 1;
}

/** The first of runs/start-1, runs/start-2, ... that is free. */
function freeFolder(): string {
  let n = 1;
  while (existsSync(relative("", `${root}runs/start-${n}`))) n++;
  return relative("", `${root}runs/start-${n}`);
}

/** The command's exit code. Ctrl-C is the command's own business: it saves the run and says how to go on. */
function run(words: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, words, { stdio: "inherit" });
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => resolve(code ?? 1));
  });
}
