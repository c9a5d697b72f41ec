/**
 * A sampled step of neural soft Q-learning (arXiv:2503.17865, Alg. 1) against the machine, NumPy and PyTorch: action
 * values of s', residual, projected update, running mean of the iterates. `stepWork` counts what a step has to compute
 * and to move; beside each step the same run measures the rate of multiply-adds in registers and of two streaming
 * kernels (`dot` reads, `axpy` reads and writes) over the same number of bytes, and the share of the binding one is
 * reported. Target: 60 % of it. Ours, the ceilings and Python take turns within a round; the machine may be shared, so
 * that each measures a few short slices and gives the shortest.
 *
 * Run by itself: `node bench/neural-soft-q.ts [--rounds N] [--width 256] [--kind one-hot|concatenation|product]
 * [--python PYTHON_WITH_TORCH] [--json FILE]`. Options that are left out stand for all cases; NumPy and PyTorch run
 * where a Python is named here or in the environment variable TANDEM_PYTHON.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { keyFromSeed, nextInteger, nextNormal, streamOf, type RandomStream } from "../src/core/index.ts";
import { loadKernels, type Kernels } from "../src/kernels/index.ts";
import { createSparseTwoLayer, sparseProjections, type SparseTwoLayer } from "../src/nn/index.ts";
import { startTdStep, type PythonLibrary, type TdStepPython } from "./pytorch/td-step-client.ts";

/** One-hot rows of pairs; rows of n - 1 coordinates beside the action; rows of n coordinates that actions do not share. */
export type FeatureKind = "one-hot" | "concatenation" | "product";

/** A step's sizes. */
export interface TdCase {
  readonly kind: FeatureKind;
  /** m. */
  readonly width: number;
  /** d. */
  readonly features: number;
  /** n, the entries of a row; 1 for one-hot rows. */
  readonly entries: number;
  /** A. */
  readonly actions: number;
  /** Whether the mean of the iterates is kept. */
  readonly averaged: boolean;
  /** Whether the ball is so small that the projection is active in every step. */
  readonly projected: boolean;
}

/** What one step has to do. */
export interface StepWork {
  /** Arithmetic on float32 of the units, a multiply-add, addition, multiplication, comparison or maximum being one. */
  readonly operations: number;
  /** Bytes that are only read. */
  readonly read: number;
  /** Bytes of read-modify-write: twice those of the numbers changed, and those that are read to change them. */
  readonly changed: number;
}

/**
 * The count. `change` of a unit is eta delta b / sqrt(m) where it is open: a comparison and a multiplication; a value is a
 * maximum and a multiply-add a unit; weights in the ball are W(0) + c (W - W(0)), two operations where c is not 1.
 *
 * | part                           | operations              | bytes                          |
 * | ------------------------------ | ----------------------- | ------------------------------ |
 * | one-hot, c = 1: move, value    | (2 + 1 + 2 + Z) m       | W, b, Z                        |
 * | one-hot, projected: A values   | 4 A m                   | A times W, W(0); b             |
 * | its own value, move            | (4 + 6 + Z) m           | W, W(0), b; W, W(0), b, Z      |
 * | rows: n' multiply-adds, values | (n' + n + 2 (A + 1)) m  | W n' + n times, b A + 1 times  |
 * | move                           | (2 + (1 + Z) n) m       | signs; n times W, Z, change    |
 *
 * Z is 1 where iterates are averaged, else 0. Action values of one-hot rows are kept and cost nothing until c changes;
 * n' is A n, or n - 1 + A where actions share all coordinates but one. The distance from W(0) needs no arithmetic while
 * the path so far is shorter than the radius; projected, it takes a multiply-add for (W - W(0)) . change and one for
 * ||change||^2.
 */
export function stepWork({ kind, width: m, entries: n, actions, averaged, projected }: TdCase): StepWork {
  const z = averaged ? 1 : 0;
  const moved = 8 + 8 * z;
  if (kind === "one-hot") {
    if (!projected) return { operations: (5 + z) * m, read: 0, changed: (moved + 4) * m };
    return {
      operations: (4 * actions + 4 + 7 + z) * m,
      read: (8 * actions + 4 + 12) * m,
      changed: (moved + 8) * m,
    };
  }
  const products = kind === "concatenation" ? n - 1 + actions : actions * n;
  return {
    operations: (products + n + 2 * (actions + 1) + 2 + (1 + z) * n) * m,
    read: 4 * (products + n + actions + 1) * m,
    changed: (8 + n * (moved + 4)) * m,
  };
}

