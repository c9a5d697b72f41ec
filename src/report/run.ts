/**
 * A run as a report sees it: the text of its three files, checked and sorted by kind of record. Fields that no report
 * reads pass through unchecked, so that a run folder outlives changes elsewhere.
 */
import { z } from "zod";
import {
  requireRunFormat,
  shownValue,
  TandemError,
  type CloningRecord,
  type HeldOutRecord,
  type EpisodeRecord,
  type DiscriminatorRecord,
  type EvaluationRecord,
  type FindingRecord,
  type InstrumentsRecord,
  type InversePolicyRecord,
  type RewardRecord,
  type TrainingRecord,
} from "../core/index.ts";

/** A number that JSON could not hold (NaN, infinity) was written as null; here it is NaN again and drawn as a gap. */
const measurement = z
  .number()
  .nullable()
  .transform((value) => value ?? NaN);

const configSchema = z.looseObject({
  format: z.literal("tandem-run/1"),
  command: z.enum(["train", "expert", "retrain"]),
  version: z.string(),
  env: z.looseObject({ id: z.string() }),
  seed: z.number(),
  steps: z.number(),
  demos: z.looseObject({ episodes: z.number(), transitions: z.number() }).nullable(),
  algorithm: z.looseObject({
    /** Runs made before there was a choice were of ML-IRL; experts' have none. */
    method: z.string().default("ml-irl"),
    /** Runs made before there was a choice were native. */
    termination: z.enum(["native", "absorbing", "fixed-horizon"]).default("native"),
  }),
  /** Of a retraining: where its reward comes from. */
  frozen: z
    .looseObject({
      method: z.string(),
      env: z.looseObject({ id: z.string() }),
      originalReturn: z.number().nullable(),
    })
    .optional(),
  evaluation: z.looseObject({ every: z.number(), episodes: z.number() }),
  kernels: z.string(),
});

const summarySchema = z.looseObject({
  expertReturn: z.number().nullable(),
  finalReturn: measurement,
  randomReturn: measurement,
  finalReturns: z.array(measurement),
  steps: z.object({
    train: z.number(),
    rewardRollout: z.number(),
    evaluation: z.number(),
    expert: z.number(),
  }),
  /** Where the axis ends; absent in older runs. */
  end: z.number().optional(),
  seconds: measurement,
  pearson: z.number().nullish(),
  spearman: z.number().nullish(),
  controls: z.array(z.object({ name: z.string(), finalReturn: measurement })).optional(),
  rewardScatter: z.object({ learned: z.array(measurement), true: z.array(measurement) }).optional(),
});

/** The part of it that is short. */
const endSchema = summarySchema.pick({
  expertReturn: true,
  finalReturn: true,
  randomReturn: true,
  steps: true,
  end: true,
});

/** A run's resolved configuration (`config.json`). */
export type ReportedConfig = z.infer<typeof configSchema>;
/** A run's end (`summary.json`). */
export type ReportedSummary = z.infer<typeof summarySchema>;

/** The text of a run folder's files; `summary` is null while the run is still going. */
export interface RunFiles {
  readonly config: string;
  readonly metrics: string;
  readonly summary: string | null;
}

/** A run, ready to be drawn. Measurements that were null or not finite are NaN. */
export interface Run {
  /** What to call it, e.g. its folder's name. */
  readonly name: string;
  readonly config: ReportedConfig;
  readonly summary: ReportedSummary | null;
  /** What only inverse soft Q-learning measures is NaN in others. */
  readonly policy: readonly InversePolicyRecord[];
  readonly reward: readonly RewardRecord[];
  readonly discriminator: readonly DiscriminatorRecord[];
  readonly cloning: readonly CloningRecord[];
  readonly heldOut: readonly HeldOutRecord[];
  readonly episodes: readonly EpisodeRecord[];
  readonly evaluations: readonly EvaluationRecord[];
  readonly instruments: readonly InstrumentsRecord[];
  readonly findings: readonly FindingRecord[];
  /** The last line of the metrics was cut short and left out. */
  readonly halfWritten: boolean;
  /** Training step of the latest record; 0 of none. */
  readonly lastStep: number;
  /** Kinds of record that this version does not know, left out. */
  readonly unknownKinds: readonly string[];
}

/** Numeric fields of each kind beside `step`; one that is absent (an older run) is a gap too. */
const MEASURED: { [Kind in TrainingRecord["kind"]]: readonly string[] } = {
  policy: [
    "updates",
    "criticLoss",
    "meanQ",
    "entropy",
    "temperature",
    "meanReward",
    "objective",
    "expertReward",
    "agentReward",
  ],
  reward: [
    "rewardStep",
    "returnGap",
    "expertMeanReward",
    "agentMeanReward",
    "gradientNorm",
    "travel",
    "projected",
    "gradientCosine",
    "seconds",
    "policySeconds",
    "simulationSeconds",
  ],
  cloning: ["updates", "logLikelihood"],
  "held-out": ["logLikelihood", "stateDistance"],
  discriminator: ["discriminatorSteps", "loss", "gradientPenalty", "expertLogit", "agentLogit", "accuracy"],
  episode: ["trueReturn", "length"],
  evaluation: ["meanReturn", "stdReturn"],
  instruments: [
    "rows",
    "radius",
    "rewardRms",
    "rewardLinearisation",
    "ballLinearisationRandom",
    "ballLinearisationTrained",
    "returnGap",
    "concavityGapRandom",
    "concavityGapTrained",
    "belowChord",
  ],
  finding: ["since"],
};

