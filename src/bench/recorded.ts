/** Cells as a file of results has them: what is known of a cell whose run folder is gone. */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { TandemError } from "../core/index.ts";
import { algorithmConfig } from "../runs/index.ts";
import type { Cell } from "./cells.ts";
import { TERMINATIONS } from "../irl/index.ts";
import { placeOf, type Outcome } from "./outcome.ts";

/** A cell that has ended, as a line says. */
export interface RecordedCell {
  readonly outcome: Outcome;
  /** `runs/x/results.jsonl, line 3` */
  readonly where: string;
}

const count = z.int().min(0);
const value = z.number().nullable();
/** JSON writes null for what is not finite. */
const measurement = value.transform((each) => each ?? NaN);

/** A line of results, in the order in which an outcome is written. Settings that a later version added have their defaults. */
const lineSchema: z.ZodType<Outcome> = z.strictObject({
  id: z.string(),
  task: z.string(),
  method: z.string(),
  family: z.string(),
  trajectory: count,
  seed: count,
  audit: z
    .strictObject({
      name: z.string(),
      kind: z.enum(["no reward", "nonsense", "states", "comparison"]),
      appliesTo: z.array(z.string()),
      sets: z.strictObject({ method: z.string(), termination: z.enum(TERMINATIONS) }).optional(),
    })
    .nullable(),
  env: z.string(),
  episodes: count,
  steps: count,
  isCloned: z.boolean(),
  state: z.enum(["new", "begun", "diverged", "complete"]),
  control: z.string().nullable(),
  envOptions: z.record(z.string(), z.unknown()),
  sha256: z.string().nullable(),
  version: z.string().nullable(),
  kernels: z.string().nullable(),
  algorithm: algorithmConfig.nullable(),
  instruments: z.boolean().nullable(),
  evaluation: z
    .strictObject({ every: count, episodes: count, finalEpisodes: count })
    .nullable()
    .default(null),
  heldOutEpisodes: z.array(count).nullable().default(null),
  step: count,
  score: value,
  evaluations: count,
  normalised: value,
  scale: z.strictObject({ random: z.number(), expert: z.number() }).nullable().default(null),
  finalReturn: value,
  expertReturn: value,
  randomReturn: value,
  pearson: value,
  spearman: value,
  curve: z.array(z.tuple([count, measurement])),
  heldOut: z.array(
    z.strictObject({
      step: count,
      logLikelihood: measurement,
      rewardGap: value,
      stateDistance: measurement,
    }),
  ),
  stepCounts: z
    .strictObject({ train: count, rewardRollout: count, evaluation: count, expert: count })
    .nullable(),
  seconds: value,
});

/** The cells of a file of results that have ended, by id. Every line is checked; a TandemError names one that is damaged. */
export function readRecorded(path: string): Map<string, RecordedCell> {
  const found = new Map<string, RecordedCell>();
  textOf(path)
    .split("\n")
    .forEach((text, i) => {
      if (text.trim() === "") return;
      const where = `${path}, line ${i + 1}`;
      const outcome = outcomeIn(text, where);
      const { id, state } = outcome;
      if (state !== "complete" && state !== "diverged") return;
      const earlier = found.get(id);
      if (earlier) throw new TandemError("bench", `${where}: ${id} is in ${earlier.where}, too; remove one`);
      found.set(id, { outcome, where });
    });
  return found;
}

/** What a line says of a cell; which part the cell has in the suite is for the suite to say. */
export function recordedOutcome(cell: Cell, { outcome }: RecordedCell): Outcome {
  return { ...outcome, ...placeOf(cell) };
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new TandemError(
      "bench",
      `expected a file of results at ${path}, such as a bench's results.jsonl, cannot read it (${code})`,
      { cause },
    );
  }
}

function outcomeIn(text: string, where: string): Outcome {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw new TandemError("bench", `${where} is not JSON; remove the line, its cell is trained anew`, {
      cause,
    });
  }
  const parsed = lineSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new TandemError(
    "bench",
    `${where} is none that tandem bench writes: ${issue.path.join(".") || "the whole"}: ${issue.message}; remove it, its cell is trained anew`,
  );
}
