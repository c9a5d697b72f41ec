/**
 * Disturb trainings on purpose and see what is lost:
 *
 *   node scripts/faults.ts [--times 50] [--seed 1] [--only SIGKILL] [--victim ml-irl]
 *
 * prints the table of docs/reliability.md; exit code 1 where anything was lost.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { keyFromSeed, nextUniform, streamOf } from "../src/core/index.ts";
import { makeDemonstrations } from "../test/cli/tandem.ts";
import { FAULTS, referenceOf, VICTIMS, type Reference } from "../test/faults/faults.ts";

const { values } = parseArgs({
  options: {
    times: { type: "string", default: "50" },
    seed: { type: "string", default: "1" },
    only: { type: "string", multiple: true },
    victim: { type: "string", multiple: true },
  },
});
const wanted = (name: string, words: readonly string[] | undefined): boolean =>
  words?.some((word) => name.includes(word)) ?? true;
const times = Number(values.times);
const stream = streamOf(keyFromSeed(Number(values.seed)));
const cwd = mkdtempSync(join(tmpdir(), "tandem-faults-"));
const print = (...cells: readonly (string | number)[]): boolean =>
  process.stdout.write(`| ${cells.join(" | ")} |\n`);
let lost = 0;

try {
  await makeDemonstrations(cwd);
  const wholes = new Map<string, Reference>();
  const victims = VICTIMS.filter(({ name }) => wanted(name, values.victim));
  process.stdout.write(`Each ${times} times on each of ${victims.map(({ name }) => name).join(", ")}:\n\n`);
  print("fault", "times", "went on from a checkpoint", "what is seen", "lost");
  print("---", "---", "---", "---", "---");
  for (const victim of victims) {
    wholes.set(victim.name, await referenceOf(cwd, victim));
    rmSync(join(cwd, "whole"), { recursive: true });
  }
  for (const { name, seen, missing, inject } of FAULTS) {
    if (!wanted(name, values.only)) continue;
    const reason = missing?.(cwd) ?? null;
    if (reason !== null) {
      print(name, "not tried", "", reason, "");
      continue;
    }
    const troubles: string[] = [];
    const tally = { resumed: 0 };
    for (const victim of victims) {
      for (let time = 0; time < times; time++) {
        const whole = wholes.get(victim.name) as Reference;
        const verdict = await inject({ cwd, victim, whole, random: () => nextUniform(stream), tally });
        if (verdict !== null) troubles.push(`${victim.name}: ${verdict}`);
        process.stderr.write(
          `${name}, ${victim.name}, ${time + 1} of ${times}: ${verdict ?? "nothing lost"}\n`,
        );
      }
    }
    lost += troubles.length;
    const result = troubles.length === 0 ? "nothing" : [...new Set(troubles)].join("; ");
    print(name, times * victims.length, tally.resumed, seen, result);
  }
} finally {
  rmSync(cwd, { recursive: true, force: true });
}

process.exitCode = lost > 0 ? 1 : 0;