/** One case, measured. */
export interface TdStepBench extends TdCase {
  readonly work: StepWork;
  stepsPerSecond: number;
  /** Rates measured beside it: 10^9 multiply-adds/s, 10^9 bytes/s reading, and reading and writing. */
  ceilings: { multiplyAdds: number; read: number; changed: number };
  /** The work at the rate of multiply-adds, or the bytes at those of streaming: whichever takes longer. */
  bound: "operations" | "bytes";
  /** Time at the binding ceiling over the time taken: median within a round, and quartiles. */
  shareOfCeiling: number;
  shareQuartiles: readonly [number, number];
  /** Of the steps in which the projection was active. */
  projectedShare: number;
  /** Steps a second of whole loops of LOOP_STEPS steps, with what begins and closes them. */
  loopStepsPerSecond: number;
  python: readonly PythonComparison[];
}

/** Python's time over ours: above 1 we are faster. */
export interface PythonComparison {
  library: PythonLibrary;
  style: PythonStyle;
  stepsPerSecond: number;
  ratio: number;
  ratioQuartiles: readonly [number, number];
}

/** The formulas over whole matrices, or only over the columns of the step, as ours. */
type PythonStyle = "dense" | "columns";

/** Results, and the versions that ran beside them. */
export interface TdStepResults {
  build: string;
  numpyVersion: string | null;
  pytorchVersion: string | null;
  cases: TdStepBench[];
}

/** What to measure; all cases where left out. */
export interface TdStepOptions {
  rounds?: number;
  widths?: readonly number[];
  kinds?: readonly FeatureKind[];
  /** A Python that can import torch and numpy. */
  python?: string;
}

/** The share of the binding ceiling aimed at. */
export const TD_TARGET = 0.6;
/** T of the loops measured whole. */
export const LOOP_STEPS = 100;
const WIDTHS = [64, 256, 1024, 4096, 16_384];
/** Transitions of one call. */
const BATCH = 256;
const DISCOUNT = 0.9;
/** A slice is about this long, far below a scheduler's; every measurement is the shortest of a few of them. */
const SLICE_SECONDS = 4e-4;
const SLICES = 4;
/** Steps of a call: as many as need about so many operations. */
const CALL_OPERATIONS = 1 << 21;
const WARM_UP_SECONDS = 0.03;
const WARM_UP_CALLS = 12;
/** A multiple of 13, see `multiplyAddCeiling`: 16 multiply-adds of four numbers a round. */
const CEILING_ROUNDS = 9100;

/** Step sizes, radii and the scale of rewards that make the projection idle, or active in every step. */
const REGIMES = {
  free: { stepSize: 0.05, radius: 1e6, reward: 0 },
  // Every step wants values far above what the ball holds, so that every step leaves it.
  projected: { stepSize: 1e-4, radius: 0.05, reward: 20 },
} as const;

/** Measures all cases. */
export async function benchTdSteps(options: TdStepOptions = {}): Promise<TdStepResults> {
  const { rounds = 15, widths = WIDTHS, kinds = ["one-hot", "concatenation", "product"], python } = options;
  const rival = python ? await startTdStep(python) : null;
  const cases: TdStepBench[] = [];
  let build = "";
  try {
    for (const which of kinds.flatMap((kind) => casesOf(kind, widths))) {
      // Memory is never given back within an instance: one a case.
      const kernels = await loadKernels();
      build = kernels.build;
      cases.push(await benchCase(kernels, which, rounds, rival));
    }
  } finally {
    await rival?.close();
  }
  const { numpy = null, torch = null } = rival?.versions ?? {};
  return { build, numpyVersion: numpy, pytorchVersion: torch, cases };
}

