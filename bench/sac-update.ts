/**
 * A whole soft actor-critic update against the machine and against PyTorch. The operations of its matrix products are
 * counted from the shapes (`sacOperations`); what is reported is that count over the time of the whole update, sampling,
 * reward, optimisers and targets included, as a share of the SIMD multiply-add ceiling measured beside it. Ceiling, our
 * builds and PyTorch take turns within a round, and medians over rounds are reported, since the machine may be shared.
 * Targets: with 256 x 256 networks 60 % of the ceiling at batch 256, 50 % at batch 100.
 *
 * Run by itself: `node bench/sac-update.ts [--rounds N] [--hidden 256,256] [--batch 256] [--reward recorded|learned]
 * [--python PYTHON_WITH_TORCH] [--clock wall|cpu] [--json FILE]`. Options that are left out stand for all cases; PyTorch
 * runs where a Python is named here or in the environment variable TANDEM_PYTHON.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import {
  keyFromSeed,
  nextNormal,
  nextUniform,
  streamOf,
  type BoxSpace,
  type Key,
} from "../src/core/index.ts";
import { createRewardModel, learnedReward, type RewardOptions } from "../src/irl/index.ts";
import {
  loadKernels,
  supportsKernels,
  type KernelBuild,
  type KernelExports,
  type Kernels,
} from "../src/kernels/index.ts";
import {
  SAC_DEFAULTS,
  addTransition,
  createReplay,
  createSac,
  emptySacMetrics,
  recordedReward,
  sacUpdate,
  type BatchReward,
  type Replay,
} from "../src/rl/index.ts";
import {
  PYTORCH_SETTINGS,
  describeSetting,
  startPyTorch,
  type ClockName,
  type PyTorch,
  type PyTorchSetting,
} from "./pytorch/client.ts";

/** The sizes that the count depends on. */
export interface SacSizes {
  /** n and d, coordinates. */
  readonly observationSize: number;
  readonly actionSize: number;
  /** Hidden layer widths of actor and critics. */
  readonly hidden: readonly number[];
  readonly batch: number;
  /** m, the hidden units of a two-layer reward of the state-action pair; 0 for a recorded reward. */
  readonly rewardWidth: number;
}

/** Operations, two a multiply-add, of one update's matrix products, by what they are for. */
export interface SacOperations {
  /** y = x W (gemmNN). */
  readonly forward: number;
  /** dL/dW = x^T dL/dy (gemmTN). */
  readonly weightGradients: number;
  /** dL/dx = dL/dy W^T (gemmNT). */
  readonly inputGradients: number;
  /** The hidden layer of the learned reward (gemmNT). */
  readonly reward: number;
  readonly total: number;
}

/**
 * The count. A network with layers of `inputs` x `outputs` costs L = sum(inputs * outputs) multiply-adds a row in each
 * direction, L_a for the actor, L_c for a critic; the gradient with respect to the network's own input leaves out the
 * first layer, L^- = L - first. An update makes
 *
 * | pass                                   | forward | weight gradients | input gradients     |
 * | -------------------------------------- | ------- | ---------------- | ------------------- |
 * | target: policy at s', target critics   | L_a + 2 L_c |              |                     |
 * | critics on (s, a)                      | 2 L_c   | 2 L_c            | 2 L_c^-             |
 * | actor: policy at s, critics on (s, a') | L_a + 2 L_c |              |                     |
 * | dQ/da' of both critics                 |         |                  | 2 (L_c^- + d h_1)   |
 * | the actor's own gradient               |         | L_a              | L_a^-               |
 *
 * where h_1 is the first hidden width: of the critics' first layer only the action's d columns are needed. A learned
 * reward adds (n + d + 1) m. Everything else (biases, activations, Adam, targets, random numbers) is left out: it is
 * bytes rather than operations, and a good update hides it.
 */
