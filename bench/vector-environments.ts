/**
 * How stepping a batch of environments scales with its workers. Batches with 0, 1 and 2 workers take turns under the same
 * actions. Ratios to the batch without workers, in each round: of the wall's time, which says something only where no other
 * work shares the machine; of the processor's time over all threads, which is what the spreading itself costs; and of the
 * processor's time of the busiest thread, which bounds the wall's where every thread has a core of its own.
 *
 * `node bench/vector-environments.ts [--task ID]... [--count N] [--workers N,N..] [--rounds N] [--json FILE]`
 */
import { writeFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { keyFromSeed, nextInteger, nextUniform, type RandomStream, streamOf } from "../src/core/index.ts";
import { makeVectorEnvironment, type VectorEnvironment } from "../src/envs/index.ts";
import { describeRatio, type Ratio, ratioOf } from "./simulation.ts";

/** What `benchVectorEnvironments` measures. */
export interface VectorBench {
  count: number;
  processors: number;
  /** Processes that wanted a processor, a mean over the minutes before and after: above 0 others were at work too. */
  loadBefore: number;
  loadAfter: number;
  cases: VectorCase[];
}

/** One task with so many workers. */
export interface VectorCase {
  id: string;
  workers: number;
  /** Steps of single environments a second, by the wall's time. */
  stepsPerSecond: number;
  /** Wall's time without workers / with them. */
  faster: Ratio;
  /** Processor's time without workers / of the busiest thread with them. */
  fasterOnFreeCores: Ratio;
  /** Processor's time of all threads with them / without. */
  processorTime: Ratio;
}

const TASKS = ["HalfCheetah-v5", "Hopper-v5", "Walker2d-v5", "Ant-v5", "Humanoid-v5", "CartPole-v1"];
const BLOCK_SECONDS = 0.1;
const WARM_UP_ROUNDS = 10; // engines compile what is hot in the background, more slowly on a busy machine

interface VectorBenchOptions {
  tasks?: readonly string[];
  count?: number;
  /** Without 0, to which all are compared. */
  workers?: readonly number[];
  rounds?: number;
}

/** What a block takes. */
interface Seconds {
  wall: number;
  /** All threads. */
  processor: number;
  /** The busiest thread; the workers count as equally busy. */
  busiest: number;
}

/** Measure every task, one after another. */
export async function benchVectorEnvironments({
  tasks = TASKS,
  count = 16,
  workers = [1, 2],
  rounds = 30,
}: VectorBenchOptions = {}): Promise<VectorBench> {
  const [loadBefore] = loadavg();
  const cases: VectorCase[] = [];
  for (const id of tasks) cases.push(...(await benchTask(id, count, [0, ...workers], rounds)));
  const [loadAfter] = loadavg();
  return { count, processors: availableParallelism(), loadBefore, loadAfter, cases };
}

async function benchTask(
  id: string,
  count: number,
  workers: readonly number[],
  rounds: number,
): Promise<VectorCase[]> {
  const batches: VectorEnvironment[] = [];
  for (const each of workers) {
    batches.push(await makeVectorEnvironment(id, {}, { count, seed: 1, workers: each }));
  }
  const stream = streamOf(keyFromSeed(2));
  const [alone] = batches;
  for (const batch of batches) batch.reset();
  const sample = drawActions(alone, 20, stream);
  measure(alone, sample);
  const steps = Math.max(10, Math.round((20 * BLOCK_SECONDS) / measure(alone, sample).processor));
  for (const batch of batches) batch.reset();

  const table: Seconds[][] = batches.map(() => []);
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    const actions = drawActions(alone, steps, stream);
    for (const [i, batch] of batches.entries()) {
      const seconds = measure(batch, actions);
      if (round >= 0) table[i].push(seconds);
    }
  }
  for (const batch of batches) await batch.close();
  return table.map((rows, i) => {
    const ratios = (pick: (row: Seconds, base: Seconds) => number): Ratio =>
      ratioOf(rows.map((row, round) => pick(row, table[0][round])));
    return {
      id,
      workers: batches[i].workers,
      stepsPerSecond: (steps * count) / ratioOf(rows.map(({ wall }) => wall)).median,
      faster: ratios((row, base) => base.wall / row.wall),
      fasterOnFreeCores: ratios((row, base) => base.busiest / row.busiest),
      processorTime: ratios((row, base) => row.processor / base.processor),
    };
  });
}

/** Of the steps under `actions`. */
function measure(batch: VectorEnvironment, actions: readonly Float64Array[]): Seconds {
  const all = process.cpuUsage();
  const own = process.threadCpuUsage();
  const start = performance.now();
  for (const action of actions) batch.step(action);
  const wall = (performance.now() - start) / 1000;
  const main = total(process.threadCpuUsage(own));
  const processor = total(process.cpuUsage(all));
  const worker = batch.workers > 0 ? (processor - main) / batch.workers : 0;
  return { wall, processor, busiest: Math.max(main, worker) };
}

/** In seconds. */
const total = ({ user, system }: { user: number; system: number }): number => (user + system) / 1e6;

function drawActions(
  { actionSpace, count }: VectorEnvironment,
  steps: number,
  stream: RandomStream,
): Float64Array[] {
  const width = actionSpace.kind === "box" ? actionSpace.size : 1;
  const draw = (_: unknown, at: number): number => {
    if (actionSpace.kind === "discrete") return nextInteger(stream, actionSpace.count);
    const { low, high } = actionSpace;
    return low[at % width] + (high[at % width] - low[at % width]) * nextUniform(stream);
  };
  return Array.from({ length: steps }, () => Float64Array.from({ length: count * width }, draw));
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      task: { type: "string", multiple: true },
      count: { type: "string" },
      workers: { type: "string" },
      rounds: { type: "string" },
      json: { type: "string" },
    },
  });
  const result = await benchVectorEnvironments({
    tasks: values.task,
    count: values.count === undefined ? undefined : Number(values.count),
    workers: values.workers?.split(",").map(Number),
    rounds: values.rounds === undefined ? undefined : Number(values.rounds),
  });
  const { count, processors, loadBefore, loadAfter } = result;
  console.log(
    `${count} environments, ${processors} processors; load ${loadBefore} before, ${loadAfter} after`,
  );
  for (const each of result.cases) {
    const { id, workers, stepsPerSecond, faster, fasterOnFreeCores, processorTime } = each;
    console.log(
      `${id.padEnd(16)} ${workers} workers: ${stepsPerSecond.toFixed(0).padStart(8)} steps/s,` +
        ` ${describeRatio(faster)} times as fast, on free cores ${describeRatio(fasterOnFreeCores)};` +
        ` ${describeRatio(processorTime)} times the processor's time`,
    );
  }
  if (values.json) writeFileSync(values.json, `${JSON.stringify(result, null, 2)}\n`);
}