function casesOf(kind: FeatureKind, widths: readonly number[]): TdCase[] {
  if (kind === "one-hot") {
    return [80, 1024].flatMap((features) =>
      [false, true].flatMap((projected) =>
        [true, false].flatMap((averaged) =>
          widths.map((width) => ({ kind, width, features, entries: 1, actions: 4, averaged, projected })),
        ),
      ),
    );
  }
  return [6, 18, 64].flatMap((entries) =>
    [2, 4].flatMap((actions) => {
      const features = kind === "concatenation" ? entries - 1 + actions : entries * actions;
      const sizes = { kind, features, entries, actions, averaged: true, projected: false };
      return widths.map((width) => ({ ...sizes, width }));
    }),
  );
}

/** A learner and its transitions. */
interface Subject {
  readonly network: SparseTwoLayer;
  /** Steps of one call. */
  readonly batch: number;
  /** `count` steps. */
  readonly steps: (count: number) => void;
}

function makeSubject(kernels: Kernels, which: TdCase): Subject {
  const { width, features, actions, averaged, projected } = which;
  const { stepSize, radius, reward } = REGIMES[projected ? "projected" : "free"];
  const network = createSparseTwoLayer(
    kernels,
    { width, features, radius, actions, averaged },
    keyFromSeed(1),
  );
  const stream = streamOf(keyFromSeed(2));
  const rewards = kernels.allocate(BATCH);
  kernels.f32(rewards, BATCH).set(Array.from({ length: BATCH }, () => reward + nextNormal(stream)));
  const run = which.kind === "one-hot" ? pairSteps(kernels, which, stream) : rowSteps(kernels, which, stream);
  const batch = Math.max(1, Math.min(BATCH, Math.floor(CALL_OPERATIONS / stepWork(which).operations)));
  return { network, batch, steps: (count) => run(network.block, count, rewards, stepSize) };
}

type Steps = (block: number, count: number, rewards: number, stepSize: number) => void;

/** A chain over random states: the pair of a step belongs to the state that the step before led to. */
function pairSteps(kernels: Kernels, { features, actions }: TdCase, stream: RandomStream): Steps {
  const [pairs, next] = [kernels.allocate(BATCH), kernels.allocate(BATCH)];
  const states = Array.from({ length: BATCH + 1 }, () => nextInteger(stream, features / actions));
  kernels.u32(pairs, BATCH).set(states.slice(0, -1).map((s) => s * actions + nextInteger(stream, actions)));
  kernels.u32(next, BATCH).set(states.slice(1).map((s) => s * actions));
  return (block, count, rewards, stepSize) => {
    kernels.sparseTableSteps(block, count, pairs, next, rewards, 0, actions, DISCOUNT, 0, stepSize);
  };
}

/** Rows of norm 1, those of a state's actions sharing their values, and where they are concatenated the first indices. */
function rowSteps(kernels: Kernels, { kind, entries, actions }: TdCase, stream: RandomStream): Steps {
  const row = (action: number): number[] =>
    Array.from({ length: entries }, (_, p) => {
      if (kind === "product") return action * entries + p;
      return p < entries - 1 ? p : entries - 1 + action;
    });
  const state = (): number[] => {
    const x = Array.from({ length: entries }, () => nextNormal(stream));
    const norm = Math.hypot(...x);
    return x.map((each) => each / norm);
  };
  const states = Array.from({ length: BATCH + 1 }, state);
  const every = Array.from({ length: actions }, (_, a) => a);
  const put = (view: "f32" | "u32", values: number[]): number => {
    const pointer = kernels.allocate(values.length);
    kernels[view](pointer, values.length).set(values);
    return pointer;
  };
  const indices = put(
    "u32",
    states.slice(1).flatMap(() => row(nextInteger(stream, actions))),
  );
  const values = put("f32", states.slice(0, -1).flat());
  const nextIndices = put(
    "u32",
    states.slice(1).flatMap(() => every.flatMap(row)),
  );
  const nextValues = put(
    "f32",
    states.slice(1).flatMap((x) => every.flatMap(() => x)),
  );
  const continues = put(
    "f32",
    states.slice(1).map(() => 1),
  );
  return (block, count, rewards, stepSize) => {
    kernels.sparseSteps(
      block,
      count,
      entries,
      indices,
      values,
      nextIndices,
      nextValues,
      rewards,
      continues,
      0,
      actions,
      DISCOUNT,
      0,
      stepSize,
    );
  };
}