export function sacOperations(sizes: SacSizes): SacOperations {
  const { observationSize: n, actionSize: d, hidden, batch, rewardWidth } = sizes;
  const actor = multiplyAdds([n, ...hidden, 2 * d]);
  const critic = multiplyAdds([n + d, ...hidden, 1]);
  const operations = 2 * batch;
  const forward = operations * (2 * actor.all + 6 * critic.all);
  const weightGradients = operations * (actor.all + 2 * critic.all);
  const inputGradients = operations * (actor.aboveFirst + 4 * critic.aboveFirst + 2 * d * hidden[0]);
  const reward = operations * (n + d + 1) * rewardWidth;
  return {
    forward,
    weightGradients,
    inputGradients,
    reward,
    total: forward + weightGradients + inputGradients + reward,
  };
}

function multiplyAdds(layerSizes: readonly number[]): { all: number; aboveFirst: number } {
  const layers = layerSizes.slice(1).map((outputs, i) => layerSizes[i] * outputs);
  const all = layers.reduce((sum, each) => sum + each, 0);
  return { all, aboveFirst: all - layers[0] };
}

/** What is updated on what. */
interface Case {
  readonly hidden: readonly number[];
  readonly batch: number;
  readonly reward: RewardKind;
}

/** One case, measured in one build. */
export interface SacUpdateBench extends Case {
  build: KernelBuild;
  /** Counted operations of an update. */
  operations: number;
  milliseconds: number;
  gflops: number;
  ceilingGflops: number;
  /** Of the ceiling: median of the ratios within a round, and their quartiles. */
  shareOfCeiling: number;
  shareQuartiles: readonly [number, number];
  /** The share aimed at, where there is one. */
  target?: number;
  /** Where the time goes, from a pass apart whose kernels are timed one by one; shares of that pass's update. */
  parts: readonly Part[];
  pytorch: readonly PyTorchComparison[];
}

/** A share of an update's time. */
export interface Part {
  name: string;
  microseconds: number;
  share: number;
  /** Of matrix products only. */
  gflops?: number;
}

/** PyTorch's time over ours: above 1 we are faster. */
export interface PyTorchComparison extends PyTorchSetting {
  milliseconds: number;
  ratio: number;
  ratioQuartiles: readonly [number, number];
}

/** Where a batch's rewards come from: a column kept with the replay, or the two-layer network of the paper. */
export type RewardKind = "recorded" | "learned";

/** Results, the clock they were taken with, and the PyTorch that ran beside them. */
export interface SacUpdateResults {
  clock: ClockName;
  pytorchVersion: string | null;
  cases: SacUpdateBench[];
}

/** What to measure; all cases where left out. */
export interface SacUpdateOptions {
  rounds?: number;
  hidden?: readonly (readonly number[])[];
  batches?: readonly number[];
  rewards?: readonly RewardKind[];
  /** A Python that can import torch. */
  python?: string;
  /**
   * What a second is: by the wall, or of this thread's time on the processor, which leaves out when others had it (for a
   * busy machine; PyTorch on two threads is then not measured).
   */
  clock?: ClockName;
}

/** HalfCheetah's sizes. */
const OBSERVATION_SIZE = 17;
const ACTION_SIZE = 6;
const TRANSITIONS = 100_000;
const REWARD_WIDTH = 1024;
/** Every measurement is about this long, ours, the ceiling's and PyTorch's: what disturbs one then disturbs all. */
const SLICE_SECONDS = 0.03;
const WARM_UP_SECONDS = 0.3;
const WARM_UP_CALLS = 20;

