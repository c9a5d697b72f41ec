import { beforeAll, describe, expect, test } from "vitest";
import { keyFromSeed, type Trajectories } from "../../src/core/index.ts";
import {
  formatLint,
  lintFile,
  subsample,
  type DemonstrationFile,
  type FindingKind,
  type FindingSeverity,
  type LintReport,
} from "../../src/demos/index.ts";
import { environmentIds, makeEnvironment } from "../../src/envs/index.ts";
import { asFile, record, recordIn, withLateActions } from "./lint-recordings.ts";

/** Milliseconds for what simulates, on a busy machine. */
const TIMEOUT = 120_000;

let cheetah: Trajectories;
let hopper: Trajectories;
let cartPole: Trajectories;

beforeAll(async () => {
  cheetah = await recordIn("HalfCheetah-v5", {}, 3, 120);
  hopper = await recordIn("Hopper-v5", {}, 12, 100);
  cartPole = await recordIn("CartPole-v1", {}, 12, 500);
}, TIMEOUT);

/** Judged as a recording of the environment `id`. */
async function lint(
  trajectories: Trajectories,
  id: string | null,
  options: Record<string, unknown> = {},
  described: Partial<DemonstrationFile> = {},
): Promise<LintReport> {
  const environment = id === null ? null : await makeEnvironment(id, options);
  try {
    return await lintFile(asFile(trajectories, { env: id, ...described }), { environment, simulate: true });
  } finally {
    environment?.close();
  }
}

/** What was found beyond notes. */
function doubts({ findings }: LintReport): [FindingSeverity, FindingKind][] {
  return findings.filter(({ severity }) => severity !== "note").map(({ severity, kind }) => [severity, kind]);
}

/** The one message of a kind. */
function message(report: LintReport, kind: FindingKind): string {
  const messages = report.findings.filter((finding) => finding.kind === kind);
  expect(messages).toHaveLength(1);
  return messages[0].message;
}

/** A copy that may be damaged. */
function copyOf(trajectories: Trajectories): Trajectories {
  return structuredClone(trajectories);
}

describe("a sound recording is silent", { timeout: TIMEOUT }, () => {
  test.each(environmentIds())("of %s", async (id) => {
    const environment = await makeEnvironment(id);
    try {
      const made = record(environment, 8, 60);
      const report = await lintFile(asFile(made, { env: id }), { environment, simulate: true });
      expect(doubts(report)).toEqual([]);
      if (!report.simulation) {
        expect(message(report, "not-simulated")).toMatch(
          new RegExp(`^Observations of ${id} do not show its state: not simulated; `),
        );
        return;
      }
      const { steps, departed, shift, margins, rewards, ends, replay } = report.simulation;
      expect(steps).toBeGreaterThan(30);
      expect([departed, shift]).toEqual([0, 0]);
      if (margins) expect(margins.fits).toBe(margins.assumed);
      expect(rewards!.wrong).toBe(0);
      expect(ends!.wrong).toBe(0);
      expect(rewards!.compared).toBeGreaterThan(30);
      expect(ends!.compared).toBeGreaterThan(30);
      expect(replay!.from).toBe("its first observation");
    } finally {
      environment.close();
    }
  });
});

describe("pairing, by simulation", { timeout: TIMEOUT }, () => {
  test.each([
    ["HalfCheetah-v5", () => cheetah],
    ["Hopper-v5", () => hopper],
    ["CartPole-v1", () => cartPole],
  ] as const)("actions a row late or early in %s", async (id, made) => {
    const late = await lint(withLateActions(made(), 1), id);
    expect(doubts(late)).toContainEqual(["error", "shifted-actions"]);
    expect(late.simulation!.shift).toBe(1);
    expect(message(late, "shifted-actions")).toMatch(
      /^Actions stand one row late: the action of the following row leads to .* in (100|99\.\d)% of/,
    );
    const early = await lint(withLateActions(made(), -1), id);
    expect(early.simulation!.shift).toBe(-1);
    expect(message(early, "shifted-actions")).toMatch(/^Actions stand one row early: .* row before leads to/);
  });
});

