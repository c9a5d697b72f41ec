import { basename, relative } from "node:path";

/** A command line that works where this one did: `tandem ...`, or `node src/cli/main.ts ...` in a clone. */
export function commandText(...words: readonly string[]): string {
  const script = process.argv[1] ?? "tandem";
  const name = basename(script);
  const start = /^main\.m?[jt]s$/.test(name) ? `node ${quoted(nearPath(script))}` : "tandem";
  return [start, ...words.map(quoted)].join(" ");
}

function nearPath(path: string): string {
  const near = relative("", path);
  return near.startsWith("..") ? path : near;
}

function quoted(word: string): string {
  return /^[\w./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
