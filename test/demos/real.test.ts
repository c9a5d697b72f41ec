import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { box, episodeReturns, type ActionSpace } from "../../src/core/index.ts";
import {
  formatInspection,
  inspectDemonstrations,
  readDemonstrations,
  writeDemonstrations,
  type Demonstrations,
} from "../../src/demos/index.ts";

/** Demonstrations other people's policies made, kept outside the repository. */
const FOLDER = join(dirname(fileURLToPath(import.meta.url)), "../../../shared/real/demos");
const MISSING = "the third-party demonstrations of ../shared/real/demos are not here";
const names = existsSync(FOLDER) ? readdirSync(FOLDER).sort() : [];

interface Described {
  env: string;
  episodeLengths: number[];
  episodeReturns: number[];
  actionKind?: string;
  actionLow?: number | number[];
  actionHigh?: number | number[];
  obsDim: number;
  actDim: number;
}

/** The action space as the set's own description gives it, if it does. */
function actionSpaceOf({ metadata, trajectories }: Demonstrations): ActionSpace | undefined {
  const { actionLow, actionHigh } = metadata as unknown as Described;
  if (actionLow === undefined || actionHigh === undefined) return undefined;
  return box(trajectories.actionSize, [actionLow].flat()[0], [actionHigh].flat()[0]);
}

test("there are sets to read", ({ skip }) => {
  skip(names.length === 0, MISSING);
  expect(names.length).toBeGreaterThanOrEqual(23);
});

describe.skipIf(names.length === 0)(
  `third-party sets${names.length === 0 ? ` (skipped: ${MISSING})` : ""}`,
  () => {
    test.each(names)("%s", async (name) => {
      const read = await readDemonstrations(join(FOLDER, name));
      const described = read.metadata as unknown as Described;
      expect(read.env).toBe(described.env);
      expect(read.layout).toBe("plain");
      expect(read.warnings).toEqual([]);
      const { trajectories } = read;
      expect([trajectories.observationSize, trajectories.actionSize]).toEqual([
        described.obsDim,
        described.actDim,
      ]);
      const lengths = trajectories.episodeStarts
        .subarray(1)
        .map((end, episode) => end - trajectories.episodeStarts[episode]);
      expect([...lengths]).toEqual(described.episodeLengths);
      const returns = episodeReturns(trajectories)!;
      described.episodeReturns.forEach((expected, episode) => {
        // Each of n rewards was rounded to float32.
        const [from, to] = [trajectories.episodeStarts[episode], trajectories.episodeStarts[episode + 1]];
        const magnitude = trajectories
          .rewards!.subarray(from, to)
          .reduce((sum, reward) => sum + Math.abs(reward), 0);
        expect(Math.abs(returns[episode] - expected)).toBeLessThanOrEqual(
          2 ** -24 * magnitude + 1e-9 * Math.abs(expected),
        );
      });
      const report = inspectDemonstrations(read, { actionSpace: actionSpaceOf(read) });
      const serious = report.findings.filter(({ severity }) => severity !== "note").map(({ kind }) => kind);
      expect(serious).toEqual(name === "recorded-hopper-v4__cs285" ? ["actions-out-of-bounds"] : []);
      expect(formatInspection(report)).toContain(described.env);
    });

    test("the unclipped Hopper expert is doubted even where the bounds are unknown", async () => {
      const report = inspectDemonstrations(
        await readDemonstrations(join(FOLDER, "recorded-hopper-v4__cs285")),
      );
      expect(report.findings.map(({ kind, severity }) => [severity, kind])).toEqual([
        ["warning", "actions-out-of-bounds"],
      ]);
      expect(report.findings[0].message).toMatch(/^44% .*5\.13/);
    });

    test("written by us they come back the same, in less space", async () => {
      const folder = mkdtempSync(join(tmpdir(), "tandem-real-"));
      const read = await readDemonstrations(join(FOLDER, "halfcheetah-v4__sb3zoo-sac"));
      await writeDemonstrations(join(folder, "halfcheetah.npz"), read.trajectories, read.metadata);
      const again = await readDemonstrations(join(folder, "halfcheetah.npz"));
      rmSync(folder, { recursive: true });
      expect(again.trajectories).toEqual(read.trajectories);
      expect(again.metadata).toEqual(read.metadata);
    });
  },
);
