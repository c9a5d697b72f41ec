/**
 * Memory over a million policy updates: ML-IRL on HalfCheetah with small networks, so that it takes minutes, and with all
 * that a training has (simulator, episodes, reward steps, a replay that wraps). Prints a table and writes
 * results/memory.json; fails if the live memory of the last tenth exceeds that of the second tenth by more than 1 MiB.
 *
 *     node bench/memory.ts [--updates 1000000]
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { keyFromSeed } from "../src/core/index.ts";
import { readDemonstrations } from "../src/demos/index.ts";
import { makeEnvironment } from "../src/envs/index.ts";
import { createMlIrl, mlIrlIteration } from "../src/irl/index.ts";
import { loadKernels } from "../src/kernels/index.ts";
import { TRAIN_DEFAULTS } from "../src/runs/index.ts";

const { values } = parseArgs({ options: { updates: { type: "string", default: "1000000" } } });
const updates = Number(values.updates);
const MEBIBYTE = 2 ** 20;
setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const kernels = await loadKernels();
const environment = await makeEnvironment("HalfCheetah-v5");
const demonstrations = new URL("../demonstrations/halfcheetah-v5-tandem-sac.npz", import.meta.url);
const { trajectories } = await readDemonstrations(fileURLToPath(demonstrations));
const options = {
  ...TRAIN_DEFAULTS,
  sac: { ...TRAIN_DEFAULTS.sac, hidden: [16, 16], batchSize: 16 },
  reward: { ...TRAIN_DEFAULTS.reward, network: { kind: "two-layer", width: 64 } as const },
  replayCapacity: 100_000,
};
const learner = createMlIrl(
  kernels,
  { train: environment, rollout: null },
  trajectories,
  options,
  keyFromSeed(0),
);
const samples: { updates: number; heapMiB: number; kernelMiB: number; residentMiB: number }[] = [];
console.log("   updates   heap MiB   kernels MiB   resident MiB");
for (let tenth = 1; tenth <= 10; tenth++) {
  const steps = options.startSteps + (tenth * updates) / 10;
  while (learner.agent.steps < steps) {
    mlIrlIteration(
      kernels,
      learner,
      steps,
      () => {},
      () => performance.now(),
    );
  }
  collectGarbage();
  const { heapUsed, external, rss } = process.memoryUsage();
  const sample = {
    updates: learner.agent.policy.updates,
    heapMiB: (heapUsed + external - kernels.memory.buffer.byteLength) / MEBIBYTE,
    kernelMiB: kernels.memory.buffer.byteLength / MEBIBYTE,
    residentMiB: rss / MEBIBYTE,
  };
  samples.push(sample);
  const columns = [sample.heapMiB, sample.kernelMiB, sample.residentMiB].map((mib) =>
    mib.toFixed(2).padStart(12),
  );
  console.log(String(sample.updates).padStart(10) + columns.join(" "));
}
environment.close();
const growth = samples[9].heapMiB + samples[9].kernelMiB - samples[1].heapMiB - samples[1].kernelMiB;
console.log(`live memory grew by ${growth.toFixed(3)} MiB from the second to the last tenth`);
const result = { command: `node bench/memory.ts --updates ${updates}`, growthMiB: growth, samples };
writeFileSync(new URL("results/memory.json", import.meta.url), `${JSON.stringify(result, null, 2)}\n`);
process.exitCode = growth > 1 ? 1 : 0;
