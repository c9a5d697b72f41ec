import { describe, expect, test } from "vitest";
import {
  box,
  keyFromSeed,
  nextInteger,
  nextNormal,
  streamOf,
  type ActionSpace,
  type Trajectories,
} from "../../src/core/index.ts";
import {
  formatInspection,
  inspectDemonstrations,
  inspectFile,
  subsample,
  takeEpisodes,
  type Demonstrations,
  type FindingKind,
  type FindingSeverity,
  type Inspection,
} from "../../src/demos/index.ts";
import { asFile } from "./lint-recordings.ts";
import { asRead, countingEpisodes } from "./recordings.ts";

const LENGTHS = [60, 75, 52, 90];

/** A sound recording: a damped walk pushed by small actions, ended by the task but for the last, longest episode. */
function soundEpisodes(lengths: readonly number[] = LENGTHS): Trajectories {
  const stream = streamOf(keyFromSeed(3));
  const made = countingEpisodes(lengths);
  const { episodeStarts, observations, nextObservations, actions, rewards } = made;
  for (let episode = 0; episode < lengths.length; episode++) {
    let state = [nextNormal(stream), nextNormal(stream)];
    for (let row = episodeStarts[episode]; row < episodeStarts[episode + 1]; row++) {
      const action = Math.max(-0.9, Math.min(0.9, 0.3 * nextNormal(stream)));
      const next = [0.9 * state[0] + 0.1 * state[1] + action, 0.9 * state[1] + 0.1 * nextNormal(stream)];
      observations.set(state, 2 * row);
      nextObservations.set(next, 2 * row);
      actions[row] = action;
      rewards![row] = -state[0] * state[0];
      state = next;
    }
  }
  return made;
}

function inspect(trajectories: Trajectories, actionSpace?: ActionSpace): Inspection {
  return inspectDemonstrations(asRead(trajectories), actionSpace && { actionSpace });
}

/** The kinds and severities found, worst first. */
function found({ findings }: Inspection): [FindingSeverity, FindingKind][] {
  return findings.map(({ severity, kind }) => [severity, kind]);
}

/** The one message of a kind. */
function message(report: Inspection, kind: FindingKind): string {
  const messages = report.findings
    .filter((finding) => finding.kind === kind)
    .map((finding) => finding.message);
  expect(messages).toHaveLength(1);
  return messages[0];
}

/** The sound recording with a column of observations scaled. */
function scaled(column: number, factor: number): Trajectories {
  const made = soundEpisodes();
  for (const data of [made.observations, made.nextObservations]) {
    for (let at = column; at < data.length; at += 2) data[at] *= factor;
  }
  return made;
}

/** The sound recording with next observations `lag` rows away (clamped to the episode). */
function lagged(lag: number, lengths: readonly number[] = LENGTHS): Trajectories {
  const made = soundEpisodes(lengths);
  const { episodeStarts, observations, nextObservations } = made;
  for (let episode = 0; episode < lengths.length; episode++) {
    const [start, end] = [episodeStarts[episode], episodeStarts[episode + 1]];
    for (let row = start; row < end; row++) {
      const other = Math.max(start, Math.min(end - 1, row + lag));
      nextObservations.set(observations.subarray(2 * other, 2 * other + 2), 2 * row);
    }
  }
  return made;
}

/** All ends marked as terminations. */
function allTerminated(lengths: number[]): Trajectories {
  const made = soundEpisodes(lengths);
  return {
    ...made,
    terminated: made.terminated.map((flag, row) => flag | made.truncated[row]),
    truncated: new Uint8Array(made.truncated.length),
  };
}

test("a sound recording has no findings", () => {
  expect(inspect(soundEpisodes()).findings).toEqual([]);
  expect(inspect(soundEpisodes(), box(1, -1, 1)).findings).toEqual([]);
  expect(inspect(soundEpisodes([500])).findings).toEqual([]);
});

