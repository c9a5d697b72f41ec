import { Command } from "commander";
import { keyFromSeed, TandemError } from "../core/index.ts";
import type { WrittenFormat } from "../demos/index.ts";
import { environmentIds, type Environment } from "../envs/index.ts";
import { clippedPolicy, requireFit, type Policy, type PublishedReturn } from "../policies/index.ts";
import { policySource, type PolicySource } from "../runs/index.ts";
import { nearestName } from "./nearest.ts";
import { anyText, oneOf, optionValue, wholeNumber, type GivenOptions } from "./option-values.ts";
import { optionsOnCommandLine } from "./options.ts";
import { drawsKey, episodesText, recordPolicy } from "./recording.ts";
import { requireFreeFile } from "./run-place.ts";
import { openEnvironment } from "./run-setup.ts";
import { environmentOptions } from "./settings.ts";
import { VERSION } from "./version.ts";

const EXAMPLES = `
Examples:
  A policy that PyTorch trained, as policy.json and weights.bin (docs/policies.md):
    $ tandem demos record hopper-expert/ --env Hopper-v4 --episodes 10 --out hopper.npz
  An ONNX model (first npm install onnxruntime-web):
    $ tandem demos record actor.onnx --env HalfCheetah-v5 --out cheetah.npz
  What a run has learned:
    $ tandem demos record runs/HalfCheetah-v5-0-1 --out learned.npz`;

/** `tandem demos record`. */
export function recordCommand(): Command {
  const command = new Command("record")
    .summary("roll a saved policy out and record it")
    .description(
      "Roll a saved policy out and record what it does. Actions outside the bounds are stepped and recorded as they are. " +
        "Defaults stand in [brackets].",
    )
    .argument("<policy>", "folder with policy.json and weights.bin, .onnx file, or run folder")
    .option("--out <file>", "new file, ending in .npz, .jsonl, .csv or .hdf5")
    .option("--format <kind>", "npz, jsonl, csv, d4rl (.hdf5), or minari, a folder [by the ending]")
    .option("--env <id>", "environment [what the policy names]")
    .option("--env-option <name=value>", "option of the environment (repeatable)", repeated)
    .option("--episodes <n>", "episodes to record [10]")
    .option("--seed <n>", "another seed gives other episodes [0]")
    .option("--sample", "draw its actions instead of taking the likeliest")
    .option("--clip", "move its actions onto the bounds before they are stepped")
    .option("--json", "print one line of JSON")
    .addHelpText("after", EXAMPLES);
  return command.action(async (path: string) => {
    process.exitCode = await record(path, optionsOnCommandLine(command));
  });
}

/** What `--json` prints; returns are true returns. */
interface Report {
  readonly file: string;
  readonly env: string;
  readonly policy: string;
  readonly actions: "mode" | "sample";
  readonly clipped: boolean;
  readonly seed: number;
  readonly episodes: number;
  readonly meanReturn: number;
  readonly stdReturn: number;
  readonly returns: readonly number[];
  /** What the policy's makers report; null where they do not. */
  readonly published: PublishedReturn | null;
}

/** Returns the exit code. */
async function record(path: string, flags: GivenOptions): Promise<number> {
  const { file, format } = fileToWrite(flags);
  const episodes = optionValue(flags, "episodes", wholeNumber(1)) ?? 10;
  const seed = optionValue(flags, "seed", wholeNumber(0)) ?? 0;
  const [drawn, clipped] = [flags.has("sample"), flags.has("clip")];
  const key = keyFromSeed(seed);
  const source = await policySource(path, drawn ? drawsKey(key) : null);
  const { id, options } = environmentFor(source, path, flags);
  const environment = await openEnvironment(id, options);
  try {
    const own = await source.load(environment);
    requireFit(own, environment);
    const policy = clipped ? clippedTo(environment, own) : own;
    const { about } = policy;
    const end = await recordPolicy({
      file,
      format,
      environment,
      envOptions: options,
      policy,
      drawn,
      episodes,
      key,
      metadata: {
        policySource: { path, ...about.source },
        ...(about.published && { published: about.published }),
        actions: clipped ? "clipped to the bounds, then stepped" : "stepped as the policy gave them",
        madeBy: { command: "tandem demos record", version: VERSION, seed },
      },
    });
    if ("exitCode" in end) return end.exitCode;
    const report: Report = {
      file,
      env: id,
      policy: about.name,
      actions: drawn ? "sample" : "mode",
      clipped,
      seed,
      episodes,
      ...statisticsOf(end.returns),
      published: about.published,
    };
    process.stdout.write(flags.has("json") ? `${JSON.stringify(report)}\n` : reportText(report));
    return 0;
  } finally {
    environment.close();
  }
}

