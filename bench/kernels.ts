/**
 * The kernels against the machine: matrix products as a share of the SIMD multiply-add ceiling measured in the same round,
 * and the memory-bound kernels in ns per element. All cases take turns within a round and medians over rounds are
 * reported, since the machine may be shared. Target: 256 x 256 x 256 at 80 % of the ceiling or more.
 *
 * Run by itself: `node bench/kernels.ts [--json FILE] [--rounds N]`.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type KernelBuild, type Kernels, loadKernels, supportsKernels } from "../src/kernels/index.ts";

/** A matrix product: C[m, n] over k. */
export interface ProductRate {
  name: string;
  gflops: number;
  /** Of the ceiling, the median of the ratios within each round. */
  shareOfCeiling: number;
  microseconds: number;
}

/** An elementwise or copying kernel. */
export interface ElementRate {
  name: string;
  nanosecondsPerElement: number;
  /** Read and written, 10^9 bytes/s. */
  gigabytesPerSecond: number;
}

/** What `benchKernels` measures for one build. */
export interface KernelsBench {
  build: KernelBuild;
  /** Multiply-adds in registers, two operations each. */
  ceilingGflops: number;
  products: ProductRate[];
  elements: ElementRate[];
}

interface Case {
  name: string;
  /** Operations or bytes of one call. */
  work: number;
  elements?: number;
  run: () => void;
  /** Calls in one measurement, set while warming up. */
  calls: number;
  /** Seconds of one call, per round. */
  seconds: number[];
}

/** One measurement is about this long: far above the clock's resolution, below a scheduler's slice. */
const SLICE_SECONDS = 5e-4;
const CEILING_ROUNDS = 9100;
/** The layers of an actor and a critic of HalfCheetah's size: inputs, outputs. */
const LAYERS = [
  [23, 256],
  [256, 256],
  [256, 1],
  [17, 256],
  [256, 12],
] as const;
const BATCHES = [100, 128, 256];

/** Measures both builds in turns, `rounds` times each. */
export async function benchKernels({ rounds = 60 } = {}): Promise<KernelsBench[]> {
  const builds = (["simd", "relaxed-simd"] as const).filter(supportsKernels);
  const all = await Promise.all(builds.map(async (build) => casesOf(await loadKernels({ build }))));
  for (const cases of all) for (const each of cases) await warmUp(each);
  for (let round = 0; round < rounds; round++) {
    for (const cases of all) for (const each of cases) each.seconds.push(measure(each));
  }
  return all.map((cases, index) => summary(builds[index], cases));
}

function casesOf(kernels: Kernels): Case[] {
  const ceiling = makeCase("ceiling", CEILING_ROUNDS * 16 * 4 * 2, () => {
    kernels.multiplyAddCeiling(CEILING_ROUNDS);
  });
  return [ceiling, ...productCases(kernels), ...elementCases(kernels)];
}

function makeCase(name: string, work: number, run: () => void, elements?: number): Case {
  return { name, work, run, elements, calls: 1, seconds: [] };
}

function productCases(kernels: Kernels): Case[] {
  const [a, b, c, extra] = [0, 1, 2, 3].map(() => filled(kernels, 256 * 256));
  const product = (kind: "NN" | "NT" | "TN", m: number, n: number, k: number, epilogue: number): Case => {
    const [lda, ldb] = [kind === "TN" ? m : k, kind === "NT" ? k : n];
    const gemm = `gemm${kind}` as const;
    return makeCase(`${kind} ${m}x${n}x${k}`, 2 * m * n * k, () =>
      kernels[gemm](m, n, k, a, lda, b, ldb, c, n, epilogue, extra),
    );
  };
  const layers = BATCHES.flatMap((batch) =>
    LAYERS.flatMap(([inputs, outputs]) => [
      product("NN", batch, outputs, inputs, outputs === 256 ? 2 : 1),
      product("NT", batch, inputs, outputs, 4),
      product("TN", inputs, outputs, batch, 0),
    ]),
  );
  const cubes = (["NN", "NT", "TN"] as const).map((kind) => product(kind, 256, 256, 256, 0));
  for (const cube of cubes) cube.name += " bare";
  return [...cubes, ...layers];
}