describe("pairing, by statistics", { timeout: TIMEOUT }, () => {
  test("where the environment is not known", async () => {
    const long = await recordIn("HalfCheetah-v5", {}, 4, 1000);
    const sound = await lint(long, null);
    expect(doubts(sound)).toEqual([]);
    expect(sound.pairing!.shift).toBe(0);
    expect(message(sound, "not-simulated")).toMatch(
      /^The file does not name its environment: not simulated; that/,
    );
    const broken = copyOf(long);
    broken.nextObservations[17 * 500] += 1;
    const unjudged = await lint(broken, null);
    expect(unjudged.pairing).toBeNull();
    expect(message(unjudged, "not-simulated")).toMatch(
      /whether actions stand in their rows was not judged\.$/,
    );
    const late = await lint(withLateActions(long, 1), null, {}, { env: "Cheetah-v0" });
    expect(doubts(late)).toEqual([["error", "shifted-actions"]]);
    expect(message(late, "shifted-actions")).toMatch(
      /one row late: the action of the following row goes better/,
    );
    expect(message(late, "not-simulated")).toMatch(/^There is no environment Cheetah-v0 here/);
    const early = await lint(withLateActions(long, -1), null);
    expect(message(early, "shifted-actions")).toMatch(
      /one row early: the action of the row before goes better/,
    );
  });
});

describe("contact margins", { timeout: TIMEOUT }, () => {
  test("of the other MuJoCo, with what the file says of it and the remedy", async () => {
    const old = await recordIn("Hopper-v5", { contactMargins: "larger" }, 12, 100);
    const report = await lint(old, "Hopper-v5");
    expect(doubts(report)).toEqual([["warning", "other-contact-margins"]]);
    expect(report.simulation).toMatchObject({ departed: 0, margins: { assumed: "summed", fits: "larger" } });
    expect(report.simulation!.margins!.departed.summed).toBeGreaterThan(10);
    expect(message(report, "other-contact-margins")).toMatch(
      /of MuJoCo before 3\.5 \("larger"\): .* 0 depart under it, \d+ under "summed".* --env-option contactMargins=larger\.$/,
    );
    expect(message(report, "other-contact-margins")).not.toMatch(/file names/);
    const told = (metadata: Record<string, unknown>): Promise<LintReport> =>
      lint(old, "Hopper-v5", {}, { metadata });
    const agrees = await told({ requirements: ["gymnasium>=1.0", "mujoco==2.3.7"] });
    expect(message(agrees, "other-contact-margins")).toContain("The file names MuJoCo 2.3, which agrees.");
    const disagrees = await told({ simulator: "Gymnasium 1.3.0 + MuJoCo 3.14.0" });
    expect(message(disagrees, "other-contact-margins")).toContain(
      "The file names MuJoCo 3.14, which does not agree.",
    );
    expect(doubts(await lint(old, "Hopper-v5", { contactMargins: "larger" }))).toEqual([]);
  });

  test("of the other MuJoCo, and actions a row late", async () => {
    const old = withLateActions(await recordIn("Hopper-v5", { contactMargins: "larger" }, 12, 100), 1);
    const report = await lint(old, "Hopper-v5");
    expect(doubts(report)).toEqual([
      ["error", "shifted-actions"],
      ["warning", "other-contact-margins"],
    ]);
  });
});

