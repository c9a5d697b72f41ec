/**
 * The price of an environment, over all MuJoCo tasks: `step` against the bare `mj_step` calls that it is made of (and
 * `mj_rnePostConstraint` where the task reads contact forces), without observation, reward or checks; and against
 * Gymnasium's, if a Python that has it is given. Ours and the bare calls go through the same episodes, bit by bit; all take
 * turns, and medians over rounds of the ratio of their times are reported. Target: at most 1.1 times the bare calls.
 *
 * Run by itself: `node bench/simulation.ts [--task ID]... [--rounds N] [--python PYTHON_WITH_GYMNASIUM]
 * [--clock wall|cpu] [--json FILE]`. Episodes begin anew where they end, and their resets count.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { keyFromSeed, nextUniform, type RandomStream, streamOf } from "../src/core/index.ts";
import { type Environment, makeEnvironment } from "../src/envs/index.ts";
import { toMjcf } from "../src/envs/mujoco/model.ts";
import { loadMujoco, type Simulation } from "../src/envs/mujoco/simulation.ts";
import { type ClockName, type Script, startScript } from "./pytorch/client.ts";

/** What `benchSimulation` measures. */
export interface SimulationBench {
  clock: ClockName;
  /** Versions of the Gymnasium and the MuJoCo that ran beside ours. */
  gymnasium: string | null;
  tasks: TaskBench[];
}

/** One task. */
export interface TaskBench {
  id: string;
  /** What one step is made of. */
  calls: BareCalls;
  /** Environment steps a second, median over rounds: ours, and the bare calls'. */
  stepsPerSecond: number;
  bareStepsPerSecond: number;
  /** Our time / the bare calls'. */
  cost: Ratio;
  /** Heap bytes that a step allocates, and that its bare calls do. */
  bytesPerStep: number;
  bareBytesPerStep: number;
  /** Gymnasium's steps a second, and its time / ours. */
  gymnasium: { stepsPerSecond: number; timesOurs: Ratio } | null;
}

/** The median over rounds, with the first and third quartile. */
export interface Ratio {
  median: number;
  quartiles: [number, number];
}

/** The calls of MuJoCo in one environment step. */
interface BareCalls {
  mj_step: number;
  mj_rnePostConstraint: number;
}

/** Those of the newest version, the cheap ones last. */
export const SIMULATED_TASKS = [
  "HalfCheetah-v5",
  "Hopper-v5",
  "Walker2d-v5",
  "Ant-v5",
  "Humanoid-v5",
  "Swimmer-v5",
  "Pusher-v5",
  "Reacher-v5",
  "InvertedPendulum-v5",
  "InvertedDoublePendulum-v5",
];

const BLOCK_SECONDS = 0.06;
const WARM_UP_ROUNDS = 3;
const HEAP_STEPS = 1000;

interface SimulationOptions {
  tasks?: readonly string[];
  rounds?: number;
  python?: string;
  clock?: ClockName;
}

/** Measure every task, one after another. */
export async function benchSimulation({
  tasks = SIMULATED_TASKS,
  rounds = 30,
  python,
  clock = "wall",
}: SimulationOptions = {}): Promise<SimulationBench> {
  const gymnasium = python ? await startScript(python, "../gymnasium/steps.py") : null;
  const results: TaskBench[] = [];
  for (const id of tasks) results.push(await benchTask(id, rounds, clock, gymnasium));
  await gymnasium?.close();
  const versions = gymnasium?.greeting;
  return {
    clock,
    gymnasium: versions ? `Gymnasium ${String(versions.gymnasium)}, MuJoCo ${String(versions.mujoco)}` : null,
    tasks: results,
  };
}