/** Seconds, one a round: of a step, of a step within a whole loop, of a multiply-add, of a byte. */
interface Times {
  readonly step: number[];
  readonly loop: number[];
  readonly multiplyAdd: number[];
  readonly read: number[];
  readonly changed: number[];
}

async function benchCase(
  kernels: Kernels,
  which: TdCase,
  rounds: number,
  python: TdStepPython | null,
): Promise<TdStepBench> {
  const subject = makeSubject(kernels, which);
  const { network, batch } = subject;
  const times: Times = { step: [], loop: [], multiplyAdd: [], read: [], changed: [] };
  const measures = await measuresOf(kernels, which, subject);
  const rivals = python ? await makeRivals(python, which) : [];
  let [steps, projections] = [0, 0];
  for (let round = 0; round < rounds; round++) {
    // Unmeasured: the caches hold what the step uses.
    measures.step.measure();
    const before = sparseProjections(kernels, network);
    times.step.push(measures.step.measure() / batch);
    projections += (sparseProjections(kernels, network) - before) >>> 0;
    steps += SLICES * batch * measures.step.calls;
    times.loop.push(measures.loop.measure() / LOOP_STEPS);
    times.multiplyAdd.push(measures.multiplyAdd.measure() / (CEILING_ROUNDS * 16 * 4));
    times.read.push(measures.read.measure());
    times.changed.push(measures.changed.measure());
    for (const rival of rivals) rival.seconds.push(await rival.measure());
  }
  return summary(which, times, rivals, projections / steps);
}

/** Something that is timed, and how often it runs in a slice. */
interface Slice {
  readonly calls: number;
  /** Seconds a call. */
  readonly measure: () => number;
}

async function measuresOf(
  kernels: Kernels,
  which: TdCase,
  { network, batch, steps }: Subject,
): Promise<Record<keyof Times, Slice>> {
  const { block, units } = network;
  const average = which.averaged ? 1 : 0;
  const loop: Bracket = {
    before: () => kernels.sparseBegin(block),
    after: (calls) => kernels.sparseFinish(block, calls * batch, average),
  };
  // As many numbers as the step chooses its columns from, so that they come from the same level of the caches.
  const size = which.features * units;
  const [x, y] = [kernels.allocate(size), kernels.allocate(size)];
  return {
    step: await slice(() => steps(batch), loop),
    loop: await slice(() => {
      kernels.sparseBegin(block);
      steps(LOOP_STEPS);
      kernels.sparseFinish(block, LOOP_STEPS, average);
    }),
    multiplyAdd: await slice(() => void kernels.multiplyAddCeiling(CEILING_ROUNDS)),
    read: perUnit(await slice(() => void kernels.dot(size, network.weights, network.initial)), 8 * size),
    changed: perUnit(await slice(() => kernels.axpy(size, 1e-3, x, y)), 12 * size),
  };
}

const perUnit = (each: Slice, units: number): Slice => ({ ...each, measure: () => each.measure() / units });

/** What a slice of calls lies between, unmeasured. */
interface Bracket {
  readonly before: () => void;
  readonly after: (calls: number) => void;
}

const NOTHING: Bracket = { before: () => {}, after: () => {} };

/** `run` over as many calls as fill a slice; warmed up. */
async function slice(run: () => void, bracket = NOTHING): Promise<Slice> {
  const measure = (calls: number): number => {
    bracket.before();
    const seconds = secondsPerCall(run, calls);
    bracket.after(calls);
    return seconds;
  };
  const calls = callsInSlice(await warmUp(() => measure(1)));
  const shortest = (): number => Math.min(...Array.from({ length: SLICES }, () => measure(calls)));
  return { calls, measure: shortest };
}

const callsInSlice = (seconds: number): number => Math.max(1, Math.round(SLICE_SECONDS / seconds));

function secondsPerCall(run: () => void, calls: number): number {
  const start = performance.now();
  for (let call = 0; call < calls; call++) run();
  return (performance.now() - start) / 1000 / calls;
}