test("the numbers, by hand", () => {
  // Episodes of rewards {0, 1, 2} and {1, 2}; observations (0 0)(1 -1)(2 -2)(10 0)(11 -1).
  const report = inspect(countingEpisodes([3, 2]));
  expect(report).toMatchObject({
    episodes: 2,
    transitions: 5,
    observationSize: 2,
    actionSize: 1,
    layout: "plain",
  });
  expect(report.lengths).toEqual({ min: 2, mean: 2.5, max: 3, std: 0.5 });
  expect(report.returns).toEqual({ min: 3, mean: 3, max: 3, std: 0 });
  expect(report.observations[0]).toMatchObject({ min: 0, mean: 4.8, max: 11 });
  // Variance (4.8^2 + 3.8^2 + 2.8^2 + 5.2^2 + 6.2^2) / 5 = 22.16.
  expect(report.observations[0].std).toBeCloseTo(Math.sqrt(22.16), 12);
  expect(report.observations[1]).toEqual({
    min: -2,
    mean: -0.8,
    max: 0,
    std: expect.closeTo(Math.sqrt(0.56), 12),
  });
  expect(report.ends).toEqual({ terminated: 1, truncated: 1, unmarked: 0 });
  expect(report.actionCounts).toBeNull();
  expect(JSON.parse(JSON.stringify(report))).toEqual(report);
});

/** Episodes of many columns, so that a few rows fill a block of 32 MiB. */
function wideEpisodes(columns: number, lengths: readonly number[]): Trajectories {
  const narrow = soundEpisodes(lengths);
  const widen = (data: Float32Array): Float32Array =>
    new Float32Array((data.length / 2) * columns).map(
      (_, at) => data[2 * Math.floor(at / columns) + (at % 2)] + (at % columns),
    );
  return {
    ...narrow,
    observationSize: columns,
    observations: widen(narrow.observations),
    nextObservations: widen(narrow.nextObservations),
  };
}

describe("a file", () => {
  test("gives, read in parts, what it gives from memory; a fault at a seam included", async () => {
    // 8354 rows of 4010 bytes fit into a block.
    const made = wideEpisodes(500, [3000, 3100, 2900]);
    made.actions[7] = 1.5;
    const seam = made.episodeStarts[2];
    made.nextObservations.set(made.observations.subarray(500 * seam, 500 * (seam + 1)), 500 * (seam - 1));
    const options = { actionSpace: box(1, -1, 1) };
    const file = asFile(made, { env: "Counting-v0", source: "counting.npz", warnings: ["A word."] });
    const progress: [number, number][] = [];
    const inspection = await inspectFile(file, options, (rows, of) => progress.push([rows, of]));
    expect(file.reads).toEqual([
      [0, 2],
      [2, 3],
    ]);
    expect(progress).toEqual([
      [6100, 9000],
      [9000, 9000],
    ]);
    const whole = inspectDemonstrations({ ...asRead(made), warnings: ["A word."] }, options);
    expect(inspection).toEqual({ ...whole, format: "npz" });
    expect(found(inspection).map(([, kind]) => kind)).toEqual([
      "actions-out-of-bounds",
      "wrong-final-observations",
      "reading",
    ]);
    expect(formatInspection(inspection)).toMatch(/^Format {10}npz, layout plain$/m);
  });
});

/** Judged by a task that cuts its episodes after so many steps. */
function within(maxEpisodeSteps: number, trajectories = soundEpisodes()): Inspection {
  return inspectDemonstrations(asRead(trajectories), { maxEpisodeSteps });
}

describe("what a known task tells", () => {
  test("entries that are not finite", () => {
    const planted = soundEpisodes();
    planted.nextObservations[2 * 70 + 1] = NaN;
    planted.rewards![80] = Infinity;
    const report = inspect(planted);
    expect(found(report)[0]).toEqual(["error", "not-finite"]);
    expect(message(report, "not-finite")).toMatch(
      /^2 entries .* first NaN in next observations, episode 1, step 10, column 1/,
    );
  });

  test("observations of another size", () => {
    const report = inspectDemonstrations(asRead(soundEpisodes()), { observationSpace: box(3, -1, 1) });
    expect(found(report)).toEqual([["error", "observation-size"]]);
    expect(message(report, "observation-size")).toMatch(/gives observations of 3, the recording has 2/);
  });

  test("episodes beyond the limit, and a single end at the limit that is marked as terminated", () => {
    expect(within(90).findings).toEqual([]);
    expect(found(within(89))).toEqual([["warning", "longer-than-limit"]]);
    expect(message(within(74), "longer-than-limit")).toMatch(
      /^2 of 4 episodes .* limit of 74 steps \(episodes 1, 3; up to 90\)/,
    );
    const marked = allTerminated([60, 75, 52]);
    expect(within(76, marked).findings).toEqual([]);
    expect(found(within(75, marked))).toEqual([["warning", "timeouts-as-terminations"]]);
  });

  test("dead contact forces by name", () => {
    const ant: Trajectories = {
      ...soundEpisodes([60, 62]),
      observationSize: 111,
      observations: new Float32Array(122 * 111).map((_, at) => (at % 111 < 27 ? (at * at) % 13 : 0)),
      nextObservations: new Float32Array(122 * 111),
    };
    const report = inspectDemonstrations({ ...asRead(ant), env: "Ant-v2" });
    expect(message(report, "constant-observations")).toMatch(
      /^84 of 111 .* \(columns 27-110: contact forces\)\. The simulator computed no contact forces/,
    );
    // One of them alive: the columns are still named, but nothing is said of the simulator.
    ant.observations.forEach((_, at) => at % 111 === 50 && (ant.observations[at] = at));
    const alive = inspectDemonstrations({ ...asRead(ant), env: "Ant-v2" });
    expect(message(alive, "constant-observations")).toMatch(
      /^83 of 111 .* \(columns 27-49, 51-110: contact forces\)\. They tell nothing/,
    );
    const unknown = inspectDemonstrations({ ...asRead(ant), env: "Elephant-v2" });
    expect(message(unknown, "constant-observations")).toMatch(/\(columns 27-49, 51-110\)\. They/);
  });
});

