/**
 * What a checkpoint of a full replay costs: a million transitions of HalfCheetah, networks as `tandem train` has them. The first
 * checkpoint writes all of the replay, a later one what has come since; beside them, in the same rounds, a plain write of as many bytes
 * as the first one's, brought to the disk as they are. Prints medians and writes results/checkpoint.json.
 *
 *     node bench/checkpoint.ts [--rounds 5] [--folder /tmp]
 */
import {
  closeSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { keyFromSeed, nextUniform, streamOf } from "../src/core/index.ts";
import { makeEnvironment } from "../src/envs/index.ts";
import { loadKernels } from "../src/kernels/index.ts";
import { createAgent } from "../src/rl/index.ts";
import { restoreCheckpoint, saveCheckpoint, TRAIN_DEFAULTS } from "../src/runs/index.ts";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "5" }, folder: { type: "string", default: tmpdir() } },
});
const TRANSITIONS = 1_000_000;
/** In five minutes, the usual interval, at 500 steps a second. */
const SINCE = 150_000;
const MB = 1e6;

const kernels = await loadKernels();
const environment = await makeEnvironment("HalfCheetah-v5");
const options = { ...TRAIN_DEFAULTS, replayCapacity: TRANSITIONS, keepTrueRewards: false };
const agent = createAgent(kernels, environment, options, keyFromSeed(0));
const { rows, stride } = agent.replay;
const stream = streamOf(keyFromSeed(1));
const block = kernels.f32(rows, TRANSITIONS * stride);
for (let i = 0; i < block.length; i++) block[i] = nextUniform(stream);

const steps = { train: 0, rewardRollout: 0, evaluation: 0, expert: 0 };
const save = (folder: string): void => saveCheckpoint(kernels, folder, agent, null, steps, 0);
const times: Record<string, number[]> = {};
const time = (what: string, work: () => void): void => {
  const begun = performance.now();
  work();
  (times[what] ??= []).push(performance.now() - begun);
};

const place = mkdtempSync(join(values.folder, "tandem-checkpoint-"));
let bytes = 0;
let stateBytes = 0;
try {
  for (let round = 0; round < Number(values.rounds); round++) {
    const folder = join(place, String(round));
    agent.replay.added = TRANSITIONS;
    time("the first", () => save(folder));
    bytes = sizeOf(join(folder, "checkpoint"));
    stateBytes = statSync(join(folder, "checkpoint", "state.safetensors")).size;
    agent.replay.added += SINCE;
    time("a later one", () => save(folder));
    time("one with nothing new", () => save(folder));
    time("reading it", () => restoreAgain(folder));
    const plain = new Uint8Array(kernels.memory.buffer, 0, bytes);
    time("a plain write of the first one's bytes", () => writePlainly(join(place, "plain"), plain));
    rmSync(folder, { recursive: true });
  }
} finally {
  rmSync(place, { recursive: true, force: true });
  environment.close();
}
const milliseconds = Object.fromEntries(
  Object.entries(times).map(([what, all]) => [what, all.toSorted((a, b) => a - b)[all.length >> 1]]),
);
const plain = milliseconds["a plain write of the first one's bytes"];
console.log(`${(bytes / MB).toFixed(0)} MB, of which the state ${(stateBytes / MB).toFixed(1)} MB`);
for (const [what, ms] of Object.entries(milliseconds))
  console.log(
    `${what.padEnd(40)} ${ms.toFixed(0).padStart(6)} ms ${(ms / plain).toFixed(2).padStart(6)} of the plain write`,
  );
const result = {
  command: `node bench/checkpoint.ts --rounds ${values.rounds}`,
  transitions: TRANSITIONS,
  since: SINCE,
  megabytes: bytes / MB,
  stateMegabytes: stateBytes / MB,
  medianMilliseconds: milliseconds,
};
writeFileSync(new URL("results/checkpoint.json", import.meta.url), `${JSON.stringify(result, null, 2)}\n`);

/** Into the agent that wrote it: the same numbers come to the same places. */
function restoreAgain(folder: string): void {
  agent.replay.added = 0;
  restoreCheckpoint(kernels, folder, agent, null, steps);
}

function writePlainly(path: string, content: Uint8Array): void {
  const file = openSync(path, "w");
  for (let done = 0; done < content.length;) done += writeSync(file, content, done, content.length - done);
  fsyncSync(file);
  closeSync(file);
}

function sizeOf(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
  return files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}
