import { basename, relative } from "node:path";

/** A command line that works where this one did: `npx tandem ...`, `tandem ...`, or `node src/cli/main.ts ...` in a clone. */
export function commandText(...words: readonly string[]): string {
  return [starter(), ...words.map(quoted)].join(" ");
}

function starter(): string {
  const { npm_command: command, npm_lifecycle_event: event } = process.env;
  // npm puts the toolchain's own Node before the machine's, which may be too old to run a TypeScript file.
  if (command === "exec" || event === "start") return "npx tandem";
  const script = process.argv[1] ?? "tandem";
  return /^main\.m?[jt]s$/.test(basename(script)) ? `node ${quoted(nearPath(script))}` : "tandem";
}

function nearPath(path: string): string {
  const near = relative("", path);
  return near.startsWith("..") ? path : near;
}

function quoted(word: string): string {
  return /^[\w./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
