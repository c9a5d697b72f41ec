/** Lint over demonstrations that other people's policies made: what is sound must not be doubted. */
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { lintFile, openDemonstrations, readDemonstrations, type LintReport } from "../../src/demos/index.ts";
import { judgePairing } from "../../src/demos/lint-pairing.ts";
import { environmentIds, makeEnvironment } from "../../src/envs/index.ts";
import { withLateActions } from "./lint-recordings.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
const FOLDER = join(ROOT, "../shared/real/demos");
const MISSING = "the third-party demonstrations of ../shared/real/demos are not here";
const names = existsSync(FOLDER) ? readdirSync(FOLDER).sort() : [];

/** Milliseconds, on a busy machine. */
const TIMEOUT = 300_000;

async function lint(path: string): Promise<LintReport> {
  const file = await openDemonstrations(path);
  const known = environmentIds().find((id) => id === file.env);
  const environment = known ? await makeEnvironment(known, envOptions(file.metadata)) : null;
  try {
    return await lintFile(file, { environment, simulate: true });
  } finally {
    environment?.close();
    await file.close();
  }
}

function envOptions({ envOptions }: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return (envOptions ?? {}) as Record<string, unknown>;
}

function doubts({ findings }: LintReport): string[] {
  return findings
    .filter(({ severity }) => severity !== "note")
    .map(({ severity, kind }) => `${severity} ${kind}`);
}

const bundled = readdirSync(join(ROOT, "demonstrations")).filter((name) => name.endsWith(".npz"));

test.each(bundled)("the bundled %s is clean", { timeout: TIMEOUT }, async (name) => {
  const report = await lint(join(ROOT, "demonstrations", name));
  expect(doubts(report)).toEqual([]);
  // Steps of the tables are drawn, and cannot be done again.
  if (/^(gridworld|objectworld)-/.test(name)) expect(report.simulation).toBeNull();
  else expect(report.simulation).toMatchObject({ departed: 0, rewards: { wrong: 0 }, ends: { wrong: 0 } });
});

/** Gymnasium's v4 on today's MuJoCo: not the margins that v4 has here. */
const SUMMED = /^(ant|hopper|humanoid)-v4__/;

describe.skipIf(names.length === 0)(
  `third-party sets${names.length === 0 ? ` (skipped: ${MISSING})` : ""}`,
  { timeout: TIMEOUT },
  () => {
    test.each(names)("%s", async (name) => {
      const report = await lint(join(FOLDER, name));
      const expected = [
        ...(name === "recorded-hopper-v4__cs285" ? ["error actions-out-of-bounds"] : []),
        ...(SUMMED.test(name) ? ["warning other-contact-margins"] : []),
      ];
      expect(doubts(report)).toEqual(expected);
      if (!report.simulation) {
        expect(report.pairing!.shift).toBe(0);
        return;
      }
      const { departed, steps, margins, rewards, ends, replay } = report.simulation;
      expect(departed).toBe(0);
      expect(steps).toBeGreaterThan(100);
      expect(rewards!.wrong).toBe(0);
      expect(ends!.wrong).toBe(0);
      if (margins) {
        const [fits, other] = SUMMED.test(name)
          ? (["summed", "larger"] as const)
          : (["larger", "summed"] as const);
        expect(margins.fits).toBe(fits);
        expect(margins.departed[fits]).toBe(0);
        expect(margins.departed[other]).toBeGreaterThan(0.25 * steps);
      }
      // From the simulator's own state whole episodes are followed, but for the chaos of many contacts.
      if (replay!.from !== "init_qpos and init_qvel") return;
      if (/^(ant|humanoid)-/.test(name)) expect(replay!.departsAt ?? Infinity).toBeGreaterThan(100);
      else expect(replay!.departsAt).toBeNull();
    });

    const found = { "1": 0, "-1": 0, "0": 0 };

    test.each(names)("statistics alone do not doubt %s", async (name) => {
      const { trajectories } = await readDemonstrations(join(FOLDER, name));
      expect(judgePairing(trajectories)!.shift).toBe(0);
      const { shift } = judgePairing(withLateActions(trajectories, 1))!;
      expect(shift).not.toBe(-1);
      found[shift]++;
    });

    test("statistics alone tell actions a row late from most", () => {
      expect(found["1"]).toBeGreaterThanOrEqual(0.75 * names.length);
    });
  },
);
