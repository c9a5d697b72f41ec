import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { TandemError } from "../core/index.ts";
import { CHECKPOINT_FORMATS, newestState } from "./checkpoint.ts";

/** What the head of a checkpoint says. */
export interface CheckpointHead {
  /** Training step at which it was made. */
  readonly step: number;
}

/** The head of a run's checkpoint, without its numbers; null where there is none. One that is cut short is refused. */
export function readCheckpointHead(folder: string): CheckpointHead | null {
  const path = newestState(folder);
  const damaged = (detail: string): TandemError =>
    new TandemError("readCheckpointHead", `${path} is damaged: ${detail}; restore it, or train anew`);
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw new TandemError("readCheckpointHead", `cannot read ${path} (${code})`, { cause });
  }
  try {
    const { size } = fstatSync(file);
    const first = Buffer.alloc(8);
    if (readSync(file, first, 0, 8, 0) < 8) throw damaged(`it has ${size} bytes`);
    const length = Number(first.readBigUInt64LE());
    if (length > size - 8) throw damaged("it is cut short");
    const header = Buffer.alloc(length);
    readSync(file, header, 0, length, 8);
    const { __metadata__: metadata, ...tensors } = objectIn(header.toString("utf8"));
    const state = objectIn((metadata as { state?: unknown } | undefined)?.state);
    const format = typeof state.format === "string" ? state.format : "none";
    if (!CHECKPOINT_FORMATS.includes(format)) {
      throw new TandemError(
        "readCheckpointHead",
        `${path}: expected format ${CHECKPOINT_FORMATS.join(" or ")}, got ${format}; it is damaged, or of a newer Tandem: use that one`,
      );
    }
    const ends = Object.values(tensors).map(
      (each) => (each as { data_offsets?: number[] }).data_offsets?.[1] ?? 0,
    );
    const whole = 8 + length + Math.max(0, ...ends);
    if (size < whole) throw damaged(`it has ${size} of ${whole} bytes`);
    const step = (state.agent as { steps?: unknown } | undefined)?.steps;
    if (typeof step !== "number") throw damaged("it does not say its step");
    return { step };
  } finally {
    closeSync(file);
  }
}

/** The object that a text of JSON holds; an empty one where it holds none. */
function objectIn(text: unknown): Record<string, unknown> {
  try {
    const value: unknown = typeof text === "string" ? JSON.parse(text) : null;
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
