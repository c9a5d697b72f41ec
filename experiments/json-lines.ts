import { readFileSync } from "node:fs";

/** The records of a file of JSON Lines, as what the caller knows them to be. */
export function readJsonLines<T>(path: string): T[] {
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as T);
}
