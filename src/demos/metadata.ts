import { TandemError } from "../core/index.ts";

/** Names under which a file's own description is looked for, first one first. */
export const METADATA_NAMES = ["metadata.json", "meta.json"];

/** A file's own description, which must be a JSON object. */
export function parseMetadata(bytes: Uint8Array, name: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new TandemError("readDemonstrations", `${name}: expected JSON text; correct it or remove it`, {
      cause,
    });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    refuse(name, 'expected a JSON object such as {"env": "Hopper-v5"}; correct it or remove it');
  }
  return value as Record<string, unknown>;
}

/** The environment's id by any of the names it goes by. */
export function environmentName(metadata: Readonly<Record<string, unknown>>): string | null {
  for (const key of ["env", "env_id", "envId", "env_name"]) {
    const value = metadata[key];
    if (typeof value === "string" && value !== "") return value;
  }
  return null;
}

/** Metadata as JSON with sorted keys, so that equal metadata are equal text. */
export function metadataText(metadata: Readonly<Record<string, unknown>>, indent: number): string {
  try {
    return JSON.stringify(metadata, withSortedKeys, indent);
  } catch (cause) {
    if (cause instanceof TandemError) throw cause;
    const [reason] = (cause as Error).message.split("\n");
    throw new TandemError(
      "writeDemonstrations",
      `metadata must be plain JSON data (${reason}); leave such values out`,
      {
        cause,
      },
    );
  }
}

/** A replacer for JSON.stringify, which would write NaN as null. */
function withSortedKeys(key: string, value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) {
    refuseToWrite(`metadata.${key} must be finite, got ${value}; leave it out`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function refuse(source: string, problem: string): never {
  throw new TandemError("readDemonstrations", `${source}: ${problem}`);
}

function refuseToWrite(problem: string): never {
  throw new TandemError("writeDemonstrations", problem);
}
