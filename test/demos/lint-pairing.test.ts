import { describe, expect, test } from "vitest";
import { keyFromSeed, nextNormal, streamOf, type Trajectories } from "../../src/core/index.ts";
import { judgePairing } from "../../src/demos/lint-pairing.ts";
import { heldOutErrors, type Matrix } from "../../src/demos/lint-regression.ts";
import { withLateActions } from "./lint-recordings.ts";
import { countingEpisodes } from "./recordings.ts";

function matrix(rows: number, columns: number, value: (row: number, column: number) => number): Matrix {
  const data = Float64Array.from({ length: rows * columns }, (_, at) =>
    value(Math.floor(at / columns), at % columns),
  );
  return { rows, columns, data };
}

describe("heldOutErrors", () => {
  test("of the mean alone, by hand", () => {
    // Without predictors that vary, the held rows are predicted by the mean of the others, shrunk by the ridge.
    const errors = heldOutErrors(
      matrix(4, 1, () => 0),
      matrix(4, 1, (row) => [1, 1, 3, 3][row]),
      2,
    );
    const shrink = 1 / (1 + 1e-4);
    const squares = [(3 * shrink - 1) ** 2, (1 * shrink - 3) ** 2];
    // 4 is the most that counts.
    expect(errors.map(([error]) => error)).toEqual(
      squares.map((square) => expect.closeTo(Math.log(Math.min(square, 4) + 1e-6), 9)),
    );
  });

  test("of a linear law are nothing, of noise its size, of each target its own", () => {
    const stream = streamOf(keyFromSeed(1));
    const rows = 2000;
    const x = matrix(rows, 3, () => nextNormal(stream));
    const y = matrix(rows, 2, (row, column) => {
      const law = 0.5 + x.data[3 * row] - 0.3 * x.data[3 * row + 2];
      return column === 0 ? law : law + 0.2 * nextNormal(stream);
    });
    for (const errors of heldOutErrors(x, y, 5)) {
      expect(errors[0]).toBeLessThan(Math.log(1e-5));
      // A mean of 400 squares has a relative deviation of sqrt(2 / 400) = 0.07.
      expect(Math.abs(errors[1] - Math.log(0.04))).toBeLessThan(4 * 0.07);
    }
  });

  test("are of rows that were not learned from", () => {
    // A law that changes its sign in the last block: learned from the others, it is worse than nothing there.
    const x = matrix(100, 1, (row) => (row % 2 === 0 ? 1 : -1));
    const y = matrix(100, 1, (row) => x.data[row] * (row < 80 ? 1 : -1));
    const errors = heldOutErrors(x, y, 5);
    expect(errors[4][0]).toBeCloseTo(Math.log(4 + 1e-6), 2);
    // Learned from 60 rows of the one sign and 20 of the other the slope is 1/2.
    expect(errors[0][0]).toBeCloseTo(Math.log(0.25), 2);
  });
});

/**
 * A damped oscillator under a noisy feedback that its next state shows: x'' follows the action strongly, and the action
 * follows the state.
 */
function feedback(rows: number, columns = 2, effect = 0.5): Trajectories {
  const stream = streamOf(keyFromSeed(7));
  const made = countingEpisodes([rows]);
  const observations = new Float32Array(rows * columns);
  const next = new Float32Array(rows * columns);
  let [position, velocity] = [0, 0];
  const show = (data: Float32Array, row: number): void => {
    // Beyond the two, columns mix them.
    for (let j = 0; j < columns; j++)
      data[row * columns + j] = position * Math.cos(j) + velocity * Math.sin(j + 1);
  };
  for (let row = 0; row < rows; row++) {
    show(observations, row);
    const action = -0.8 * velocity - 0.3 * position + 0.5 * nextNormal(stream);
    made.actions[row] = action;
    velocity = 0.9 * velocity - 0.2 * position + effect * action + 0.05 * nextNormal(stream);
    position += 0.2 * velocity;
    show(next, row);
  }
  return { ...made, observationSize: columns, observations, nextObservations: next };
}

