/** Sound files to damage: made by our own writers, by other programs (goldens), and by third parties where they are here. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SUITES } from "../../src/bench/suites.ts";
import type { Trajectories } from "../../src/core/index.ts";
import { createDemonstrationSink, writeNpy, writeNpz, type WrittenFormat } from "../../src/demos/index.ts";
import { encodeSafetensors } from "../../src/runs/safetensors.ts";
import { countingEpisodes, floats, golden } from "../demos/recordings.ts";
import { DISCRETE, tinyContent, WEIGHTS } from "../policies/tiny-policy.ts";

/** Bytes of files by their path in the folder in which they are read. */
export type Files = Readonly<Record<string, Uint8Array>>;

/** Something that is read, undamaged. */
export interface Seed {
  readonly name: string;
  readonly files: Files;
}

/** Third parties' files, which are not part of the repository. */
const REAL = fileURLToPath(new URL("../../../shared/real", import.meta.url));

/** Where they lie; null where they are not. */
export const realFolder = existsSync(REAL) ? REAL : null;

/** The files under a name. */
export const seed = (name: string, files: Files): Seed => ({ name, files });
const bytesOf = (path: string): Uint8Array => new Uint8Array(readFileSync(path));
/** Text as UTF-8. */
export const encoded = (text: string): Uint8Array => new TextEncoder().encode(text);
/** A JSON file. */
export const jsonBytes = (value: unknown): Uint8Array => encoded(JSON.stringify(value));
const goldenSeed = (file: string, name: string): Seed => seed(name, { [file]: bytesOf(golden(name)) });

/** The files below a folder. */
function filesIn(folder: string): Files {
  const names = readdirSync(folder, { recursive: true }) as string[];
  const files = names.filter((name) => statSync(join(folder, name)).isFile()).sort();
  return Object.fromEntries(files.map((name) => [name, bytesOf(join(folder, name))]));
}