function fileToWrite(flags: GivenOptions): { file: string; format: WrittenFormat | null } {
  const file = optionValue(flags, "out", anyText);
  if (file === undefined) {
    throw new TandemError(
      "--out",
      "expected a file to record to, got nothing; add for example --out expert.npz",
    );
  }
  const format = optionValue(flags, "format", oneOf("npz", "jsonl", "csv", "minari", "d4rl")) ?? null;
  const ending = format
    ? ""
    : [".npz", ".jsonl", ".csv", ".hdf5", ".h5"].find((known) => file.endsWith(known));
  if (ending === undefined) {
    throw new TandemError(
      "--out",
      `expected a name that ends in .npz, .jsonl, .csv or .hdf5, or --format minari; got ${file}`,
    );
  }
  requireFreeFile("--out", file, ending);
  return { file, format };
}

/** The environment asked for; else the one the policy names. Options of the command line win over the policy's. */
function environmentFor(
  { environment: own }: PolicySource,
  path: string,
  flags: GivenOptions,
): { id: string; options: Record<string, unknown> } {
  const id = optionValue(flags, "env", anyText) ?? own?.id;
  const options = environmentOptions(flags);
  if (id === undefined) {
    throw new TandemError(
      "--env",
      `${path} does not say for which environment it is; add for example --env HalfCheetah-v5`,
    );
  }
  if (id === own?.id) {
    requireKnown(id, path, flags);
    return { id, options: { ...own.options, ...options } };
  }
  return { id, options };
}

/** A policy may be of a version of its environment that is not here. */
function requireKnown(id: string, path: string, flags: GivenOptions): void {
  const known = environmentIds();
  if (known.includes(id) || flags.has("env")) return;
  const near = nearestName(id, known);
  throw new TandemError(
    "--env",
    `${path} is for ${id}, which is not here; name one of its kind${near ? `, such as --env ${near}` : ""}`,
  );
}

function clippedTo({ id, actionSpace }: Environment, policy: Policy): Policy {
  if (actionSpace.kind === "box") return clippedPolicy(policy, actionSpace);
  throw new TandemError("--clip", `has no effect on the discrete actions of ${id}; leave it out`);
}

function statisticsOf(returns: readonly number[]): Pick<Report, "meanReturn" | "stdReturn" | "returns"> {
  const meanReturn = returns.reduce((sum, value) => sum + value, 0) / returns.length;
  const squares = returns.reduce((sum, value) => sum + (value - meanReturn) ** 2, 0);
  return { meanReturn, stdReturn: Math.sqrt(squares / Math.max(1, returns.length - 1)), returns };
}

function reportText({ env, policy, episodes, seed, meanReturn, stdReturn, published }: Report): string {
  const rows = [["recorded", returnText(meanReturn, episodes > 1 ? stdReturn : null)]];
  if (published) rows.push(["published", returnText(published.mean, published.std)]);
  const lines = [
    `${policy} in ${env}, ${episodesText(episodes)}, seed ${seed}`,
    "",
    "True return",
    ...rows.map(([name, value]) => `  ${name.padEnd(9)}  ${value}`),
  ];
  return `${lines.join("\n")}\n`;
}

function returnText(mean: number, std: number | null): string {
  return std === null ? mean.toFixed(1) : `${mean.toFixed(1)} ± ${std.toFixed(1)}`;
}

function repeated(text: string, earlier: string[] | undefined): string[] {
  return [...(earlier ?? []), text];
}