/** Measures all cases, each in both builds and, where `python` is given, in PyTorch. */
export async function benchSacUpdate(options: SacUpdateOptions = {}): Promise<SacUpdateResults> {
  const {
    rounds = 30,
    hidden = [
      [64, 64],
      [256, 256],
    ],
    batches = [100, 128, 256],
    rewards = ["recorded", "learned"],
    python,
    clock = "wall",
  } = options;
  const builds = (["simd", "relaxed-simd"] as const).filter(supportsKernels);
  const machines = await Promise.all(builds.map(makeMachine));
  const pytorch = python ? await startPyTorch(python) : null;
  const bench = { machines, pytorch, clock, rounds };
  const cases: SacUpdateBench[] = [];
  try {
    for (const widths of hidden) {
      for (const batch of batches) {
        for (const reward of rewards) {
          cases.push(...(await benchCase(bench, { hidden: widths, batch, reward })));
        }
      }
    }
  } finally {
    await pytorch?.close();
  }
  return { clock, pytorchVersion: pytorch?.version ?? null, cases };
}

interface Bench {
  readonly machines: readonly Machine[];
  readonly pytorch: PyTorch | null;
  readonly clock: ClockName;
  readonly rounds: number;
}

/** A build with its replay, which all cases draw from. */
interface Machine {
  readonly kernels: Kernels;
  readonly replay: Replay;
}

async function makeMachine(build: KernelBuild): Promise<Machine> {
  const kernels = await loadKernels({ build });
  const replay = createReplay(kernels, {
    observationSize: OBSERVATION_SIZE,
    actionSize: ACTION_SIZE,
    capacity: TRANSITIONS,
    keepTrueRewards: true,
  });
  const stream = streamOf(keyFromSeed(1));
  const normals = (count: number): number[] => Array.from({ length: count }, () => nextNormal(stream));
  for (let i = 0; i < TRANSITIONS; i++) {
    const action = Array.from({ length: ACTION_SIZE }, () => 2 * nextUniform(stream) - 1);
    const terminated = nextUniform(stream) < 0.01;
    const [observation, next] = [normals(OBSERVATION_SIZE), normals(OBSERVATION_SIZE)];
    addTransition(kernels, replay, observation, action, next, terminated, nextNormal(stream));
  }
  return { kernels, replay };
}

/** A function that makes one update with these kernels (which may be observed ones) of a learner of its own. */
export function makeUpdate(
  kernels: Kernels,
  replay: Replay,
  { hidden, batch, reward }: Case,
  rewardWidth = REWARD_WIDTH,
): () => void {
  const { observationSize: n, actionSize: d } = replay;
  const options = { ...SAC_DEFAULTS, hidden, batchSize: batch, discount: 0.99 };
  const sac = createSac(kernels, n, d, options, keyFromSeed(2));
  const batchReward =
    reward === "recorded"
      ? recordedReward(kernels, replay)
      : twoLayerReward(kernels, n, d, rewardWidth, keyFromSeed(3));
  const metrics = emptySacMetrics();
  return () => sacUpdate(kernels, sac, replay, batchReward, metrics);
}

function twoLayerReward(kernels: Kernels, n: number, d: number, width: number, key: Key): BatchReward {
  const actionSpace: BoxSpace = {
    kind: "box",
    size: d,
    low: new Float64Array(d).fill(-1),
    high: new Float64Array(d).fill(1),
  };
  const options: RewardOptions = {
    inputs: "state-action",
    network: { kind: "two-layer", width },
    optimiser: "ascent",
    stepSize: 1,
    stepSizeDecay: 0,
    regulariser: { kind: "none" },
  };
  return learnedReward(kernels, createRewardModel(kernels, n, actionSpace, options, key));
}

/** Times in seconds, one a round. */
interface Times {
  readonly ceiling: number[];
  readonly update: number[];
}

async function benchCase(bench: Bench, which: Case): Promise<SacUpdateBench[]> {
  const subjects: Subject[] = [];
  for (const machine of bench.machines) subjects.push(await makeSubject(machine, bench.clock, which));
  const rivals = await makeRivals(bench, which);
  for (let round = 0; round < bench.rounds; round++) {
    // Unmeasured: PyTorch's idle threads stop spinning meanwhile, and the processor is awake when it counts.
    subjects[0].measureUpdate();
    for (const { measureCeiling, measureUpdate, times } of subjects) {
      times.ceiling.push(measureCeiling());
      times.update.push(measureUpdate());
    }
    for (const { measure, seconds } of rivals) seconds.push(await measure());
  }
  const results: SacUpdateBench[] = [];
  for (const { machine, times } of subjects) {
    const parts = await breakdown(machine, which);
    results.push(summary(machine.kernels.build, which, times, parts, rivals));
  }
  return results;
}

