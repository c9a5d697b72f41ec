/**
 * The price of an environment: `step` of HalfCheetah-v5 against the bare `mj_step` calls it is made of, five a step under
 * the same controls, without observation, reward or checks. Both follow the same episode in turns, in one process; what
 * is compared is the median over rounds of the ratio of their times. Target: a ratio below 1.1.
 *
 * Run by itself: `node bench/simulation.ts`.
 */
import { keyFromSeed, nextUniform, streamOf } from "../src/core/index.ts";
import { type Environment, makeEnvironment } from "../src/envs/index.ts";
import { HALF_CHEETAH } from "../src/envs/mujoco/half-cheetah.ts";
import { toMjcf } from "../src/envs/mujoco/model.ts";
import { loadMujoco } from "../src/envs/mujoco/simulation.ts";

/** What `benchSimulation` measures. */
export interface SimulationBench {
  /** Median over rounds of environment time / bare time; below 1.1 is the target. */
  ratio: number;
  /** First and third quartile of the ratio over rounds. */
  ratioQuartiles: [number, number];
  /** Environment steps per second, median over rounds. */
  stepsPerSecond: number;
  /** Microseconds of one bare `mj_step` call, median over rounds. */
  bareMicroseconds: number;
  /** Heap bytes allocated per environment step and per five bare calls. */
  bytesPerStep: number;
  bareBytesPerStep: number;
}

const FRAME_SKIP = 5;
/** Steps over which the heap is watched: enough that its size, which V8 reports in coarse amounts, tells bytes apart. */
const HEAP_STEPS = 20_000;

interface Bare {
  run(actions: readonly Float64Array[]): void;
  close(): void;
}

/** The simulator alone, from the state `env` is in at each `run`. */
async function makeBare(env: Environment): Promise<Bare> {
  const mujoco = await loadMujoco();
  const model = mujoco.MjModel.from_xml_string(toMjcf(HALF_CHEETAH, "summed"));
  const data = new mujoco.MjData(model);
  return {
    run(actions) {
      const { qpos, qvel } = env.getState();
      mujoco.mj_resetData(model, data);
      data.qpos.set(qpos);
      data.qvel.set(qvel);
      mujoco.mj_forward(model, data);
      const ctrl: Float64Array = data.ctrl;
      for (const action of actions) {
        ctrl.set(action);
        for (let i = 0; i < FRAME_SKIP; i++) mujoco.mj_step(model, data);
      }
    },
    close() {
      data.delete();
      model.delete();
    },
  };
}

/** Time both in turns: `rounds` episodes of `steps` steps each, after three to warm up. */
export async function benchSimulation({ rounds = 40, steps = 500 } = {}): Promise<SimulationBench> {
  const stream = streamOf(keyFromSeed(1));
  const env = await makeEnvironment("HalfCheetah-v5");
  const bare = await makeBare(env);
  const drawActions = (count: number): Float64Array[] =>
    Array.from({ length: count }, () => Float64Array.from({ length: 6 }, () => 2 * nextUniform(stream) - 1));
  const runEnvironment = (actions: readonly Float64Array[]): void => {
    for (const action of actions) env.step(action);
  };
  const rows: { environment: number; bare: number }[] = [];
  for (let round = -3; round < rounds; round++) {
    const actions = drawActions(steps);
    env.reset({ seed: round + 3 });
    const start = env.getState();
    const bareFirst = round % 2 === 0 ? secondsOf(() => bare.run(actions)) : null;
    const environment = secondsOf(() => runEnvironment(actions));
    env.setState(start);
    const row = { environment, bare: bareFirst ?? secondsOf(() => bare.run(actions)) };
    if (round >= 0) rows.push(row);
  }
  const actions = drawActions(HEAP_STEPS);
  const bytesPerStep = bytesOf(() => runEnvironment(actions)) / HEAP_STEPS;
  const bareBytesPerStep = bytesOf(() => bare.run(actions)) / HEAP_STEPS;
  env.close();
  bare.close();
  const ratios = rows.map((row) => row.environment / row.bare);
  const environmentSeconds = rows.map((row) => row.environment);
  const bareSeconds = rows.map((row) => row.bare);
  return {
    ratio: quantile(ratios, 0.5),
    ratioQuartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
    stepsPerSecond: steps / quantile(environmentSeconds, 0.5),
    bareMicroseconds: (1e6 * quantile(bareSeconds, 0.5)) / (steps * FRAME_SKIP),
    bytesPerStep,
    bareBytesPerStep,
  };
}

function secondsOf(work: () => void): number {
  const start = performance.now();
  work();
  return (performance.now() - start) / 1000;
}

/** Growth of the heap over `work`, the median of five; a garbage collection in one of them spoils only that one. */
function bytesOf(work: () => void): number {
  const growths = Array.from({ length: 5 }, () => {
    const before = process.memoryUsage().heapUsed;
    work();
    return process.memoryUsage().heapUsed - before;
  });
  return quantile(growths, 0.5);
}

function quantile(values: readonly number[], fraction: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.round(fraction * (sorted.length - 1))];
}

if (import.meta.main) {
  const result = await benchSimulation();
  const [low, high] = result.ratioQuartiles.map((ratio) => ratio.toFixed(3));
  console.log(
    `HalfCheetah-v5 step / 5 bare mj_step: ${result.ratio.toFixed(3)} (quartiles ${low}..${high}, target < 1.1)`,
  );
  console.log(
    `${result.stepsPerSecond.toFixed(0)} steps/s; one bare mj_step ${result.bareMicroseconds.toFixed(2)} us`,
  );
  console.log(
    `heap: ${result.bytesPerStep.toFixed(1)} bytes a step, ${result.bareBytesPerStep.toFixed(1)} in 5 bare mj_step calls`,
  );
}