describe("dynamics", { timeout: TIMEOUT }, () => {
  test("of another world", async () => {
    const light = await recordIn("HalfCheetah-v5", { gravityScale: 0.9 }, 3, 120);
    const report = await lint(light, "HalfCheetah-v5");
    expect(doubts(report)).toEqual([["error", "other-dynamics"]]);
    expect(message(report, "other-dynamics")).toMatch(
      /^From (100|99\.\d)% of \d+ recorded states .*Another version/,
    );
    expect(report.simulation!.rewards).toBeNull();
    expect(report.simulation!.replay!.departsAt).toBeLessThan(10);
    expect(doubts(await lint(light, "HalfCheetah-v5", { gravityScale: 0.9 }))).toEqual([]);
  });

  test("of a few damaged rows, the worst of which is named", async () => {
    const planted = copyOf(cheetah);
    for (let row = 20; row < 140; row += 10) {
      // Both copies of the observation, so that only the simulator can tell.
      planted.observations[17 * row + 9] += row === 130 ? 9 : 1;
      planted.nextObservations[17 * (row - 1) + 9] += row === 130 ? 9 : 1;
    }
    const report = await lint(planted, "HalfCheetah-v5");
    expect(doubts(report)).toEqual([["warning", "other-dynamics"]]);
    // Row 130 is step 10 of episode 1, shown wrongly as the next observation of step 9.
    expect(message(report, "other-dynamics")).toMatch(/\(episode 1, step (9|10), column \d+\)\. Those rows/);
  });

  test("only of the last steps of episodes", async () => {
    const planted = copyOf(hopper);
    for (const end of planted.episodeStarts.subarray(1)) planted.nextObservations[11 * (end - 1) + 5] += 3;
    const report = await lint(planted, "Hopper-v5");
    expect(doubts(report)).toEqual([["error", "wrong-final-observations"]]);
    expect(message(report, "wrong-final-observations")).toMatch(/^In 1[0-2] of 1[0-2] episodes/);
  });

  test("of the last step of a single episode, among many that are sound", async () => {
    const whole = await recordIn("HalfCheetah-v5", {}, 1, 120);
    const last = whole.terminated.length - 1;
    for (const from of [0, last]) {
      const planted = copyOf(whole);
      planted.nextObservations.set(whole.observations.subarray(17 * from, 17 * (from + 1)), 17 * last);
      expect(message(await lint(planted, "HalfCheetah-v5"), "wrong-final-observations")).toMatch(
        /^In 1 of 1 episodes/,
      );
    }
    const nudged = copyOf(whole);
    nudged.nextObservations[17 * last + 8] += 0.01;
    const report = await lint(nudged, "HalfCheetah-v5");
    expect(report.simulation).toMatchObject({ departed: 1 });
    expect(doubts(report)).toEqual([]);
  });

  test("of a simulator that cannot take the state", async () => {
    const planted = copyOf(cheetah);
    planted.observations.fill(1e9, 17 * 30, 17 * 31);
    planted.nextObservations.fill(1e9, 17 * 29, 17 * 30);
    const report = await lint(planted, "HalfCheetah-v5");
    expect(report.simulation!.departed).toBeGreaterThan(0);
  });
});

