/** Runs the real command as a user would, and makes what it needs. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { keyFromSeed } from "../../src/core/index.ts";
import { writeDemonstrations } from "../../src/demos/index.ts";
import { makeEnvironment } from "../../src/envs/index.ts";
import { randomPolicy } from "../../src/eval/index.ts";
import { rollout } from "../../src/rl/index.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

/** Episodes this short keep the tests short. */
const ENV_OPTIONS = { maxEpisodeSteps: 60 };

/** What a policy needs to learn nothing much in a second or so. */
export const TINY_POLICY = (
  "--steps 300 --start-steps 100 --hidden 16,16 --batch-size 16 " +
  "--evaluate-every 200 --evaluation-episodes 1 --final-episodes 2"
).split(" ");

/** The same with a reward. Iterations end in the middle of episodes. */
export const TINY = TINY_POLICY.concat(
  "--policy-steps-per-reward-step 100 --reward-network two-layer:64".split(" "),
);

/** Milliseconds for what is done before tests, on a busy machine. */
export const HOOK_TIMEOUT = 60_000;

/** What a command left behind. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How to run it. */
export interface RunOptions {
  readonly cwd: string;
  readonly env?: Record<string, string>;
  /** Whether signals go to the command and all that it starts, as those of a terminal do. */
  readonly asTerminal?: boolean;
  /** Called once the command has been started. */
  readonly onStart?: (kill: (signal: NodeJS.Signals) => void) => void;
  /** Called with all of stderr so far whenever there is more of it. */
  readonly onStderr?: (text: string, kill: (signal: NodeJS.Signals) => void) => void;
}

/** Spares each process the work of reading all the sources anew. */
const NODE_COMPILE_CACHE = join(tmpdir(), "tandem-compile-cache");

/** `tandem ...args` */
export function tandem(
  args: readonly string[],
  { cwd, env, asTerminal = false, onStart, onStderr }: RunOptions,
): Promise<Outcome> {
  const environment = { ...process.env, NODE_COMPILE_CACHE, npm_command: "", ...env };
  const child = spawn(process.execPath, [MAIN, ...args], { cwd, env: environment, detached: asTerminal });
  const kill = (signal: NodeJS.Signals): void => {
    if (asTerminal && child.pid !== undefined) process.kill(-child.pid, signal);
    else child.kill(signal);
  };
  onStart?.(kill);
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => (stdout += String(chunk)));
  child.stderr.on("data", (chunk) => {
    stderr += String(chunk);
    onStderr?.(stderr, kill);
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/** An empty folder, and how to remove it. */
export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "tandem-cli-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Three short episodes of random actions in HalfCheetah-v5, in `folder/demo.npz`. */
export async function makeDemonstrations(folder: string, seed = 1): Promise<void> {
  const environment = await makeEnvironment("HalfCheetah-v5", ENV_OPTIONS);
  const trajectories = rollout(environment, randomPolicy(keyFromSeed(seed)), 3, keyFromSeed(seed + 1));
  environment.close();
  await writeDemonstrations(join(folder, "demo.npz"), trajectories, {
    env: "HalfCheetah-v5",
    envOptions: ENV_OPTIONS,
  });
}

/** The JSON a file of a run holds. */
export function readJson(...path: string[]): Record<string, unknown> {
  return JSON.parse(readFileSync(join(...path), "utf8")) as Record<string, unknown>;
}

/** The run's records without the times they took. */
export function timelessMetrics(folder: string): unknown[] {
  const lines = readFileSync(join(folder, "metrics.jsonl"), "utf8").trim().split("\n");
  return lines.map((line) =>
    JSON.parse(line, (name, value: unknown) => (/seconds$/i.test(name) ? undefined : value)),
  );
}
