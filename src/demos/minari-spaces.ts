import type { ActionSpace } from "../core/index.ts";
import { parsePythonJson, pythonJson } from "./python-json.ts";

/** A space as Minari serialises it, of the kinds whose values are one array. */
export type MinariSpace =
  | { type: "Box"; dtype: string; shape: number[]; low: unknown; high: unknown }
  | { type: "Discrete"; dtype: "int64"; start: number; n: number };

/** The space as Minari keeps it. */
export function spaceText(space: MinariSpace): string {
  return pythonJson(space);
}

/** A space of ours; unbounded of this size where none is known. Numbers are written as float32, choices as int64. */
export function minariSpace(space: ActionSpace | null, size: number): MinariSpace {
  if (space?.kind === "discrete") return { type: "Discrete", dtype: "int64", start: 0, n: space.count };
  const low: number[] = space ? Array.from(space.low) : Array<number>(size).fill(-Infinity);
  const high: number[] = space ? Array.from(space.high) : Array<number>(size).fill(Infinity);
  return { type: "Box", dtype: "float32", shape: [size], low, high };
}

/** A space that another program described, where it is of such a kind and size; null otherwise. */
export function describedSpace(text: unknown, size: number): MinariSpace | null {
  const space = parseSpace(text);
  if (space?.type === "Discrete" && size === 1 && Number.isInteger(space.n) && Number.isInteger(space.start))
    return { type: "Discrete", dtype: "int64", start: space.start, n: space.n };
  if (space?.type !== "Box") return null;
  const [low, high] = [flat(space.low), flat(space.high)];
  if (
    low.length !== size ||
    high.length !== size ||
    ![...low, ...high].every((bound) => typeof bound === "number")
  )
    return null;
  return { type: "Box", dtype: "float32", shape: [size], low, high };
}

/** What Minari stores as JPEG images: bytes of 0 to 255 in at least 32 rows and columns. */
export function isImageSpace(text: unknown): boolean {
  const space = parseSpace(text);
  if (space?.type !== "Box" || space.dtype !== "uint8" || !Array.isArray(space.shape)) return false;
  const { shape } = space;
  if (!(shape.length === 2 || shape.length === 3) || !(shape[0] >= 32 && shape[1] >= 32)) return false;
  return flat(space.low).every((bound) => bound === 0) && flat(space.high).every((bound) => bound === 255);
}

function parseSpace(text: unknown): MinariSpace | null {
  if (typeof text !== "string") return null;
  try {
    return parsePythonJson(text) as MinariSpace | null;
  } catch {
    return null;
  }
}

/** Axes that a space has at most, as an array of numpy. */
const MOST_AXES = 64;

function flat(bounds: unknown): unknown[] {
  return Array.isArray(bounds) ? bounds.flat(MOST_AXES) : [];
}