/** Check and sort the files of the run in `folder`; a TandemError says in one line what is broken. */
export function parseRun(folder: string, files: RunFiles): Run {
  const name = printable(folder);
  const config = parseConfig(name, files.config);
  const what = `summary.json of ${name}`;
  const summary =
    files.summary === null ? null : checked(summarySchema, withPrintable(parsed(files.summary, what)), what);
  return { name, config, summary, ...parseMetrics(`metrics.jsonl of ${name}`, files.metrics) };
}

/** Check the configuration of the run called `name`; one of another format is refused. */
export function parseConfig(name: string, text: string): ReportedConfig {
  const what = `config.json of ${name}`;
  const config = parsed(text, what);
  requireRunFormat(config, what);
  return checked(configSchema, withPrintable(config), what);
}

/** Check what a list says of the end of the run called `name`. */
export function parseEnd(name: string, text: string): z.infer<typeof endSchema> {
  const what = `summary.json of ${name}`;
  return checked(endSchema, parsed(text, what), what);
}

function checked<Schema extends z.ZodType>(schema: Schema, value: unknown, what: string): z.infer<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue.path.join(".") || "the whole file";
  throw new TandemError("readRun", `${what}: ${path}: ${issue.message}`);
}

function parsed(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new TandemError("readRun", `${what} is not JSON; restore it or run again`);
  }
}

/** Deeper than anything that a run writes: a file may be nested deeper than a stack. */
const MOST_DEPTH = 32;

function withPrintable(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return printable(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth > MOST_DEPTH) return null;
  if (Array.isArray(value)) return value.map((each) => withPrintable(each, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, withPrintable(each, depth + 1)]),
  );
}

/** Check and sort lines of metrics; `what` names their file in errors. */
export function parseMetrics(what: string, text: string): Omit<Run, "name" | "config" | "summary"> {
  const policy: InversePolicyRecord[] = [];
  const reward: RewardRecord[] = [];
  const discriminator: DiscriminatorRecord[] = [];
  const cloning: CloningRecord[] = [];
  const heldOut: HeldOutRecord[] = [];
  const episodes: EpisodeRecord[] = [];
  const evaluations: EvaluationRecord[] = [];
  const instruments: InstrumentsRecord[] = [];
  const findings: FindingRecord[] = [];
  const unknownKinds = new Set<string>();
  const lines = text.split("\n");
  // What follows the last line feed is empty, or a line still being written.
  const rest = lines.pop() ?? "";
  const lastRecord = parseJson(rest);
  if (lastRecord !== undefined) lines.push(rest);

  lines.forEach((line, index) => {
    if (line.trim() === "") return;
    const where = `${what}, line ${index + 1}`;
    const record = checkedRecord(parseJson(line), where);
    if (typeof record === "string") unknownKinds.add(record);
    else if (record.kind === "policy") policy.push(record as InversePolicyRecord);
    else if (record.kind === "reward") reward.push(record);
    else if (record.kind === "discriminator") discriminator.push(record);
    else if (record.kind === "cloning") cloning.push(record);
    else if (record.kind === "held-out") heldOut.push(record);
    else if (record.kind === "episode") episodes.push(record);
    else if (record.kind === "instruments") instruments.push(record);
    else if (record.kind === "finding") findings.push(record);
    else evaluations.push(record);
  });
  const halfWritten = rest.trim() !== "" && lastRecord === undefined;
  const records = {
    policy,
    reward,
    discriminator,
    cloning,
    heldOut,
    episodes,
    evaluations,
    instruments,
    findings,
  };
  const lastStep = Math.max(...Object.values(records).map((kind) => kind.at(-1)?.step ?? 0));
  return { ...records, halfWritten, lastStep, unknownKinds: [...unknownKinds] };
}

/** The record, or its kind where that is unknown. */
function checkedRecord(value: unknown, where: string): TrainingRecord | string {
  if (typeof value !== "object" || value === null || !("kind" in value) || typeof value.kind !== "string") {
    throw new TandemError("readRun", `${where}: expected a record with a kind; delete the line to go on`);
  }
  const record = value as Record<string, unknown>;
  const { kind } = value;
  if (!Object.hasOwn(MEASURED, kind)) return kind;
  if (typeof record.step !== "number") {
    throw new TandemError("readRun", `${where}: step should be a number, got ${shownValue(record.step)}`);
  }
  for (const field of MEASURED[kind as TrainingRecord["kind"]]) {
    record[field] = asMeasurement(record[field], `${where}: ${field}`);
  }
  if (kind === "finding") {
    for (const field of ["signature", "evidence", "remedy"]) {
      record[field] = asText(record[field], `${where}: ${field}`);
    }
    record.until = asNumberOrNull(record.until, `${where}: until`);
  }
  if (kind === "evaluation") {
    record.pearson = asNumberOrNull(record.pearson, `${where}: pearson`);
    record.spearman = asNumberOrNull(record.spearman, `${where}: spearman`);
    if (!Array.isArray(record.returns)) {
      throw new TandemError("readRun", `${where}: returns should be a list of numbers`);
    }
    record.returns = record.returns.map((each) => asMeasurement(each, `${where}: returns`));
  }
  return record as unknown as TrainingRecord;
}

function asMeasurement(value: unknown, where: string): number {
  if (value === null || value === undefined) return NaN;
  if (typeof value === "number") return value;
  throw new TandemError("readRun", `${where} should be a number, got ${shownValue(value)}`);
}

function asNumberOrNull(value: unknown, where: string): number | null {
  const number = asMeasurement(value, where);
  return Number.isNaN(number) ? null : number;
}

function asText(value: unknown, where: string): string {
  if (typeof value === "string") return printable(value);
  throw new TandemError("readRun", `${where} should be text, got ${shownValue(value)}`);
}

/** Control characters belong in neither XML nor a terminal. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, " ");
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