describe("actions", () => {
  test("outside the bounds of the action space", () => {
    const planted = soundEpisodes();
    planted.actions[7] = 1.5;
    const report = inspect(planted, box(1, -1, 1));
    expect(found(report)).toEqual([["error", "actions-out-of-bounds"]]);
    expect(message(report, "actions-out-of-bounds")).toMatch(
      /^0\.4% of the action entries .*column 0; largest magnitude 1\.5/,
    );
  });

  test("without an action space [-1, 1] is suspected only where most entries lie there", () => {
    const some = soundEpisodes();
    some.actions.forEach((_, row) => row % 3 === 0 && (some.actions[row] = 2.5));
    expect(found(inspect(some))).toEqual([["warning", "actions-out-of-bounds"]]);
    expect(message(inspect(some), "actions-out-of-bounds")).toMatch(
      /^34% .* outside \[-1, 1\], most lie inside/,
    );
    const most = { ...some, actions: some.actions.map((action) => 20 * action) };
    expect(found(inspect(most))).toEqual([]);
  });

  test("a bound that float32 rounds up is not crossed by an action that sits on it", () => {
    const planted = soundEpisodes();
    planted.actions.forEach((action, row) => (planted.actions[row] = row % 10 === 0 ? 0.4 : 0.4 * action));
    expect(found(inspect(planted, box(1, -0.4, 0.4)))).toEqual([["note", "actions-at-bounds"]]);
    expect(message(inspect(planted, box(1, -0.4, 0.4)), "actions-at-bounds")).toMatch(
      /^10% of the action entries/,
    );
  });

  test("discrete actions: not among the choices, or fractional", () => {
    const discrete = soundEpisodes();
    discrete.actions.forEach((_, row) => (discrete.actions[row] = row % 3));
    expect(inspect(discrete, { kind: "discrete", count: 3 }).findings).toEqual([]);
    expect(inspect(discrete).findings).toEqual([]);
    expect(inspect(discrete).actionCounts).toEqual([
      { action: 0, count: 93 },
      { action: 1, count: 92 },
      { action: 2, count: 92 },
    ]);
    expect(found(inspect(discrete, { kind: "discrete", count: 2 }))).toEqual([
      ["error", "actions-out-of-bounds"],
    ]);
    expect(found(inspect(soundEpisodes(), { kind: "discrete", count: 2 }))).toEqual([
      ["error", "actions-out-of-bounds"],
    ]);
  });

  test("of another size than the environment's", () => {
    expect(found(inspect(soundEpisodes(), box(3, -1, 1)))).toEqual([["error", "action-size"]]);
  });

  test("that never change", () => {
    const planted = soundEpisodes();
    planted.actions.fill(0.5);
    expect(found(inspect(planted))).toEqual([["warning", "constant-actions"]]);
  });
});

describe("observations", () => {
  test("a column, or all of them, that never change", () => {
    const one = inspect(scaled(1, 0));
    expect(found(one)).toEqual([["note", "constant-observations"]]);
    expect(message(one, "constant-observations")).toMatch(
      /^1 of 2 observation columns never change \(column 1\)/,
    );
    const all = soundEpisodes();
    all.observations.fill(1);
    all.nextObservations.fill(1);
    expect(found(inspect(all))).toContainEqual(["error", "constant-observations"]);
  });

  test("columns of very different spread", () => {
    expect(found(inspect(scaled(1, 1e4)))).toEqual([["note", "uneven-scales"]]);
    expect(message(inspect(scaled(1, 1e-6)), "uneven-scales")).toMatch(
      /column 1 to .* in column 0: normalise/,
    );
    expect(found(inspect(scaled(1, 100)))).toEqual([]);
  });
});