/** Measures until the engine has had time to optimise; the shortest time seen, in seconds. */
async function warmUp(measure: () => number): Promise<number> {
  let fastest = Infinity;
  const end = performance.now() + 1000 * WARM_UP_SECONDS;
  for (let call = 0; call < WARM_UP_CALLS || performance.now() < end; call++) {
    fastest = Math.min(fastest, measure());
    // Optimised code is installed between calls, by another thread.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return fastest;
}

/** Python in one setting. */
interface Rival {
  readonly library: PythonLibrary;
  readonly style: PythonStyle;
  /** Of a step, one a round. */
  readonly seconds: number[];
  readonly measure: () => Promise<number>;
}

async function makeRivals(python: TdStepPython, which: TdCase): Promise<Rival[]> {
  await python.forget();
  const rivals: Rival[] = [];
  for (const library of ["numpy", "torch"] as const) {
    for (const style of ["dense", "columns"] as const) {
      const request = { ...which, library, style, ...REGIMES[which.projected ? "projected" : "free"] };
      const steps = callsInSlice(await python.measure({ ...request, steps: 1, slices: SLICES }));
      const timed = { ...request, steps, slices: SLICES };
      rivals.push({ library, style, seconds: [], measure: () => python.measure(timed) });
    }
  }
  return rivals;
}

function summary(which: TdCase, times: Times, rivals: readonly Rival[], projectedShare: number): TdStepBench {
  const work = stepWork(which);
  const floors = times.step.map((_, round) => ({
    operations: work.operations * times.multiplyAdd[round],
    bytes: work.read * times.read[round] + work.changed * times.changed[round],
  }));
  const shares = floors.map(
    ({ operations, bytes }, round) => Math.max(operations, bytes) / times.step[round],
  );
  const ofBytes = quantile(
    floors.map(({ operations, bytes }) => bytes / operations),
    0.5,
  );
  const rate = (seconds: readonly number[]): number => 1 / quantile(seconds, 0.5);
  return {
    ...which,
    work,
    stepsPerSecond: rate(times.step),
    ceilings: {
      multiplyAdds: rate(times.multiplyAdd) / 1e9,
      read: rate(times.read) / 1e9,
      changed: rate(times.changed) / 1e9,
    },
    bound: ofBytes > 1 ? "bytes" : "operations",
    shareOfCeiling: quantile(shares, 0.5),
    shareQuartiles: [quantile(shares, 0.25), quantile(shares, 0.75)],
    projectedShare,
    loopStepsPerSecond: rate(times.loop),
    python: rivals.map(({ library, style, seconds }) => {
      const ratios = seconds.map((value, round) => value / times.step[round]);
      return {
        library,
        style,
        stepsPerSecond: rate(seconds),
        ratio: quantile(ratios, 0.5),
        ratioQuartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
      };
    }),
  };
}

function quantile(values: readonly number[], fraction: number): number {
  return values.toSorted((a, b) => a - b)[Math.round(fraction * (values.length - 1))];
}

/** One line on one case. */
function describe(each: TdStepBench): string {
  const { kind, width, features, entries, actions, averaged, projected, work, ceilings } = each;
  const share = (100 * each.shareOfCeiling).toFixed(0);
  return [
    `${kind} d ${features} n ${entries} A ${actions} m ${width}`.padEnd(40),
    `${averaged ? "mean" : "last"} ${projected ? `projected ${each.projectedShare.toFixed(2)}` : "free"}`.padEnd(
      20,
    ),
    `${(1e9 / each.stepsPerSecond).toFixed(0).padStart(8)} ns  in loops ${(1e9 / each.loopStepsPerSecond).toFixed(0).padStart(8)}`,
    `  ${share.padStart(3)} % of ${each.bound}`,
    `  ${work.operations} op, ${work.read}+${work.changed} B; ${ceilings.multiplyAdds.toFixed(1)} G/s ${ceilings.read.toFixed(0)} ${ceilings.changed.toFixed(0)} GB/s`,
    ...each.python.map(({ library, style, ratio }) => `  ${library} ${style} ${ratio.toFixed(1)}x`),
  ].join("");
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string" },
      width: { type: "string", multiple: true },
      kind: { type: "string", multiple: true },
      python: { type: "string", default: process.env.TANDEM_PYTHON },
      json: { type: "string" },
    },
  });
  const results = await benchTdSteps({
    rounds: values.rounds === undefined ? undefined : Number(values.rounds),
    widths: values.width?.map(Number),
    kinds: values.kind as FeatureKind[] | undefined,
    python: values.python,
  });
  for (const each of results.cases) console.log(describe(each));
  if (values.json) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
}