/** What a folder holds after `write`. */
export async function written(write: (folder: string) => unknown): Promise<Files> {
  const folder = mkdtempSync(join(tmpdir(), "tandem-fuzz-seed-"));
  try {
    await write(folder);
    return filesIn(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const METADATA = { env: "Counting-v0", note: "made to be damaged", nested: { list: [1, 2] } };

/** Small sets: of two episodes; without rewards; whose flags do not tell where episodes end. */
function sets(): [string, Trajectories][] {
  const plain = countingEpisodes([4, 3]);
  const unmarked = { ...plain, terminated: new Uint8Array(7), truncated: new Uint8Array(7) };
  return [
    ["two episodes", plain],
    ["without rewards", { ...plain, rewards: null }],
    ["without end marks", unmarked],
  ];
}

async function ours(file: string, format: WrittenFormat): Promise<Seed[]> {
  const seeds: Seed[] = [];
  for (const [name, trajectories] of sets()) {
    const files = await written(async (folder) => {
      const sink = await createDemonstrationSink(join(folder, file), format, METADATA);
      await sink.append(trajectories);
      await sink.finish();
    });
    seeds.push(seed(name, files));
  }
  return seeds;
}

/** Archives. */
export async function npzSeeds(): Promise<Seed[]> {
  const goldens = ["imitation-trajectories", "imitation-transitions", "stable-baselines", "plain"];
  const lengths = { dtype: "i4", shape: [2], data: Int32Array.of(2, 1) } as const;
  const arrays = { observations: floats([3, 2], [0, 1, 2, 3, 4, 5]), actions: floats([3, 1], [0, 1, 2]) };
  const stored = writeNpz({ ...arrays, episode_lengths: lengths, "metadata.json": jsonBytes(METADATA) });
  return [
    ...(await ours("set.npz", "npz")),
    seed("lengths", { "set.npz": stored }),
    ...goldens.map((name) => goldenSeed("set.npz", `${name}.npz`)),
  ];
}

const flags = (data: Uint8Array): Uint8Array => writeNpy({ dtype: "b1", shape: [7], data });

/** Folders of arrays. */
export async function npySeeds(): Promise<Seed[]> {
  const { observations, actions, nextObservations, terminated, truncated } = countingEpisodes([4, 3]);
  const files = {
    "observations.npy": writeNpy(floats([7, 2], observations)),
    "actions.npy": writeNpy({ dtype: "f8", shape: [7, 1], data: Float64Array.from(actions) }),
    "next_observations.npy": writeNpy({ dtype: "f2", shape: [7, 2], data: nextObservations }),
    "dones.npy": flags(terminated),
    "timeouts.npy": flags(truncated),
    "metadata.json": jsonBytes(METADATA),
  };
  const folder = realFolder && join(realFolder, "demos", "mountaincar-v0__sb3zoo-dqn");
  return [seed("plain", files), ...(folder ? [seed("MountainCar-v0 of rl-zoo3", filesIn(folder))] : [])];
}

/** D4RL's and Minari's. */
export async function hdf5Seeds(): Promise<Seed[]> {
  const file = "set.hdf5";
  const goldens = ["d4rl-v1.hdf5", "minari-0.4.hdf5", "precision.hdf5"];
  const hopper = ["main_data.hdf5", "metadata.json"].map((name): [string, Uint8Array] => [
    `data/${name}`,
    bytesOf(golden(`hdf5/hopper-v0/data/${name}`)),
  ]);
  const [plain] = await ours("set", "minari");
  const minari = Object.entries(plain.files).map(([name, bytes]) => [name.replace(/^set\//, ""), bytes]);
  return [
    ...(await ours(file, "d4rl")),
    seed("Minari", Object.fromEntries(minari)),
    ...goldens.map((name) => goldenSeed(file, `hdf5/${name}`)),
    seed("Minari, hopper-v0", Object.fromEntries(hopper)),
  ];
}

/** Of pyarrow: Tandem writes none. */
export async function parquetSeeds(): Promise<Seed[]> {
  const kinds = ["", "-plain", "-pages-2", "-none", "-snappy", "-gzip", "-zstd", "-brotli", "-lz4"];
  const names = [
    "imitation",
    "lerobot-v3/data/chunk-000/file-000",
    ...kinds.map((kind) => `transitions${kind}`),
  ];
  return names.map((name) => goldenSeed("set.parquet", `parquet/${name}.parquet`));
}

/** A step a line. */
export async function jsonLinesSeeds(): Promise<Seed[]> {
  const lines = [0, 1, 2].map((t) => ({
    episode: 3,
    t,
    observation: [t, -t],
    action: 1,
    reward: 0.5,
    extra: "x",
  }));
  const text = lines.map((line) => JSON.stringify(line)).join("\n");
  return [...(await ours("set.jsonl", "jsonl")), seed("without header", { "set.jsonl": encoded(text) })];
}

/** A step a line of fields. */
export async function csvSeeds(): Promise<Seed[]> {
  const text =
    '"episode";"t";"state";"action";"reward"\r\n0;0;1.5;0;1\r\n0;1;2.5;1;1\r\n1;0;0;0;-1\r\n1;1;1;1;0\r\n';
  return [...(await ours("set.csv", "csv")), seed("semicolons", { "set.csv": encoded(text) })];
}

/** Named arrays. */
export async function safetensorsSeeds(): Promise<Seed[]> {
  const arrays = {
    weight: Float32Array.from({ length: 12 }, (_, i) => i / 7),
    bias: Float32Array.of(1, -2),
    none: new Float32Array(0),
  };
  return [
    seed("arrays", { "a.safetensors": encodeSafetensors(arrays, { state: '{"steps":3}' }) }),
    seed("texts alone", { "a.safetensors": encodeSafetensors({}, { a: "b" }) }),
  ];
}

/** Policies as policy.json and weights.bin. */
export async function policySeeds(): Promise<Seed[]> {
  const contents = {
    box: {},
    discrete: DISCRETE,
    normalised: {
      obsNorm: { kind: "VecNormalize", mean: [0, 1, 2], scale: [1, 2, 0.5], clip: 10 },
      output: {
        kind: "box",
        squash: "tanh",
        preClip: 5,
        clip: [
          [-1, -1],
          [1, 1],
        ],
      },
    },
    drawn: {
      stochastic: {
        kind: "tanh_gaussian",
        logStdLayer: { weight: "spread.w", bias: "spread.b", input: "last hidden activation" },
        logStdClamp: [-5, 2],
      },
    },
  };
  const made = Object.entries(contents).map(([name, content]) =>
    seed(name, { "policy.json": jsonBytes(tinyContent(content)), "weights.bin": WEIGHTS }),
  );
  const folder = realFolder && join(realFolder, "policies", "cartpole__sb3zoo-ppo");
  return [...made, ...(folder ? [seed("CartPole-v1 of rl-zoo3", filesIn(folder))] : [])];
}

/** Models of a few nodes; the name says for which actions. */
export async function onnxSeeds(): Promise<Seed[]> {
  const names = ["clipped", "with-value", "vector", "cart-pole-index", "cart-pole-logits"];
  return names.map((name) => {
    const path = fileURLToPath(new URL(`../policies/onnx/${name}.onnx`, import.meta.url));
    return seed(name, { "model.onnx": bytesOf(path) });
  });
}

/** Of benches. */
export async function suiteSeeds(): Promise<Seed[]> {
  const audited = {
    ...SUITES[0],
    audit: { seeds: [1], trajectories: [0], steps: 100 },
    tasks: SUITES[0].tasks.map((task) => ({
      ...task,
      heldOut: [4],
      episodes: 2,
      envOptions: { gravity: -9 },
    })),
  };
  return [
    ...SUITES.map((suite) => seed(suite.name, { "suite.json": jsonBytes(suite) })),
    seed("audited", { "suite.json": jsonBytes(audited) }),
  ];
}