describe("rewards", { timeout: TIMEOUT }, () => {
  test("scaled, or of another task", async () => {
    const scaled = { ...cheetah, rewards: cheetah.rewards!.map((reward) => 0.1 * reward) };
    const report = await lint(scaled, "HalfCheetah-v5");
    expect(doubts(report)).toEqual([["warning", "wrong-rewards"]]);
    expect(message(report, "wrong-rewards")).toMatch(/^(100|99\.\d)% of .* They are 0\.1 times the task's/);
    const costly = await recordIn("HalfCheetah-v5", { controlCostWeight: 0.5 }, 3, 120);
    const other = await lint(costly, "HalfCheetah-v5");
    expect(doubts(other)).toEqual([["warning", "wrong-rewards"]]);
    expect(message(other, "wrong-rewards")).toMatch(/episode 0, step 1: recorded .* Another version/);
  });

  test("of the last step alone, in which versions differ", async () => {
    const report = await lint(hopper, "Hopper-v4", { contactMargins: "summed" });
    expect(doubts(report)).toEqual([["warning", "wrong-rewards"]]);
    expect(message(report, "wrong-rewards")).toMatch(
      /^The reward of the last step is not the task's in 1\d of 1\d/,
    );
  });

  test("of a thinned recording are not compared, nor is it replayed", async () => {
    const thinned = subsample(cheetah, 3, keyFromSeed(1));
    const metadata = { subsampled: { every: 3 } };
    const report = await lint(thinned, "HalfCheetah-v5", {}, { metadata });
    expect(doubts(report)).toEqual([]);
    expect(message(report, "broken-next-observations")).toMatch(/^One row in 3 of an episode was kept/);
    expect(report.simulation).toMatchObject({ departed: 0, rewards: null, replay: null });
    expect(report.simulation!.steps).toBeGreaterThan(100);
    expect(doubts(await lint(thinned, "HalfCheetah-v5"))).toEqual([["warning", "broken-next-observations"]]);
  });

  test("missing ones are not compared", async () => {
    const report = await lint({ ...cheetah, rewards: null }, "HalfCheetah-v5");
    expect(report.simulation!.rewards).toBeNull();
    expect(doubts(report)).toEqual([]);
  });
});

describe("ends", { timeout: TIMEOUT }, () => {
  test("at the time limit marked as terminated", async () => {
    const planted = copyOf(await recordIn("HalfCheetah-v5", {}, 3, 60));
    planted.terminated.set(planted.truncated);
    planted.truncated.fill(0);
    const report = await lint(planted, "HalfCheetah-v5", { maxEpisodeSteps: 60 });
    expect(doubts(report)).toEqual([["error", "timeouts-as-terminations"]]);
    expect(message(report, "timeouts-as-terminations")).toMatch(
      /^3 of 3 simulated ends .* none by the rule of HalfCheetah-v5 \(first in episode 0, step 59\); 3 are at its time limit/,
    );
    const elsewhere = await lint(planted, "HalfCheetah-v5", { maxEpisodeSteps: 500 });
    expect(doubts(elsewhere)).toEqual([["error", "wrong-terminations"]]);
  });

  test("of the task without a mark", async () => {
    const planted = copyOf(hopper);
    planted.truncated.set(planted.terminated);
    planted.terminated.fill(0);
    const report = await lint(planted, "Hopper-v5");
    expect(doubts(report)).toEqual([["warning", "wrong-terminations"]]);
    expect(message(report, "wrong-terminations")).toMatch(
      /end the episode by the rule of Hopper-v5 and are not/,
    );
  });

  test("after which the recording goes on", async () => {
    const fallen = await recordIn("Hopper-v5", { terminateWhenUnhealthy: false }, 3, 100);
    const report = await lint(fallen, "Hopper-v5");
    expect(doubts(report)).toContainEqual(["warning", "wrong-terminations"]);
  });
});

describe("the replay", { timeout: TIMEOUT }, () => {
  test("says where it departs and by how much", async () => {
    const { replay } = (await lint(cheetah, "HalfCheetah-v5")).simulation!;
    expect(replay!.errors.map(({ step }) => step)).toEqual([1, 10, 100]);
    expect(replay!.errors[0].error).toBeLessThan(1e-5);
    expect(replay!.errors[0].error).toBeGreaterThan(0);
    const planted = copyOf(cheetah);
    planted.actions.fill(0, 6 * 40, 6 * 41);
    const bent = (await lint(planted, "HalfCheetah-v5")).simulation!.replay!;
    expect(bent.departsAt).toBe(41);
  });
});

describe("what cannot be simulated", { timeout: TIMEOUT }, () => {
  test("is judged as far as it goes, with the reason", async () => {
    const other = await lint(cheetah, "Hopper-v5");
    expect(doubts(other)).toEqual([
      ["error", "observation-size"],
      ["error", "action-size"],
    ]);
    expect(message(other, "not-simulated")).toMatch(/^The recording does not fit the environment/);
    const choices = copyOf(cartPole);
    choices.actions[3] = 2;
    expect(doubts(await lint(choices, "CartPole-v1"))).toEqual([["error", "actions-out-of-bounds"]]);
    const quiet = await lintFile(asFile(cheetah), { environment: null, simulate: false });
    expect(quiet.findings).toEqual([]);
    expect(quiet.simulation).toBeNull();
  });
});

describe("formatLint", { timeout: TIMEOUT }, () => {
  test("fits 80 columns and says what was checked", async () => {
    const report = await lint(withLateActions(hopper, 1), "Hopper-v5");
    const text = formatLint(report);
    for (const line of text.split("\n")) {
      expect(line.length).toBeLessThanOrEqual(80);
      expect(line).toBe(line.trimEnd());
    }
    for (const name of ["Demonstrations", "Size", "Simulated", "Margins", "Replay", "Wrong"]) {
      expect(text).toMatch(new RegExp(`^${name}\\b`, "m"));
    }
    const sound = formatLint(await lint(cheetah, "HalfCheetah-v5"));
    expect(sound).toMatch(
      /^Simulated {7}\d+ single steps in HalfCheetah-v5: all go where the recording\n {16}goes$/m,
    );
    expect(sound).toMatch(/\n\nNothing looks wrong\.\n/);
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });
});