/** One of our builds with a learner. The measurements are in seconds a call. */
interface Subject {
  readonly machine: Machine;
  readonly times: Times;
  readonly measureCeiling: () => number;
  readonly measureUpdate: () => number;
}

async function makeSubject(machine: Machine, clock: ClockName, which: Case): Promise<Subject> {
  const { kernels, replay } = machine;
  return {
    machine,
    times: { ceiling: [], update: [] },
    measureCeiling: await slice(clock, () => void kernels.multiplyAddCeiling(CEILING_ROUNDS)),
    measureUpdate: await slice(clock, makeUpdate(kernels, replay, which)),
  };
}

/** PyTorch in one setting. */
interface Rival {
  readonly setting: PyTorchSetting;
  /** Of an update, one a round. */
  readonly seconds: number[];
  readonly measure: () => Promise<number>;
}

async function makeRivals({ pytorch, clock }: Bench, which: Case): Promise<Rival[]> {
  if (!pytorch) return [];
  const rivals: Rival[] = [];
  for (const setting of PYTORCH_SETTINGS) {
    if (clock === "cpu" && setting.threads > 1) continue;
    const request = { ...which, ...setting, clock };
    const updates = callsInSlice(await pytorch.measure({ ...request, updates: WARM_UP_CALLS }));
    rivals.push({ setting, seconds: [], measure: () => pytorch.measure({ ...request, updates }) });
  }
  return rivals;
}

/** Seconds by each clock. The processor's advances in steps of about a millisecond. */
const CLOCKS: Record<ClockName, () => number> = {
  wall: () => performance.now() / 1000,
  cpu: () => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1e6;
  },
};

/** A measurement of `run`, in seconds a call, over as many calls as fill a slice; warmed up. */
async function slice(clock: ClockName, run: () => void): Promise<() => number> {
  const calls = callsInSlice(await warmUp(run));
  return () => secondsPerCall(CLOCKS[clock], run, calls);
}

const callsInSlice = (seconds: number): number => Math.max(1, Math.round(SLICE_SECONDS / seconds));

function secondsPerCall(now: () => number, run: () => void, calls: number): number {
  const start = now();
  for (let call = 0; call < calls; call++) run();
  return (now() - start) / calls;
}

/** Runs until the engine has had time to optimise; the shortest time seen, in seconds. */
async function warmUp(run: () => void): Promise<number> {
  let fastest = Infinity;
  const end = CLOCKS.wall() + WARM_UP_SECONDS;
  for (let call = 0; call < WARM_UP_CALLS || CLOCKS.wall() < end; call++) {
    fastest = Math.min(fastest, secondsPerCall(CLOCKS.wall, run, 1));
    // Optimised code is installed between calls, by another thread.
    await pause(0);
  }
  return fastest;
}

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A multiple of 13, see `multiplyAddCeiling`: 16 multiply-adds of four numbers a round. */
const CEILING_ROUNDS = 9100;
const CEILING_OPERATIONS = CEILING_ROUNDS * 16 * 4 * 2;

