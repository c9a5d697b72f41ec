/**
 * Damaged files, in great number, to every reader of files that people hand in. Every one must be read, or refused by one
 * clear line, soon, and in little memory; what is not is kept with the command that reads it again.
 *
 *     node scripts/fuzz.ts                            every reader, 100 000 inputs each
 *     node scripts/fuzz.ts npz csv --inputs 5000 --seed 2
 *     node scripts/fuzz.ts npz --seed 2 --only 4711   one input, with what came of it
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { againCommand, fuzz } from "../test/fuzz/fuzz.ts";
import { READERS, type ReaderName } from "../test/fuzz/readers.ts";
import { realFolder } from "../test/fuzz/seeds.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    inputs: { type: "string", default: "100000" },
    seed: { type: "string", default: "1" },
    only: { type: "string" },
    keep: { type: "string", default: "fuzz-defects" },
    json: { type: "boolean", default: false },
  },
});
const names = positionals.length > 0 ? positionals : Object.keys(READERS);
const unknown = names.find((name) => !(name in READERS));
if (unknown !== undefined) {
  console.error(`fuzz: there is no reader ${unknown}; name some of ${Object.keys(READERS).join(", ")}`);
  process.exit(1);
}
if (names.length > 1) {
  // A process each, so that the memory of one is not counted with another's.
  const options = process.argv.slice(2).filter((word) => !positionals.includes(word));
  const failed = names.filter((name) => {
    const again = spawnSync(process.execPath, [fileURLToPath(import.meta.url), name, ...options], {
      stdio: "inherit",
    });
    return again.status !== 0;
  });
  process.exit(failed.length > 0 ? 1 : 0);
}

const name = names[0] as ReaderName;
const key = Number(values.seed);
const from = values.only === undefined ? 0 : Number(values.only);
const to = values.only === undefined ? Number(values.inputs) : from + 1;
if (realFolder === null) console.error("Third parties' files (../shared/real) are not here: without them.");
let shown = 0;
const tally = await fuzz(name, {
  key,
  from,
  to,
  keep: values.keep,
  onProgress: (done) => {
    if (performance.now() - shown < 5000) return;
    shown = performance.now();
    console.error(`${name}: ${done} of ${to - from}`);
  },
});
const { defects, ...counts } = tally;
const groups = Map.groupBy(defects, ({ words }) => words.replace(/\d+/g, "0").slice(0, 160));
for (const [, alike] of groups) {
  console.error(
    `${name}: ${alike.length} like this: ${alike[0].words.split("\n").slice(0, 6).join("\n    ")}`,
  );
  console.error(`    ${againCommand(name, { key }, alike[0].index)}`);
}
console.log(JSON.stringify({ ...counts, defects: defects.length }));
process.exitCode = defects.length > 0 ? 1 : 0;