async function benchTask(
  id: string,
  rounds: number,
  clock: ClockName,
  gymnasium: Script | null,
): Promise<TaskBench> {
  const env = await makeEnvironment(id);
  const bare = await makeBare(env);
  const stream = streamOf(keyFromSeed(1));
  const seconds = (work: () => void): number => secondsOf(clock, work);

  const sample = drawActions(env, 300, stream);
  runEpisodes(env, sample, 0);
  const steps = Math.max(20, Math.round((300 * BLOCK_SECONDS) / seconds(() => runEpisodes(env, sample, 0))));
  const rows: { ours: number; bare: number; gymnasium: number }[] = [];
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    const actions = drawActions(env, steps, stream);
    const firstSeed = (round + WARM_UP_ROUNDS) * steps;
    const starts = recordStarts(env, actions, firstSeed);
    const runBare = (): number => seconds(() => bare.run(actions, starts));
    const before = round % 2 === 0 ? runBare() : null;
    const ours = seconds(() => runEpisodes(env, actions, firstSeed));
    const row = { ours, bare: before ?? runBare(), gymnasium: NaN };
    bare.requireSameState();
    if (gymnasium) row.gymnasium = Number((await gymnasium.ask({ id, steps, clock })).seconds);
    if (round >= 0) rows.push(row);
  }
  const heap = measureHeap(env, bare, drawActions(env, HEAP_STEPS, stream));
  env.close();
  bare.close();
  const rate = (times: readonly number[]): number => steps / quantile(times, 0.5);
  return {
    id,
    calls: bare.calls,
    stepsPerSecond: rate(rows.map((row) => row.ours)),
    bareStepsPerSecond: rate(rows.map((row) => row.bare)),
    cost: ratioOf(rows.map((row) => row.ours / row.bare)),
    ...heap,
    gymnasium: gymnasium && {
      stepsPerSecond: rate(rows.map((row) => row.gymnasium)),
      timesOurs: ratioOf(rows.map((row) => row.gymnasium / row.ours)),
    },
  };
}

/** MuJoCo alone. */
interface Bare {
  readonly calls: BareCalls;
  /** The steps under `actions`, put into `starts[t]` before step t where there is one. */
  run(actions: readonly Float64Array[], starts: readonly (Start | undefined)[]): void;
  /** Refuse to go on unless the last run ended where the environment is. */
  requireSameState(): void;
  close(): void;
}

/** Positions and velocities at the beginning of an episode. */
type Start = Record<"qpos" | "qvel", ArrayLike<number>>;

/** The simulator of `env`, without `env`. */
async function makeBare(env: Environment): Promise<Bare> {
  const mujoco = await loadMujoco();
  const { simulation } = env as unknown as { simulation: Simulation }; // protected
  const xml = toMjcf(simulation.model, env.options?.contactMargins === "larger" ? "larger" : "summed");
  const model = mujoco.MjModel.from_xml_string(xml);
  const data = new mujoco.MjData(model);
  env.reset({ seed: 0 });
  const readsForces = "cfrc_ext" in env.getState();
  const frameSkip = Number(env.options?.frameSkip);
  return {
    calls: { mj_step: frameSkip, mj_rnePostConstraint: readsForces ? 1 : 0 },
    run(actions, starts) {
      const ctrl: Float64Array = data.ctrl;
      for (let t = 0; t < actions.length; t++) {
        const start = starts[t];
        if (start) {
          mujoco.mj_resetData(model, data);
          data.qpos.set(start.qpos);
          data.qvel.set(start.qvel);
          mujoco.mj_forward(model, data);
        }
        ctrl.set(actions[t]);
        for (let i = 0; i < frameSkip; i++) mujoco.mj_step(model, data);
        if (readsForces) mujoco.mj_rnePostConstraint(model, data);
      }
    },
    requireSameState() {
      const [here, there] = [Array.from<number>(data.qpos), Array.from(env.getState().qpos)];
      if (here.join() === there.join()) return;
      throw new Error(`benchSimulation: ${env.id} and its bare steps went different ways`);
    },
    close() {
      data.delete();
      model.delete();
    },
  };
}

/** Episodes under `actions`, with seeds from `firstSeed` on. */
function runEpisodes(env: Environment, actions: readonly Float64Array[], firstSeed: number): void {
  let seed = firstSeed;
  env.reset({ seed: seed++ });
  for (let t = 0; t < actions.length; t++) {
    const { terminated, truncated } = env.step(actions[t]);
    if ((terminated || truncated) && t + 1 < actions.length) env.reset({ seed: seed++ });
  }
}