function summary(
  build: KernelBuild,
  which: Case,
  times: Times,
  parts: readonly Part[],
  rivals: readonly Rival[],
): SacUpdateBench {
  const sizes = { ...which, observationSize: OBSERVATION_SIZE, actionSize: ACTION_SIZE };
  const rewardWidth = which.reward === "learned" ? REWARD_WIDTH : 0;
  const operations = sacOperations({ ...sizes, rewardWidth }).total;
  const shares = times.update.map(
    (seconds, round) => operations / seconds / (CEILING_OPERATIONS / times.ceiling[round]),
  );
  return {
    build,
    ...which,
    operations,
    milliseconds: 1000 * quantile(times.update, 0.5),
    gflops: operations / quantile(times.update, 0.5) / 1e9,
    ceilingGflops: CEILING_OPERATIONS / quantile(times.ceiling, 0.5) / 1e9,
    shareOfCeiling: quantile(shares, 0.5),
    shareQuartiles: [quantile(shares, 0.25), quantile(shares, 0.75)],
    target: targetOf(which),
    parts,
    pytorch: rivals.map(({ setting, seconds }) => {
      const ratios = seconds.map((value, round) => value / times.update[round]);
      return {
        ...setting,
        milliseconds: 1000 * quantile(seconds, 0.5),
        ratio: quantile(ratios, 0.5),
        ratioQuartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
      };
    }),
  };
}

function targetOf({ hidden, batch }: Case): number | undefined {
  if (hidden.some((width) => width !== 256)) return undefined;
  return { 100: 0.5, 256: 0.6 }[batch];
}

function quantile(values: readonly number[], fraction: number): number {
  return values.toSorted((a, b) => a - b)[Math.round(fraction * (values.length - 1))];
}

/** What the kernels of an update are for; those not named here are "other kernels". */
const PURPOSES: Partial<Record<KernelName, string>> = {
  columnSums: "bias gradients",
  adam: "Adam",
  polyak: "target averaging",
  fillIndices: "replay",
  gatherRows: "replay",
  copyRows: "replay",
  fillNormal: "policy head",
  tanhGaussianForward: "policy head",
  tanhGaussianBackward: "policy head",
  standardiseRows: "reward",
  signedRowSums: "reward",
};

const BREAKDOWN_UPDATES = 40;

/** A kernel call in its place within the update, or what lies between two. */
interface Step {
  readonly part: string;
  readonly operations: number;
  /** One an update. */
  readonly seconds: number[];
}

/** Time of each part, products by shape: the sum over its calls of the median over updates. */
async function breakdown({ kernels, replay }: Machine, which: Case): Promise<Part[]> {
  const now = CLOCKS.wall;
  const steps: Step[] = [];
  let position = 0;
  let last = 0;
  const record = (part: string, operations: number, seconds: number): void => {
    steps[position] ??= { part, operations, seconds: [] };
    steps[position++].seconds.push(seconds);
  };
  const observed = observeKernels(kernels, (name, args, start, end) => {
    record(OUTSIDE, 0, start - last);
    record(
      productName(name, args) ?? PURPOSES[name] ?? "other kernels",
      operationsOf(name, args),
      end - start,
    );
    last = now();
  });
  const update = makeUpdate(observed, replay, which);
  await warmUp(update);
  steps.length = 0;
  for (let i = 0; i < BREAKDOWN_UPDATES; i++) {
    position = 0;
    last = now();
    update();
    record(OUTSIDE, 0, now() - last);
  }
  return sumOfSteps(steps);
}

const OUTSIDE = "outside kernels";

function sumOfSteps(steps: readonly Step[]): Part[] {
  const sums = new Map<string, { seconds: number; operations: number }>();
  let total = 0;
  for (const { part, operations, seconds } of steps) {
    const sum = sums.get(part) ?? { seconds: 0, operations: 0 };
    const typical = quantile(seconds, 0.5);
    sums.set(part, { seconds: sum.seconds + typical, operations: sum.operations + operations });
    total += typical;
  }
  const parts = [...sums].map(([name, { seconds, operations }]) => ({
    name,
    microseconds: 1e6 * seconds,
    share: seconds / total,
    ...(operations > 0 && { gflops: operations / seconds / 1e9 }),
  }));
  return parts.sort((a, b) => b.share - a.share);
}

type KernelName = keyof KernelExports;

