import { describe, expect, it } from "vitest";
import { box, keyFromSeed, type Trajectories } from "../../src/core/index.ts";
import { holdOutDemonstrations, heldOutFit, standardisedGap, stateDistance } from "../../src/eval/index.ts";
import { actionLogLikelihood, createSac, likelihoodRoom } from "../../src/rl/index.ts";
import { describeBuilds, normals, upload } from "../kernels/builds.ts";
import { randomEpisodes, toTrajectories } from "../reference/episodes.ts";

/** Trajectories whose states are these, one coordinate each. */
const at = (...states: number[]): Trajectories => ({
  ...toTrajectories(randomEpisodes(1, [states.length], { n: 1, d: 1, low: -1, high: 1 })),
  observations: Float32Array.from(states),
});

/** States that change for good at a step. */
const late = (from: number): Trajectories =>
  at(...Array.from({ length: 3000 }, (_, t) => (t < from ? t % 7 : 50 + (t % 7))));

/** Trajectories of two steps whose states are these, two coordinates each. */
const plane = (...states: number[]): Trajectories => ({
  ...toTrajectories(randomEpisodes(1, [2], { n: 2, d: 1, low: -1, high: 1 })),
  observations: Float32Array.from(states),
});

/** The same in episodes of these lengths, of which the task ended those that are marked 1. */
function ended(
  trajectories: Trajectories,
  marks: readonly number[] = [1],
  lengths: readonly number[] = [trajectories.terminated.length],
): Trajectories {
  const episodeStarts = Uint32Array.from([0, ...lengths.map((_, i) => sum(lengths.slice(0, i + 1)))]);
  const terminated = new Uint8Array(trajectories.terminated.length);
  for (const [i, mark] of marks.entries()) terminated[episodeStarts[i + 1] - 1] = mark;
  return { ...trajectories, episodeStarts, terminated };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Of lives that nothing ended. */
const cutDistance = (expert: Trajectories, agent: Trajectories): number => stateDistance(expert, agent, 5000);

const beside = (value: number): Trajectories => ({
  ...toTrajectories(randomEpisodes(1, [307], { n: 2, d: 1, low: -1, high: 1 })),
  observations: Float32Array.from({ length: 614 }, (_, i) => (i % 2 === 0 ? (i / 2) % 7 : value)),
});

describe("the distance between states", () => {
  it("is the normalised energy distance, in the expert's scale", () => {
    // The expert's deviation is 1: pairs within it are 2 apart, within the agent's 4; between them 2, 6, 0, 4.
    expect(cutDistance(at(-1, 1), at(1, 5))).toBeCloseTo(1 - (2 + 4) / (2 * 3), 12);
    expect(cutDistance(at(-10, 10), at(10, 50))).toBeCloseTo(cutDistance(at(-1, 1), at(1, 5)), 6);
    // Twice the expert's deviation, half the agent's spread beside it.
    expect(cutDistance(at(-2, 2), at(100, 101))).toBeCloseTo(1 - (2 + 0.5) / (2 * 50.25), 4);
  });

  it("weighs coordinates by how much they vary in the expert", () => {
    // Deviations 1 and 10: in units of them the expert is at (-1, -1) and (1, 1), the agent at (3, 0) and (3, 2).
    const distance = cutDistance(plane(-1, -10, 1, 10), plane(3, 0, 3, 20));
    const between = (Math.sqrt(17) + 5 + Math.sqrt(5) + Math.sqrt(5)) / 4;
    expect(distance).toBeCloseTo(1 - (Math.sqrt(8) + 2) / (2 * between), 6);
    // What never varies in the expert is in units of the agent's deviation, here 5.
    const flat = cutDistance(plane(-1, 7, 1, 7), plane(-1, 7, 1, 17));
    const apart = (0 + Math.sqrt(8) + 2 + 2) / 4;
    expect(flat).toBeCloseTo(Math.max(0, 1 - (2 + Math.sqrt(8)) / (2 * apart)), 6);
  });

  it("takes a coordinate for constant whose mean is rounded", () => {
    // The mean of 307 times 0.1 is off by 1e-16: in units of that the agent would be 1e10 away.
    expect(cutDistance(beside(0.1), beside(0.100001))).toBeLessThan(1e-6);
  });

  it("is about 0 for two samples of one distribution and about 1 for two that are far apart", () => {
    const sample = (seed: number, shift: number): Trajectories =>
      at(...normals(seed, 1500).map((x) => x + shift));
    expect(cutDistance(sample(1, 0), sample(2, 0))).toBeLessThan(0.01);
    expect(cutDistance(sample(1, 0), sample(2, 1))).toBeGreaterThan(0.05);
    expect(cutDistance(sample(1, 0), sample(2, 100))).toBeGreaterThan(0.95);
    expect(cutDistance(at(3, 3), at(3, 3))).toBe(0);
  });

  it("looks at every part of long trajectories", () => {
    expect(cutDistance(late(3000), late(1500))).toBeGreaterThan(0.2);
  });
});

/** The steps of a horizon one by one, [steps][n + 1], in the frame of an expert: lived through, then absorbed. */
function stepsOf(lives: Trajectories, expert: Trajectories, horizon: number): number[][] {
  const n = expert.observationSize;
  const frame = Array.from({ length: n }, (_, i) => {
    const column = Array.from(expert.observations).filter((_, at) => at % n === i);
    const mean = sum(column) / column.length;
    return { mean, deviation: Math.sqrt(sum(column.map((x) => (x - mean) ** 2)) / column.length) };
  });
  const lived = Array.from(lives.terminated, (_, t) => [
    ...frame.map(({ mean, deviation }, i) => (lives.observations[t * n + i] - mean) / deviation),
    0,
  ]);
  const left = Array.from(lives.episodeStarts.slice(1), (end, i) =>
    lives.terminated[end - 1] === 1 ? horizon - (end - lives.episodeStarts[i]) : 0,
  );
  const absorbing = [...frame.map(() => 0), Math.sqrt(n)];
  return [...lived, ...Array.from({ length: sum(left) }, () => absorbing)];
}

/** Normalised energy distance of two lists of points, each with itself over all pairs. */
function energyDistance(x: readonly number[][], y: readonly number[][]): number {
  return 1 - (meanApart(x, x) + meanApart(y, y)) / (2 * meanApart(x, y));
}

function meanApart(x: readonly number[][], y: readonly number[][]): number {
  const from = (p: readonly number[]): number =>
    sum(y.map((q) => Math.hypot(...p.map((value, i) => value - q[i]))));
  return sum(x.map(from)) / (x.length * y.length);
}

/** Normal states of two coordinates, off centre, in episodes of these lengths. */
const lives = (
  seed: number,
  lengths: readonly number[],
  marks: readonly number[],
  shift = 0,
): Trajectories => {
  const made = toTrajectories(randomEpisodes(seed, lengths, { n: 2, d: 1, low: -1, high: 1 }));
  const observations = made.observations.map((x, at) => (at % 2 === 0 ? 3 + x + shift : 10 * x - 4));
  return ended({ ...made, observations }, marks, lengths);
};

describe("a life that the task ended", () => {
  it("goes on in one absorbing state up to the horizon, a point of its own", () => {
    const [expert, agent] = [at(9, 11), at(13, 15)];
    // In deviations of the expert from its mean: -1 and 1 against 3 and 5. The absorbing state is 1 above 0, four steps of six.
    const b = 4 / 6;
    const [fromExpert, fromAgent] = [Math.sqrt(2), (Math.sqrt(10) + Math.sqrt(26)) / 2];
    const withinAgent = (1 - b) ** 2 * 2 + 2 * b * (1 - b) * fromAgent;
    const between = (1 - b) * 4 + b * fromExpert;
    expect(stateDistance(expert, ended(agent), 6)).toBeCloseTo(1 - (2 + withinAgent) / (2 * between), 12);
    // The expert's in two episodes of a step, the first of them ended: five steps of seven.
    const a = 5 / 7;
    const withinExpert = (1 - a) ** 2 * 2 + 2 * a * (1 - a) * fromExpert;
    const both = (1 - a) * (1 - b) * 4 + (1 - a) * b * fromExpert + a * (1 - b) * fromAgent;
    expect(stateDistance(ended(expert, [1, 0], [1, 1]), ended(agent), 6)).toBeCloseTo(
      1 - (withinExpert + withinAgent) / (2 * both),
      12,
    );
  });

  it("is then as far from the expert's states as these from each other, over the coordinates that vary", () => {
    // (-1, -1) and (1, 1) against (3, 0) and (3, 2); sqrt(2) above the mean, half of the time.
    const apart = (Math.sqrt(17) + 5 + Math.sqrt(5) + Math.sqrt(5)) / 4;
    const within = Math.sqrt(8) + 2 / 4 + (Math.sqrt(11) + Math.sqrt(15)) / 4;
    expect(stateDistance(plane(-1, -10, 1, 10), ended(plane(3, 0, 3, 20)), 4)).toBeCloseTo(
      1 - within / (apart + 2),
      6,
    );
    // One coordinate varies: (-1, 0) and (1, 0) against (9, 0) and (11, 2); 1 above.
    const further = (10 + Math.sqrt(148) + 8 + Math.sqrt(104)) / 4;
    const withinLine = 2 + Math.sqrt(8) / 4 + (Math.sqrt(82) + Math.sqrt(126)) / 4;
    expect(stateDistance(plane(-1, 7, 1, 7), ended(plane(9, 7, 11, 17)), 4)).toBeCloseTo(
      1 - withinLine / (further + Math.sqrt(2)),
      6,
    );
    // None varies: one state, left for three quarters of the time.
    expect(stateDistance(at(3, 3), ended(at(3, 3)), 8)).toBeCloseTo(3 / 4, 12);
  });

  it("counts as steps would one by one", () => {
    const expert = lives(1, [50, 150, 25], [0, 1, 1]);
    const agent = lives(2, [75, 20, 100], [1, 1, 0], 2);
    const counted = energyDistance(stepsOf(expert, expert, 200), stepsOf(agent, expert, 200));
    expect(counted).toBeGreaterThan(0.05);
    // The library leaves out pairs of a state with itself, which is 1 / 194 of what is within a side of 195 states.
    expect(Math.abs(stateDistance(expert, agent, 200) - counted)).toBeLessThan(1 / 194);
  });

  it("puts what stumbles further from the expert than what runs on a little elsewhere", () => {
    const expert = lives(1, [1000], [0]);
    const runner = stateDistance(expert, lives(2, [1000], [0], 1), 1000);
    const distances = [1000, 800, 400, 60].map((end) => stateDistance(expert, lives(3, [end], [1]), 1000));
    expect(distances).toEqual(distances.toSorted((p, q) => p - q));
    expect(cutDistance(expert, lives(3, [60], [0]))).toBeLessThan(runner);
    expect(distances[3]).toBeGreaterThan(2 * runner);
  });

  it("changes nothing, to the bit, where an episode is cut or ends with its time", () => {
    const [expert, agent] = [lives(1, [300, 120], [0, 0]), lives(2, [300, 300], [0, 0], 0.5)];
    // By the version before ends were counted (829d293).
    const before = 0.035936019529110075;
    for (const horizon of [1, 300, 5000]) expect(stateDistance(expert, agent, horizon)).toBe(before);
    const inTime = ended(agent, [1, 1], [300, 300]);
    for (const horizon of [200, 300]) expect(stateDistance(expert, inTime, horizon)).toBe(before);
    expect(stateDistance(expert, inTime, 301)).not.toBe(before);
  });

  it("keeps the distance in [0, 1], 0 between equal lives, and the same from either side", () => {
    for (let seed = 0; seed < 20; seed++) {
      const marks = [seed & 1, (seed >> 1) & 1];
      const one = lives(seed, [40 + seed, 90], marks);
      const other = lives(seed + 50, [20, 3 + 5 * seed], [1, (seed >> 2) & 1], seed / 2);
      for (const horizon of [1, 95, 1000]) {
        const distance = stateDistance(one, other, horizon);
        expect(distance).toBeGreaterThanOrEqual(0);
        expect(distance).toBeLessThanOrEqual(1);
        expect(stateDistance(one, one, horizon)).toBe(0);
        // Of the same states, and so in the same frame.
        const again = ended(one, [marks[1], 1], [90, 40 + seed]);
        expect(stateDistance(one, again, horizon)).toBeCloseTo(stateDistance(again, one, horizon), 12);
      }
    }
    expect(stateDistance(lives(1, [10], [0]), lives(2, [10], [1], 1e6), 11)).toBeGreaterThan(0.9);
  });

  it.each([0, Number.NaN, Infinity])("has no horizon of %s", (horizon) => {
    expect(() => stateDistance(at(1, 2), at(1, 2), horizon)).toThrow(
      `stateDistance: expected a horizon of one step or more, got ${horizon}; give the task's maxEpisodeSteps`,
    );
  });
});

describe("the gap between rewards", () => {
  it("counts in standard deviations of both sides together", () => {
    // Means 2 and -2, variances 1: 4 / sqrt(1 + 4).
    expect(standardisedGap([1, 3], [-1, -3])).toBeCloseTo(4 / Math.sqrt(5), 12);
    expect(standardisedGap([10, 30], [-10, -30])).toBeCloseTo(4 / Math.sqrt(5), 12);
    expect(standardisedGap([-1, -3], [1, 3])).toBeCloseTo(-4 / Math.sqrt(5), 12);
    expect(standardisedGap([5, 5], [5])).toBe(0);
  });
});

describeBuilds("the fit to held-out demonstrations", (kernels) => {
  const sac = createSac(
    kernels,
    2,
    1,
    {
      hidden: [4],
      batchSize: 2,
      discount: 0.9,
      learningRate: 1e-3,
      polyak: 0.1,
      temperature: 1,
      targetEntropy: "auto",
    },
    keyFromSeed(1),
  );
  const space = box(1, -2, 2);
  // More steps than are looked at at a time.
  const shown = toTrajectories(randomEpisodes(3, [300, 7], { n: 2, d: 1, low: -2, high: 2 }));
  const agent = ended(toTrajectories(randomEpisodes(4, [20], { n: 2, d: 1, low: -2, high: 2 })));

  it("is the mean likelihood of every step, in policy units", () => {
    const heldOut = holdOutDemonstrations(kernels, sac, space, shown, 300);
    const fit = heldOutFit(kernels, heldOut, sac, null, agent);
    const room = likelihoodRoom(kernels, sac, space, 1);
    let total = 0;
    for (let t = 0; t < 307; t++) {
      const row = [...shown.observations.subarray(2 * t, 2 * t + 2), shown.actions[t] / 2];
      actionLogLikelihood(kernels, sac, { size: 1, rows: upload(kernels, row), stride: 3 }, room);
      total += kernels.f32(room.logProb, 1)[0];
    }
    expect(fit.logLikelihood).toBeCloseTo(total / 307, 4);
    expect(fit.rewardGap).toBeNull();
    expect(fit.stateDistance).toBe(stateDistance(shown, agent, 300));
  });

  it("takes the learned reward of both sides", () => {
    const heldOut = holdOutDemonstrations(kernels, sac, space, shown, 300);
    const reward = ({ observations }: Trajectories): Float32Array =>
      observations === shown.observations ? Float32Array.of(1, 3) : Float32Array.of(-1, -3);
    expect(heldOutFit(kernels, heldOut, sac, reward, agent).rewardGap).toBeCloseTo(4 / Math.sqrt(5), 6);
  });
});
