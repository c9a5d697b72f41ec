/**
 * The benchmarks of computing: kernels and the SAC update. Prints what it finds and writes it to bench/results: latest.json with
 * every number, README.md with tables.
 *
 *     npm run bench -- [--quick] [--only kernels|sac] [--python PYTHON_WITH_TORCH] [--clock wall|cpu]
 *
 * `--quick` measures few rounds, enough to see whether everything runs. With `--only` the other parts keep the numbers
 * of the run before, if it was made on the same machine.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { format, resolveConfig } from "prettier";
import { loadKernels } from "../src/kernels/index.ts";
import { benchKernels, type KernelsBench } from "./kernels.ts";
import { describeSetting, type ClockName } from "./pytorch/client.ts";
import { benchSacUpdate, met, percent, type SacUpdateBench, type SacUpdateResults } from "./sac-update.ts";

/** What latest.json holds. */
interface Results {
  machine: Machine;
  /** What made each part. */
  commands: Partial<Record<PartName, string>>;
  kernels?: KernelsBench[];
  sac?: SacUpdateResults;
}

interface Machine {
  processor: string;
  processors: number;
  node: string;
  v8: string;
  /** The build that `loadKernels` chooses. */
  kernelBuild: string;
}

const PARTS = ["kernels", "sac"] as const;
type PartName = (typeof PARTS)[number];

const PRODUCT_TARGET = 0.8;
const FOLDER = new URL("results/", import.meta.url);

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    python: { type: "string", default: process.env.TANDEM_PYTHON },
    clock: { type: "string", default: "wall" },
  },
});

async function main(): Promise<void> {
  const chosen = PARTS.filter((part) => values.only === undefined || values.only === part);
  if (chosen.length === 0) throw new Error(`bench: --only takes ${PARTS.join(", ")}, got ${values.only}`);
  const results = await startingPoint();
  for (const part of chosen) {
    console.log(`measuring ${part} ...`);
    await measure(part, results);
    results.commands[part] = command(part);
  }
  const page = report(results);
  await writeFormatted("latest.json", JSON.stringify(results));
  await writeFormatted("README.md", page);
  console.log(page);
}

async function measure(part: PartName, results: Results): Promise<void> {
  const { quick, python } = values;
  const clock = values.clock as ClockName;
  if (part === "kernels") results.kernels = await benchKernels({ rounds: quick ? 5 : 60 });
  if (part === "sac") results.sac = await benchSacUpdate({ rounds: quick ? 3 : 30, python, clock });
}

/** The results of the run before, where only a part is measured anew on the same machine. */
async function startingPoint(): Promise<Results> {
  const machine = await describeMachine();
  const empty: Results = { machine, commands: {} };
  if (values.only === undefined) return empty;
  const before = readBefore();
  return before && JSON.stringify(before.machine) === JSON.stringify(machine) ? before : empty;
}

function readBefore(): Results | null {
  try {
    return JSON.parse(readFileSync(new URL("latest.json", FOLDER), "utf8")) as Results;
  } catch {
    return null;
  }
}

async function describeMachine(): Promise<Machine> {
  return {
    processor: cpus()[0].model.trim(),
    processors: cpus().length,
    node: process.versions.node,
    v8: process.versions.v8,
    kernelBuild: (await loadKernels()).build,
  };
}

/** What makes a part anew as it was made; the place of Python is left out, it says nothing elsewhere. */
function command(part: PartName): string {
  const { quick, python, clock } = values;
  const flags = [
    ...(quick ? ["--quick"] : []),
    ...(part === "sac" && python ? ["--python PYTHON"] : []),
    ...(part === "sac" && clock !== "wall" ? [`--clock ${clock}`] : []),
  ];
  return ["npm run bench -- --only", part, ...flags].join(" ");
}

async function writeFormatted(name: string, text: string): Promise<void> {
  const file = fileURLToPath(new URL(name, FOLDER));
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(file, await format(text, { ...(await resolveConfig(file)), filepath: file }));
}

function report({ machine, commands, kernels, sac }: Results): string {
  const { processor, processors, node, v8, kernelBuild } = machine;
  const torch = sac?.pytorchVersion ? `PyTorch ${sac.pytorchVersion} (CPU)` : "PyTorch not measured";
  return [
    "# Benchmark results",
    "Written by `npm run bench`; every number is in `latest.json`. How to read them: [bench/README.md](../README.md).",
    `${processor}, ${processors} processors; Node ${node} (V8 ${v8}); kernels: ${kernelBuild} by default; ${torch}.`,
    ...(kernels ? kernelsReport(kernels, commands.kernels) : []),
    ...(sac ? sacReport(sac, commands.sac) : []),
  ].join("\n\n");
}