/** Of a matrix product, of which m, n, k are the first arguments; undefined for other kernels. */
function productName(name: KernelName, [m, n, k]: readonly number[]): string | undefined {
  return name.startsWith("gemm") ? `${name} ${m}x${n}x${k}` : undefined;
}

/** Operations of a matrix product; 0 for other kernels, which are not counted. */
export function operationsOf(name: KernelName, [m, n, k]: readonly number[]): number {
  return name.startsWith("gemm") ? 2 * m * n * k : 0;
}

/** The same kernels over the same memory, each call reported: its arguments, when it began and ended, seconds. */
export function observeKernels(
  kernels: Kernels,
  report: (name: KernelName, args: readonly number[], start: number, end: number) => void,
): Kernels {
  const arena = {
    build: kernels.build,
    memory: kernels.memory,
    allocatedBytes: kernels.allocatedBytes,
    allocate: (count: number) => kernels.allocate(count),
    f32: (pointer: number, count: number) => kernels.f32(pointer, count),
    u32: (pointer: number, count: number) => kernels.u32(pointer, count),
  };
  const calls = Object.entries(kernels).filter(([, value]) => typeof value === "function");
  const observed = calls.map(([name, kernel]) => [
    name,
    (...args: number[]): unknown => {
      const start = CLOCKS.wall();
      const result: unknown = kernel(...args);
      report(name as KernelName, args, start, CLOCKS.wall());
      return result;
    },
  ]);
  return { ...Object.fromEntries(observed), ...arena } as Kernels;
}

/** E.g. "61.5 %". */
export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** A few lines of text on one case. */
function describe(result: SacUpdateBench): string {
  const { build, hidden, batch, reward, milliseconds, gflops, ceilingGflops, target } = result;
  const [low, high] = result.shareQuartiles.map(percent);
  const verdict = target === undefined ? "" : `, target ${percent(target)} ${met(result) ? "met" : "MISSED"}`;
  return [
    `${hidden.join("x")} batch ${batch}, ${reward} reward, ${build}: ${milliseconds.toFixed(2)} ms,` +
      ` ${(result.operations / 1e6).toFixed(1)} MFLOP at ${gflops.toFixed(1)} GFLOP/s,` +
      ` ${percent(result.shareOfCeiling)} (${low}..${high}) of ${ceilingGflops.toFixed(1)}${verdict}`,
    ...result.pytorch.map(
      (each) =>
        `  PyTorch ${describeSetting(each)}: ${each.milliseconds.toFixed(2)} ms, ${each.ratio.toFixed(2)} times ours` +
        ` (${each.ratioQuartiles.map((ratio) => ratio.toFixed(2)).join("..")})`,
    ),
    ...result.parts.map(
      ({ name, share, microseconds, gflops: rate }) =>
        `  ${name.padEnd(24)} ${percent(share).padStart(7)} ${microseconds.toFixed(1).padStart(8)} us` +
        (rate === undefined ? "" : ` ${rate.toFixed(1).padStart(6)} GFLOP/s`),
    ),
  ].join("\n");
}

/** Whether a case reached its target; true where it has none. */
export function met({ shareOfCeiling, target }: SacUpdateBench): boolean {
  return target === undefined || shareOfCeiling >= target;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string" },
      hidden: { type: "string", multiple: true },
      batch: { type: "string", multiple: true },
      reward: { type: "string", multiple: true },
      python: { type: "string", default: process.env.TANDEM_PYTHON },
      clock: { type: "string" },
      json: { type: "string" },
    },
  });
  const results = await benchSacUpdate({
    rounds: values.rounds === undefined ? undefined : Number(values.rounds),
    hidden: values.hidden?.map((widths) => widths.split(",").map(Number)),
    batches: values.batch?.map(Number),
    rewards: values.reward as RewardKind[] | undefined,
    python: values.python,
    clock: values.clock as ClockName | undefined,
  });
  if (results.pytorchVersion) console.log(`PyTorch ${results.pytorchVersion}`);
  for (const result of results.cases) console.log(describe(result));
  if (values.json) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
}