describe("next observations", () => {
  test("shifted: the row's own, one row ahead, two rows behind", () => {
    for (const [lag, words] of [
      [0, /repeats the row's own observation/],
      [2, /two rows on: next observations run one row ahead/],
      [-1, /of the row before: next observations run two rows behind/],
    ] as const) {
      const report = inspect(lagged(lag));
      expect(found(report)[0]).toEqual(["error", "shifted-next-observations"]);
      expect(message(report, "shifted-next-observations")).toMatch(words);
      // Episodes of five steps: rows without a partner in their own episode must not count.
      const short = inspect(lagged(lag, Array(20).fill(5)));
      expect(message(short, "shifted-next-observations")).toMatch(words);
    }
  });

  test("damaged in one row, which is named", () => {
    const planted = soundEpisodes();
    planted.nextObservations[2 * (60 + 12)] += 0.01;
    const report = inspect(planted);
    expect(found(report)).toEqual([["warning", "broken-next-observations"]]);
    expect(message(report, "broken-next-observations")).toMatch(
      /^In 0\.4% of the rows .* \(first in episode 1, step 12\)/,
    );
  });

  test("of subsampled rows", () => {
    const report = inspect(subsample(soundEpisodes(), 5, keyFromSeed(0)));
    expect(found(report)).toContainEqual(["warning", "broken-next-observations"]);
    expect(message(report, "broken-next-observations")).toMatch(/^In 100% of the rows/);
  });

  test("rounding of float32 is no damage, also far from zero", () => {
    const planted = soundEpisodes();
    for (const data of [planted.observations, planted.nextObservations]) {
      data.forEach((value, at) => (data[at] = 5000 + value));
    }
    const rounded = planted.nextObservations.map((value) => value * (1 + 2 ** -23));
    expect(inspect({ ...planted, nextObservations: rounded }).findings).toEqual([]);
  });

  test("after an automatic reset", () => {
    const planted = soundEpisodes();
    for (const start of planted.episodeStarts.subarray(1, -1)) {
      planted.nextObservations.set(planted.observations.subarray(2 * start, 2 * start + 2), 2 * (start - 1));
    }
    const report = inspect(planted);
    expect(found(report)).toEqual([["error", "wrong-final-observations"]]);
    expect(message(report, "wrong-final-observations")).toMatch(
      /^In 3 of 4 episodes .* after an automatic reset/,
    );
    const cut = { ...planted, terminated: planted.truncated, truncated: planted.terminated };
    expect(found(inspect(cut))).toEqual([["warning", "wrong-final-observations"]]);
    expect(message(inspect(cut), "wrong-final-observations")).toMatch(/cut into pieces, which is fine/);
  });

  test("lost at the ends, where the last observation stands in", () => {
    const planted = soundEpisodes();
    for (const end of planted.episodeStarts.subarray(1)) {
      planted.nextObservations.set(planted.observations.subarray(2 * end - 2, 2 * end), 2 * end - 2);
    }
    expect(found(inspect(planted))).toEqual([["warning", "wrong-final-observations"]]);
    expect(message(inspect(planted), "wrong-final-observations")).toMatch(/repeats the last observation/);
    // A single episode that happens to stop moving is no pattern.
    const sound = soundEpisodes();
    sound.nextObservations.copyWithin(2 * 59, 2 * 58, 2 * 59);
    expect(inspect(sound).findings).toEqual([]);
  });
});

describe("rows and episodes", () => {
  test("padding: repeated rows at the end", () => {
    const planted = soundEpisodes();
    for (let row = 57; row < 60; row++) {
      planted.observations.copyWithin(2 * row, 2 * 56, 2 * 57);
      planted.nextObservations.copyWithin(2 * row, 2 * 56, 2 * 57);
      planted.actions[row] = planted.actions[56];
    }
    planted.nextObservations.copyWithin(2 * 55, 2 * 56, 2 * 57);
    const report = inspect(planted);
    expect(found(report)).toContainEqual(["warning", "repeated-last-rows"]);
    expect(message(report, "repeated-last-rows")).toMatch(
      /^1 of 4 episodes end with a repeated row \(3 repeats in all\)/,
    );
  });

  test("where states are few, repeats are neither lost ends nor padding", () => {
    const stream = streamOf(keyFromSeed(4));
    /** Walks over five places, a step left, none, or right; the ends alternate between staying once and twice. */
    const walks = countingEpisodes([40, 41, 42, 43, 44, 45]);
    const { episodeStarts, observations, nextObservations, actions } = walks;
    for (let episode = 0; episode < 6; episode++) {
      const end = episodeStarts[episode + 1];
      let place = episode % 5;
      for (let row = episodeStarts[episode]; row < end; row++) {
        const stays = row === end - 1 || (row === end - 2 && episode % 2 === 1);
        const moves = row === end - 2 || (row === end - 3 && episode % 2 === 1);
        const drawn = nextInteger(stream, 3) - 1;
        const move = stays ? 0 : moves ? (place > 2 ? -1 : 1) : drawn;
        const next = Math.min(4, Math.max(0, place + move));
        observations.set([place, place * place], 2 * row);
        nextObservations.set([next, next * next], 2 * row);
        actions[row] = move + 1;
        place = next;
      }
    }
    expect(inspect(walks).findings).toEqual([]);
  });

  test("one repeat before the end is no padding", () => {
    const planted = soundEpisodes();
    const { observations, nextObservations, actions } = planted;
    for (const row of [20, 100]) {
      observations.copyWithin(2 * row, 2 * row - 2, 2 * row);
      nextObservations.set(observations.subarray(2 * row, 2 * row + 2), 2 * row - 2);
      actions[row] = actions[row - 1];
    }
    expect(inspect(planted).findings).toEqual([]);
  });

  test("a rest with changing actions is no padding", () => {
    const planted = soundEpisodes();
    for (let row = 55; row < 60; row++) {
      planted.observations.copyWithin(2 * row, 2 * 54, 2 * 55);
      planted.nextObservations.copyWithin(2 * row - 2, 2 * 54, 2 * 55);
    }
    for (let row = 54; row < 60; row++)
      planted.nextObservations.set(planted.observations.subarray(108, 110), 2 * row);
    expect(inspect(planted).findings).toEqual([]);
  });

  test("a duplicate", () => {
    const report = inspect(takeEpisodes(soundEpisodes(), [0, 1, 0, 2, 1]));
    expect(found(report)).toEqual([["warning", "duplicate-episodes"]]);
    expect(message(report, "duplicate-episodes")).toMatch(/^2 of 5 episodes .* \(2 repeats 0, 4 repeats 1\)/);
  });

  test("of a single step", () => {
    const report = inspect(soundEpisodes([60, 1, 75, 1]));
    expect(found(report)).toEqual([["warning", "single-step-episodes"]]);
    expect(message(report, "single-step-episodes")).toMatch(
      /^2 of 4 episodes have a single step \(episodes 1, 3\)/,
    );
  });
});

describe("rewards", () => {
  test("missing, all alike, all zero", () => {
    const made = soundEpisodes();
    expect(found(inspect({ ...made, rewards: null }))).toEqual([["note", "missing-rewards"]]);
    expect(inspect({ ...made, rewards: null }).returns).toBeNull();
    expect(found(inspect({ ...made, rewards: made.rewards!.map(() => 1) }))).toEqual([
      ["note", "constant-rewards"],
    ]);
    expect(found(inspect({ ...made, rewards: made.rewards!.map(() => 0) }))).toEqual([
      ["warning", "constant-rewards"],
    ]);
  });
});

describe("ends", () => {
  test("timeouts marked as terminations", () => {
    for (const lengths of [[200, 200, 200], [999, 999, 999, 999, 999], [1000], [80, 100, 100]]) {
      const report = inspect(allTerminated(lengths));
      expect(found(report), String(lengths)).toEqual([["warning", "timeouts-as-terminations"]]);
    }
    expect(message(inspect(allTerminated([200, 200])), "timeouts-as-terminations")).toMatch(
      /^All 2 episodes are marked as terminated after exactly 200 steps/,
    );
    expect(message(inspect(allTerminated([80, 100, 100])), "timeouts-as-terminations")).toMatch(
      /^2 of 3 episodes/,
    );
  });

  test("terminations that are none of a time limit's", () => {
    for (const lengths of [[113, 113, 80], [117], [100, 90], [8, 8, 8, 8, 8, 8], [120, 60, 60]]) {
      expect(inspect(allTerminated(lengths)).findings, String(lengths)).toEqual([]);
    }
  });

  test("with both flags or without any", () => {
    const made = soundEpisodes();
    const both = { ...made, truncated: made.truncated.map((flag, row) => flag | made.terminated[row]) };
    expect(found(inspect(both))).toEqual([["warning", "ends-with-both-flags"]]);
    const none = { ...made, terminated: new Uint8Array(made.terminated.length) };
    expect(found(inspect(none))).toEqual([["note", "unmarked-ends"]]);
    expect(inspect(none).ends).toEqual({ terminated: 0, truncated: 1, unmarked: 3 });
  });
});

test("what the reader had to decide is among the notes", () => {
  const read: Demonstrations = { ...asRead(soundEpisodes()), warnings: ["The last step was dropped."] };
  expect(inspectDemonstrations(read).findings).toEqual([
    { kind: "reading", severity: "note", message: "The last step was dropped." },
  ]);
});

describe("formatInspection", () => {
  test("a sound recording, in full", () => {
    expect(formatInspection(inspect(soundEpisodes()))).toMatchInlineSnapshot(`
      "Demonstrations  counting.npz
      Environment     Counting-v0
      Layout          plain

      4 episodes             min      mean       max       std
        steps                 52    69.250        90    14.549
        return           -52.882   -39.800   -25.381    13.108
        end           3 terminated by the task, 1 cut (time limit)

      2 observations         min      mean       max       std   min   mean, std   max
        0                 -2.069    -0.142     1.455     0.745   ───────━━━━●━━━━─────
        1                 -0.326     0.175     1.379     0.283   ───━━━●━━━───────────

      1 action               min      mean       max       std   min   mean, std   max
        0                 -0.900    -0.037     0.684     0.320   ───────━━━━●━━━━─────

      Nothing looks wrong.
      "
    `);
  });

  test("a poor one: the worst at the end is introduced by how bad it is", () => {
    const planted = takeEpisodes(soundEpisodes(), [0, 0]);
    planted.actions[7] = 1.5;
    planted.rewards!.fill(1);
    expect(formatInspection(inspect(planted, box(1, -1, 1)))).toMatchInlineSnapshot(`
      "Demonstrations  counting.npz
      Environment     Counting-v0
      Layout          plain

      2 episodes             min      mean       max       std
        steps                 60        60        60         0
        return                60        60        60         0
        end           all terminated by the task

      2 observations         min      mean       max       std   min   mean, std   max
        0                 -1.739     0.110     1.049     0.641   ─────────━━━━●━━━━━──
        1                 -0.175     0.254     0.745     0.189   ─────━━━━●━━━━───────

      1 action               min      mean       max       std   min   mean, std   max
        0                 -0.822    -0.027     1.500     0.324   ────━━━●━━━──────────

      Wrong
        - 0.8% of the action entries lie outside the environment's bounds (column 0;
          largest magnitude 1.5). The environment would clip them: clip them before
          learning.

      Worth knowing
        - Every reward is 1: its return only counts steps.
      "
    `);
  });

  test("choices are shown as bars", () => {
    const discrete = soundEpisodes();
    discrete.actions.forEach((_, row) => (discrete.actions[row] = row % 5 === 0 ? 2 : 0));
    expect(formatInspection(inspect(discrete))).toContain(
      [
        "Action               steps     share",
        "  0                    221     79.8%   ████████████████████████████████████████",
        "  2                     56     20.2%   ██████████",
      ].join("\n"),
    );
  });

  test("many columns are summed up; no line is too long, none ends in spaces, nothing can steer the terminal", () => {
    const wide: Trajectories = {
      ...soundEpisodes([60, 62]),
      observationSize: 40,
      observations: new Float32Array(122 * 40).map((_, at) => (at % 40) * (at % 7)),
      nextObservations: new Float32Array(122 * 40),
    };
    const report = inspectDemonstrations({ ...asRead(wide), env: "Evil\u001b[31m\nEnv" });
    const text = formatInspection(report);
    expect(text).toMatch(/^ {2}32-39 +all between 0\.000 and 234\.000$/m);
    expect(text).toContain("constant");
    expect(text).toContain("Evil?[31m?Env");
    for (const line of text.split("\n")) {
      expect(line.length).toBeLessThanOrEqual(80);
      expect(line).toBe(line.trimEnd());
    }
    expect(text.endsWith("\n")).toBe(true);
  });
});