function kernelsReport(builds: readonly KernelsBench[], madeBy = ""): string[] {
  const products = builds[0].products.map(({ name }, i) => [
    name,
    ...builds.map(
      ({ products }) => `${products[i].gflops.toFixed(1)} (${percent(products[i].shareOfCeiling)})`,
    ),
    name.endsWith("bare")
      ? verdict(
          PRODUCT_TARGET,
          builds.every(({ products }) => products[i].shareOfCeiling >= PRODUCT_TARGET),
        )
      : "",
  ]);
  const elements = builds[0].elements.map(({ name }, i) => [
    name,
    ...builds.map(({ elements }) => elements[i].nanosecondsPerElement.toFixed(3)),
  ]);
  return [
    "## Kernels",
    `\`${madeBy}\``,
    `Matrix products C[m, n] over k (name: m x n x k), GFLOP/s and share of the multiply-add ceiling of the build: ${builds
      .map(({ build, ceilingGflops }) => `${build} ${ceilingGflops.toFixed(1)} GFLOP/s`)
      .join(", ")}.`,
    table(["product", ...builds.map(({ build }) => build), "target"], products),
    "The other kernels, nanoseconds an element.",
    table(["kernel", ...builds.map(({ build }) => build)], elements),
  ];
}

function sacReport({ cases, clock }: SacUpdateResults, madeBy = ""): string[] {
  const rivals = cases[0].pytorch;
  const names = ["networks", "batch", "reward", "build"];
  const rates = cases.map((each) => [
    ...caseColumns(each),
    (each.operations / 1e6).toFixed(1),
    each.milliseconds.toFixed(3),
    each.gflops.toFixed(1),
    each.ceilingGflops.toFixed(1),
    `${percent(each.shareOfCeiling)} (${each.shareQuartiles.map(percent).join("..")})`,
    each.target === undefined ? "" : verdict(each.target, met(each)),
  ]);
  const comparisons = cases.map((each) => [
    ...caseColumns(each),
    each.milliseconds.toFixed(2),
    ...each.pytorch.map(({ milliseconds, ratio }) => `${milliseconds.toFixed(2)} (${ratio.toFixed(2)}x)`),
  ]);
  return [
    "## SAC update",
    `\`${madeBy}\`${clock === "cpu" ? "; seconds of processor time of the measuring thread" : ""}`,
    "One whole update, the operations of its matrix products over its time.",
    table([...names, "MFLOP", "ms", "GFLOP/s", "ceiling", "share (quartiles)", "target"], rates),
    ...(rivals.length > 0
      ? [
          "The same update in PyTorch, measured in turns with ours: milliseconds, and how many times ours that is.",
          table([...names, "ours, 1 thread", ...rivals.map(describeSetting)], comparisons),
        ]
      : []),
    "Where the time goes, 256x256 networks with the recorded reward: share of the update, microseconds.",
    ...breakdownTable(cases),
  ];
}

const caseColumns = ({ hidden, batch, reward, build }: SacUpdateBench): string[] => [
  hidden.join("x"),
  String(batch),
  reward,
  build,
];

function breakdownTable(cases: readonly SacUpdateBench[]): string[] {
  const shown = cases.filter(
    ({ hidden, reward, batch, build }) =>
      hidden.join() === "256,256" && reward === "recorded" && batch !== 128 && build === cases.at(-1)!.build,
  );
  if (shown.length === 0) return [];
  // Shapes hold the batch: products are brought together by kernel.
  const sums = shown.map(({ parts }) => {
    const sum = new Map<string, { share: number; microseconds: number }>();
    for (const { name, share, microseconds } of parts) {
      const key = name.split(" ")[0].startsWith("gemm") ? name.split(" ")[0] : name;
      const entry = sum.get(key) ?? { share: 0, microseconds: 0 };
      sum.set(key, { share: entry.share + share, microseconds: entry.microseconds + microseconds });
    }
    return sum;
  });
  const rows = [...sums[0].keys()].map((name) => [
    name,
    ...sums.map((sum) => {
      const { share, microseconds } = sum.get(name) ?? { share: 0, microseconds: 0 };
      return `${percent(share)} (${microseconds.toFixed(0)})`;
    }),
  ]);
  return [table(["part", ...shown.map(({ batch, build }) => `batch ${batch}, ${build}`)], rows)];
}

const verdict = (target: number, reached: boolean): string =>
  `at least ${(100 * target).toFixed(0)} %: ${reached ? "met" : "missed"}`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

await main();