/** Where the episodes of `runEpisodes` begin: [steps], undefined where none does. */
function recordStarts(
  env: Environment,
  actions: readonly Float64Array[],
  firstSeed: number,
): (Start | undefined)[] {
  let seed = firstSeed;
  const begin = (): Start => {
    env.reset({ seed: seed++ });
    const { qpos, qvel } = env.getState();
    return { qpos, qvel };
  };
  let next: Start | undefined = begin();
  return actions.map((action) => {
    const start = next;
    const { terminated, truncated } = env.step(action);
    next = terminated || truncated ? begin() : undefined;
    return start;
  });
}

function drawActions({ actionSpace }: Environment, count: number, stream: RandomStream): Float64Array[] {
  if (actionSpace.kind !== "box") throw new Error("benchSimulation: MuJoCo's tasks have continuous actions");
  const { low, high } = actionSpace;
  return Array.from({ length: count }, () =>
    low.map((least, i) => least + (high[i] - least) * nextUniform(stream)),
  );
}

function secondsOf(clock: ClockName, work: () => void): number {
  const start = CLOCKS[clock]();
  work();
  return CLOCKS[clock]() - start;
}

/** Seconds by each clock. */
const CLOCKS: Record<ClockName, () => number> = {
  wall: () => performance.now() / 1000,
  cpu: () => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1e6;
  },
};

/** Past the ends of episodes, whose resets do allocate. */
function measureHeap(
  env: Environment,
  bare: Bare,
  actions: readonly Float64Array[],
): Pick<TaskBench, "bytesPerStep" | "bareBytesPerStep"> {
  env.reset({ seed: 0 });
  const starts = [env.getState() as Start];
  const ours = bytesOf(() => {
    env.reset({ seed: 0 });
    for (let t = 0; t < actions.length; t++) env.step(actions[t]);
  });
  return {
    bytesPerStep: ours / actions.length,
    bareBytesPerStep: bytesOf(() => bare.run(actions, starts)) / actions.length,
  };
}

/** Growth of the heap over `work`, the median of nine, of which those into which a garbage collection fell do not count. */
function bytesOf(work: () => void): number {
  const growths = Array.from({ length: 9 }, () => {
    const before = process.memoryUsage().heapUsed;
    work();
    return process.memoryUsage().heapUsed - before;
  });
  return quantile(
    growths.filter((growth) => growth >= 0),
    0.5,
  );
}

/** The median of `ratios`, one a round, and their quartiles. */
export function ratioOf(ratios: readonly number[]): Ratio {
  return {
    median: quantile(ratios, 0.5),
    quartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
  };
}

/** E.g. `1.03 (1.02..1.05)`. */
export function describeRatio({ median, quartiles }: Ratio): string {
  return `${median.toFixed(2)} (${quartiles.map((value) => value.toFixed(2)).join("..")})`;
}

function quantile(values: readonly number[], fraction: number): number {
  return values.toSorted((a, b) => a - b)[Math.round(fraction * (values.length - 1))];
}

/** The head and the rows of a table. */
export function tabulate({ gymnasium, tasks }: SimulationBench): string[][] {
  const rows = tasks.map((task) => [
    task.id,
    `${task.calls.mj_step}${task.calls.mj_rnePostConstraint > 0 ? " + forces" : ""}`,
    task.stepsPerSecond.toFixed(0),
    describeRatio(task.cost),
    `${task.bytesPerStep.toFixed(0)} / ${task.bareBytesPerStep.toFixed(0)}`,
    ...(task.gymnasium
      ? [task.gymnasium.stepsPerSecond.toFixed(0), describeRatio(task.gymnasium.timesOurs)]
      : []),
  ]);
  const head = ["task", "mj_step in a step", "steps/s", "time / bare calls", "heap bytes a step / bare"];
  return [gymnasium ? [...head, "Gymnasium: steps/s", "its time / ours"] : head, ...rows];
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      task: { type: "string", multiple: true },
      rounds: { type: "string" },
      python: { type: "string" },
      clock: { type: "string" },
      json: { type: "string" },
    },
  });
  const result = await benchSimulation({
    tasks: values.task,
    rounds: values.rounds === undefined ? undefined : Number(values.rounds),
    python: values.python,
    clock: values.clock as ClockName | undefined,
  });
  if (result.gymnasium) console.log(result.gymnasium);
  for (const row of tabulate(result)) console.log(row.map((cell) => cell.padEnd(26)).join(""));
  if (values.json)
    writeFileSync(
      values.json,
      `${JSON.stringify(result, null, 2)}
`,
    );
}