/** Sizes of one soft actor-critic step: 256-256 critics, batches of 256, a replay buffer that leaves the caches. */
function elementCases(kernels: Kernels): Case[] {
  const n = 72_193;
  const [params, grads, m, v] = [0, 1, 2, 3].map(() => filled(kernels, n));
  kernels.f32(v, n).fill(0.01);
  const [batch, width, stored] = [256, 23, 1 << 18];
  const rows = filled(kernels, stored * width);
  const chosen = kernels.allocate(batch);
  kernels.fillIndices(batch, chosen, stored, 1, 2, 3);
  const gathered = kernels.allocate(batch * width);
  const d = 6;
  const [head, noise] = [filled(kernels, 2 * batch * d), filled(kernels, batch * d)];
  const [pre, action, logProb, dHead] = [d, d, 1, 2 * d].map((each) => kernels.allocate(batch * each));
  let counter = 0;
  const vector = (name: "expVector" | "logVector" | "tanhVector" | "softplusVector"): Case =>
    makeCase(name, 8 * 4096, () => kernels[name](4096, params, gathered), 4096);
  return [
    makeCase("adam", 28 * n, () => kernels.adam(n, params, grads, m, v, 1e-9, 0.9, 0.999, 1e-8, 1, 1, 0), n),
    makeCase("polyak", 12 * n, () => kernels.polyak(n, params, grads, 0.005), n),
    makeCase(
      `gatherRows ${batch}x${width}`,
      8 * batch * width,
      () => {
        // New rows each time, as a replay buffer is read.
        kernels.fillIndices(batch, chosen, stored, 1, 2, counter++ * batch);
        kernels.gatherRows(batch, width, rows, width, chosen, gathered, width);
      },
      batch * width,
    ),
    makeCase(
      "columnSums 256x256",
      4 * 65_536,
      () => kernels.columnSums(256, 256, params, 256, gathered),
      65_536,
    ),
    makeCase("fillNormal", 4 * 4096, () => kernels.fillNormal(4096, gathered, 1, 2, counter++), 4096),
    makeCase("fillIndices", 4 * 4096, () => kernels.fillIndices(4096, gathered, 1000, 1, 2, counter++), 4096),
    ...(["expVector", "logVector", "tanhVector", "softplusVector"] as const).map(vector),
    makeCase("sum", 4 * n, () => void kernels.sum(n, params), n),
    makeCase("dot", 8 * n, () => void kernels.dot(n, params, grads), n),
    makeCase(
      `tanhGaussianForward ${batch}x${d}`,
      4 * batch * (5 * d + 1),
      () => kernels.tanhGaussianForward(batch, d, head, noise, -5, 2, pre, action, d, logProb),
      batch * d,
    ),
    makeCase(
      `tanhGaussianBackward ${batch}x${d}`,
      4 * batch * 7 * d,
      () => kernels.tanhGaussianBackward(batch, d, head, noise, -5, 2, pre, 0.2, action, d, dHead),
      batch * d,
    ),
  ];
}

/** `count` numbers in (0, 1), so that logarithms are defined and nothing becomes denormal. */
function filled(kernels: Kernels, count: number): number {
  const pointer = kernels.allocate(count);
  const values = kernels.f32(pointer, count);
  for (let i = 0; i < count; i++) values[i] = (((i * 7919) % 10_007) + 1) / 10_009;
  return pointer;
}

/** Runs until the engine has optimised the kernel, and sizes its measurements. */
async function warmUp(each: Case): Promise<void> {
  for (let attempt = 0; attempt < 5; attempt++) {
    each.calls = 1;
    while (measure(each) * each.calls < SLICE_SECONDS) each.calls *= 2;
    // Optimised code is installed between calls, by another thread.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

function measure({ calls, run }: Case): number {
  const start = performance.now();
  for (let call = 0; call < calls; call++) run();
  return (performance.now() - start) / 1000 / calls;
}

function summary(build: KernelBuild, cases: Case[]): KernelsBench {
  const ceiling = cases[0];
  const ceilingRate = (round: number): number => ceiling.work / ceiling.seconds[round];
  const products = cases.filter(({ name }) => /^(NN|NT|TN) /.test(name));
  const elements = cases.filter((each) => each.elements !== undefined);
  return {
    build,
    ceilingGflops: ceiling.work / median(ceiling.seconds) / 1e9,
    products: products.map(({ name, work, seconds }) => ({
      name,
      gflops: work / median(seconds) / 1e9,
      shareOfCeiling: median(seconds.map((value, round) => work / value / ceilingRate(round))),
      microseconds: median(seconds) * 1e6,
    })),
    elements: elements.map((each) => ({
      name: each.name,
      nanosecondsPerElement: (median(each.seconds) / (each.elements ?? 1)) * 1e9,
      gigabytesPerSecond: each.work / median(each.seconds) / 1e9,
    })),
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

function report({ build, ceilingGflops, products, elements }: KernelsBench): string {
  return [
    `${build}: ceiling ${ceilingGflops.toFixed(1)} GFLOP/s`,
    ...products.map(
      ({ name, gflops, shareOfCeiling, microseconds }) =>
        `  ${name.padEnd(24)} ${gflops.toFixed(1).padStart(6)} GFLOP/s  ${(100 * shareOfCeiling).toFixed(1).padStart(5)} %  ${microseconds.toFixed(1).padStart(8)} us`,
    ),
    ...elements.map(
      ({ name, nanosecondsPerElement, gigabytesPerSecond }) =>
        `  ${name.padEnd(24)} ${nanosecondsPerElement.toFixed(3).padStart(8)} ns/element  ${gigabytesPerSecond.toFixed(1).padStart(6)} GB/s`,
    ),
  ].join("\n");
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { json: { type: "string" }, rounds: { type: "string", default: "60" } },
  });
  const results = await benchKernels({ rounds: Number(values.rounds) });
  for (const result of results) console.log(report(result));
  if (values.json) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
}