describe("judgePairing", () => {
  test("keeps a right pairing and tells one row late from one row early", () => {
    for (const columns of [2, 40]) {
      const sound = feedback(3000, columns);
      const { shift, scores, rows } = judgePairing(sound)!;
      expect(rows).toBe(2996);
      expect(shift).toBe(0);
      expect(scores[0]).toBeGreaterThan(Math.max(scores[1], scores[-1]) + 0.25);
      expect(judgePairing(withLateActions(sound, 1))!.shift).toBe(1);
      expect(judgePairing(withLateActions(sound, -1))!.shift).toBe(-1);
    }
  });

  test("scores move with the rows", () => {
    const sound = feedback(3000);
    const [own, late] = [judgePairing(sound)!, judgePairing(withLateActions(sound, 1))!];
    expect(late.scores[1]).toBeCloseTo(own.scores[0], 1);
    expect(late.scores[0]).toBeCloseTo(own.scores[-1], 1);
    expect(late.margin).toBeCloseTo(late.scores[1] - late.scores[0], 9);
    expect(late.standardError).toBeGreaterThan(0);
  });

  test("of choices", () => {
    const sound = feedback(4000);
    const chosen = {
      ...sound,
      actions: sound.actions.map((action) => (action > 0.3 ? 2 : action < -0.3 ? 0 : 1)),
    };
    const own = judgePairing(chosen)!;
    expect(own.shift).toBe(0);
    // Every choice counts.
    const merged = { ...chosen, actions: chosen.actions.map((action) => Math.min(1, action)) };
    expect(judgePairing(merged)!.scores[0]).toBeLessThan(own.scores[0] - 0.05);
    // The names of choices say nothing of their order.
    const renamed = { ...chosen, actions: chosen.actions.map((action) => [1, 2, 0][action]) };
    expect(judgePairing(renamed)!.scores[0]).toBeCloseTo(own.scores[0], 1);
  });

  test("is not fooled by an expert whose next action tells the next observation", () => {
    // A walk that its action hardly moves, and an action that follows from where it is: a_{t+1} shows x_{t+1}.
    const stream = streamOf(keyFromSeed(11));
    const made = countingEpisodes([3000]);
    let x = 0;
    for (let row = 0; row < 3000; row++) {
      const action = 0.7 * x + 0.2 * x * x;
      made.observations.set([x, 0], 2 * row);
      made.actions[row] = action;
      x = 0.5 * x + 0.01 * action + nextNormal(stream);
      made.nextObservations.set([x, 0], 2 * row);
    }
    const { shift, scores } = judgePairing(made)!;
    expect(shift).toBe(0);
    expect(scores[0]).toBeGreaterThan(scores[1] + 1);
    expect(judgePairing(withLateActions(made, 1))!.shift).toBe(1);
  });

  test("claims nothing of a difference that is sure and small", () => {
    const slight = withLateActions(feedback(6000, 2, 0.03), 1);
    const { shift, margin, standardError } = judgePairing(slight)!;
    expect(margin).toBeGreaterThan(4 * standardError);
    expect(margin).toBeLessThan(0.25);
    expect(shift).toBe(0);
  });

  test("claims nothing of actions that have no effect and no reason", () => {
    const stream = streamOf(keyFromSeed(9));
    const sound = feedback(3000);
    const idle = { ...sound, actions: sound.actions.map(() => nextNormal(stream)) };
    const { shift, scores } = judgePairing(idle)!;
    expect(shift).toBe(0);
    expect(Math.abs(scores[0])).toBeLessThan(0.1);
  });

  test("does not judge few rows, short episodes or actions that never change", () => {
    expect(judgePairing(feedback(503))).toBeNull();
    expect(judgePairing(feedback(505))).not.toBeNull();
    const chopped = {
      ...feedback(1000),
      episodeStarts: Uint32Array.from({ length: 251 }, (_, at) => 4 * at),
    };
    expect(judgePairing(chopped)).toBeNull();
    const still = { ...feedback(1000), actions: new Float32Array(1000).fill(0.3) };
    expect(judgePairing(still)).toBeNull();
    // 24 projected columns need more.
    expect(judgePairing(feedback(1100, 40))).toBeNull();
    expect(judgePairing(feedback(1200, 40))).not.toBeNull();
  });
});
