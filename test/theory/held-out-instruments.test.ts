import { expect, it } from "vitest";
import { keyFromSeed } from "../../src/core/index.ts";
import {
  createSoftQMlIrl,
  softQAbsorbingReward,
  softQMlIrlIteration,
  type SoftQMlIrl,
  type SoftQMlIrlOptions,
} from "../../src/irl/index.ts";
import type { Kernels } from "../../src/kernels/index.ts";
import { sparseTravel, type SparseTwoLayer } from "../../src/nn/index.ts";
import { logSoftmax, neuralSoftQLoop, softValueIteration } from "../../src/rl/index.ts";
import {
  consecutiveGroups,
  createHeldOutInstruments,
  holdOut,
  type HeldOutMeasurement,
  type HeldOutTransitions,
} from "../../src/theory/index.ts";
import { describeBuilds, download, normals, U } from "../kernels/builds.ts";
import { checksum, expectClose } from "../reference/closeness.ts";
import { rowsOf, scriptedProblem, setNetwork, type Row, type Script } from "../reference/scripted-problem.ts";

const KEY = keyFromSeed(0);
const DISCOUNT = 0.7;
/** Three states; action 0 goes on to the next, action 1 stays. One-hot rows, written as rows. */
const RING = { states: 3, actions: 2, next: (s: number, a: number) => (s + 1 - a) % 3 };

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const pairRow = (s: number, a: number): Row => [[2 * s + a, 1]];
/** Two entries each, the first shared by the actions. */
const mixedRow = (s: number, a: number): Row => [
  [s, 0.6],
  [3 + a, 0.8],
];

interface Choice {
  readonly rows: (s: number, a: number) => Row;
  readonly size: number;
  readonly width: number;
  readonly radius: number;
  readonly output: "average" | "last";
  readonly values: "centred" | "plain";
  readonly constantReward: number | null;
  readonly termination: SoftQMlIrlOptions["termination"];
}
const MIXED: Choice = {
  rows: mixedRow,
  size: 5,
  width: 24,
  radius: 30,
  output: "average",
  values: "centred",
  constantReward: null,
  termination: "native",
};

/** A run on the ring whose batch is every pair in turn, `laps` times; the last transition of a lap ends where `ends`. */
function ringRun(
  kernels: Kernels,
  { rows, size, width, radius, output, values, constantReward, termination }: Choice,
  { laps = 2, ends = false } = {},
): SoftQMlIrl {
  const transitions = range(6 * laps).map((t) => {
    const [s, a] = [Math.floor(t / 2) % 3, t % 2];
    return { pair: [s, a] as const, next: ends && t % 6 === 5 ? null : RING.next(s, a) };
  });
  const script: Script = {
    kind: "rows",
    size,
    psi: range(3).map((s) => [rows(s, 0), rows(s, 1)]),
    iterations: range(9).map(() => ({
      transitions,
      logPolicy: range(3).map(() => [Math.log(1 / 2), Math.log(1 / 2)]),
      expert: [range(5).map((t) => [t % 3, 0] as const)],
      agent: [range(5).map((t) => [t % 3, 1] as const)],
    })),
    discount: DISCOUNT,
  };
  const options: SoftQMlIrlOptions = {
    softQ: { width, radius, stepSize: 0.3, discount: DISCOUNT, output, backup: "soft-optimality", values },
    innerSteps: { first: 6 * laps, growth: 0 },
    reward: { width, radius, stepSize: 0.4, decay: 0 },
    trajectories: 1,
    termination,
    constantReward,
  };
  return createSoftQMlIrl(kernels, scriptedProblem(kernels, script), options, 5, KEY);
}

function keep(
  kernels: Kernels,
  state: SoftQMlIrl,
  groups: ArrayLike<number> | null = null,
): HeldOutTransitions {
  const { problem, softQ } = state;
  return holdOut(
    kernels,
    problem.features,
    problem.transitions(softQ.network, problem.batchCapacity),
    groups,
  );
}

const weightsSum = (kernels: Kernels, { softQ, reward }: SoftQMlIrl): number =>
  checksum(
    [softQ.network, reward].map(({ weights, features, units }) =>
      download(kernels, weights, features * units),
    ),
  );

/** f(x; W) of every pair in float64. */
function valuesOf(kernels: Kernels, network: SparseTwoLayer, rows: Choice["rows"], linear = false): number[] {
  const weights = rowsOf(kernels, network);
  const initial = rowsOf(kernels, { ...network, weights: network.initial });
  const signs = download(kernels, network.signs, network.width);
  return range(6).map((pair) => {
    const row = rows(Math.floor(pair / 2), pair % 2);
    const dot = (w: readonly number[]): number => row.reduce((sum, [i, x]) => sum + Math.fround(x) * w[i], 0);
    return weights.reduce((sum, w, j) => {
      const open = dot(linear ? initial[j] : w) > 0;
      return sum + (open ? signs[j] * dot(w) : 0) / Math.sqrt(network.width);
    }, 0);
  });
}

function measureAfter(
  kernels: Kernels,
  state: SoftQMlIrl,
  iterations: number,
  passes = 3,
  groups: ArrayLike<number> | null = null,
): HeldOutMeasurement {
  const heldOut = keep(kernels, state, groups);
  const instruments = createHeldOutInstruments(
    kernels,
    state,
    { heldOut, fitting: heldOut, fittingPasses: passes },
    KEY,
  );
  for (let k = 0; k < iterations; k++) softQMlIrlIteration(kernels, state, () => 0);
  return instruments.measure();
}

/** (Q - r - gamma V(s'))^2 of every pair; the last pair ends where `ends`. */
function squaredResiduals(
  kernels: Kernels,
  state: SoftQMlIrl,
  { rows, values, constantReward, termination }: Choice,
  ends: boolean,
): number[] {
  const absorbing = constantReward ?? softQAbsorbingReward(kernels, state) ?? Number.NaN;
  const end = termination === "absorbing" ? absorbing / (1 - DISCOUNT) : 0;
  const q = valuesOf(kernels, state.softQ.network, rows);
  const r = valuesOf(kernels, state.reward, rows);
  const shift = values === "centred" ? Math.log(2) : 0;
  return q.map((each, pair) => {
    const s = RING.next(Math.floor(pair / 2), pair % 2);
    const next = Math.log(Math.exp(q[2 * s]) + Math.exp(q[2 * s + 1])) - shift;
    const target = (constantReward ?? r[pair]) + DISCOUNT * (ends && pair === 5 ? end : next);
    return (each - target) ** 2;
  });
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, each) => sum + each, 0) / values.length;

describeBuilds("held-out instruments", (kernels) => {
  const choices: [string, Partial<Choice>, boolean][] = [
    ["centred", {}, false],
    ["plain", { values: "plain" }, false],
    ["with an end", {}, true],
    ["with an absorbing state", { termination: "absorbing" }, true],
    ["with an absorbing state under a constant", { termination: "absorbing", constantReward: 0.4 }, true],
    ["under a constant reward", { constantReward: 0.7 }, false],
  ];
  it.each(choices)("average squared residuals, %s", (_, changes, ends) => {
    const choice = { ...MIXED, ...changes };
    const state = ringRun(kernels, choice, { ends });
    const found = measureAfter(kernels, state, 4).sampledSquaredResidual;
    const squares = squaredResiduals(kernels, state, choice, ends);
    // Values below 10 of 24 units: off by 30 U each, their residuals' squares by 2 * 10 times four of them.
    expect(Math.max(...squares)).toBeLessThan(10);
    expectClose([found.mean], [mean(squares)], 20 * 4 * 30 * U);
    expect(found.count).toBe(12);
    expect(mean(squares)).toBeGreaterThan(0.001);
  });

  it("take rows of one group together", () => {
    const state = ringRun(kernels, MIXED);
    const alone = measureAfter(kernels, state, 0).sampledSquaredResidual;
    const inLaps = measureAfter(kernels, state, 0, 1, consecutiveGroups(12, 6));
    // Two laps alike: they do not differ at all, their rows do.
    expect(inLaps.sampledSquaredResidual.mean).toBe(alone.mean);
    expect(inLaps.sampledSquaredResidual.standardError).toBeLessThan(1e-9);
    expect(inLaps.fittedReferenceTracking.mean.standardError).toBeLessThan(1e-9);
    expect(alone.standardError).toBeGreaterThan(1e-3);
    expect([...consecutiveGroups(5, 2)]).toEqual([0, 0, 1, 1, 2]);
  });

  it.each<["average" | "last", number]>([
    ["average", 30],
    ["last", 30],
    ["last", 0.6],
  ])("fit the reference as the inner loop would (%s iterate, ball of %f)", (output, radius) => {
    const choice = { ...MIXED, output, radius };
    const state = ringRun(kernels, choice);
    const twin = ringRun(kernels, choice);
    const found = measureAfter(kernels, state, 2, 3).fittedReferenceTracking;
    const untouched = weightsSum(kernels, state);
    for (let k = 0; k < 2; k++) softQMlIrlIteration(kernels, twin, () => 0);
    expect(weightsSum(kernels, twin)).toBe(untouched);

    const before = logSoftmax(valuesOf(kernels, state.softQ.network, mixedRow), 2, new Float64Array(6));
    for (let pass = 0; pass < 3; pass++) {
      const { entries } = twin.problem.features;
      neuralSoftQLoop(
        kernels,
        twin.softQ,
        twin.problem,
        (batch, out) => {
          if (batch.kind === "pairs") throw new Error("pairs");
          kernels.sparseForward(twin.reward.block, batch.count, entries, batch.indices, batch.values, out);
        },
        12,
      );
    }
    const after = logSoftmax(valuesOf(kernels, twin.softQ.network, mixedRow), 2, new Float64Array(6));
    const worst = range(3).map((s) =>
      Math.max(...[0, 1].map((a) => Math.abs(before[2 * s + a] - after[2 * s + a]))),
    );
    // Over the next states of a lap, 1, 0, 2, 1, 0, 2: each twice.
    expectClose([found.largest, found.mean.mean], [Math.max(...worst), mean(worst)], 100 * U);
    expect(found.mean.count).toBe(12);
    expect(found.largest).toBeGreaterThan(0.001);
    if (radius < 1) expect(sparseTravel(kernels, twin.softQ.network)).toBeGreaterThan(0.99 * radius);
  });

  it("come to the exact tracking error where features tell all states apart and passes are many", () => {
    const choice: Choice = { ...MIXED, rows: pairRow, size: 6, width: 256, output: "last", radius: 100 };
    const state = ringRun(kernels, choice);
    const found = measureAfter(kernels, state, 3, 400).fittedReferenceTracking;
    const transitions = new Float64Array(18);
    range(6).forEach((pair) => (transitions[3 * pair + RING.next(Math.floor(pair / 2), pair % 2)] = 1));
    const mdp = { states: 3, actions: 2, transitions };
    const exact = softValueIteration(mdp, valuesOf(kernels, state.reward, pairRow), {
      discount: DISCOUNT,
      tolerance: 1e-12,
      values: "centred",
    });
    const tracked = logSoftmax(valuesOf(kernels, state.softQ.network, pairRow), 2, new Float64Array(6));
    const errors = tracked.map((each, i) => Math.abs(each - exact.logPolicy[i]));
    expect(Math.max(...errors)).toBeGreaterThan(0.1);
    // Steps stop when a residual is below rounding of values, which 1 / (1 - gamma) of them may add up to.
    expectClose([found.largest], [Math.max(...errors)], 1000 * U);
    expect(measureAfter(kernels, state, 0, 1).fittedReferenceTracking.largest).toBeLessThan(
      0.9 * found.largest,
    );
  });

  it("leave out policies where nothing follows", () => {
    const state = ringRun(kernels, MIXED, { ends: true });
    const { fittedReferenceTracking, sampledSquaredResidual } = measureAfter(kernels, state, 1, 2, range(12));
    expect(fittedReferenceTracking.mean.count).toBe(10);
    expect(sampledSquaredResidual.count).toBe(12);
  });

  it.each(["native", "absorbing"] as const)(
    "measure linearisation errors at the held-out rows, %s",
    (termination) => {
      const state = ringRun(kernels, { ...MIXED, radius: 200, termination });
      const found = measureAfter(kernels, state, 0);
      expect([found.heldOutPolicyLinearisation, found.heldOutRewardLinearisation]).toEqual([0, 0]);
      const instruments = keep(kernels, state);
      const measure = createHeldOutInstruments(
        kernels,
        state,
        { heldOut: instruments, fitting: instruments, fittingPasses: 1 },
        KEY,
      );
      const spread = normals(5, 240);
      for (const [i, network] of [state.softQ.network, state.reward].entries()) {
        const initial = rowsOf(kernels, { ...network, weights: network.initial });
        const signs = [...download(kernels, network.signs, 24)];
        setNetwork(kernels, network, initial, signs);
        const columns = kernels.f32(network.weights, 5 * network.units);
        for (let at = 0; at < 120; at++)
          columns[Math.floor(at / 24) * network.units + (at % 24)] += spread[at + 120 * i];
        kernels.sparseRefresh(network.block);
      }
      const moved = measure.measure();
      const errorOf = (network: SparseTwoLayer): number => {
        const f = valuesOf(kernels, network, mixedRow);
        const linear = valuesOf(kernels, network, mixedRow, true);
        return Math.sqrt(mean(f.map((each, i) => (each - linear[i]) ** 2)));
      };
      const expected = [errorOf(state.softQ.network), errorOf(state.reward)];
      expectClose([moved.heldOutPolicyLinearisation, moved.heldOutRewardLinearisation], expected, 100 * U);
      expect(Math.min(...expected)).toBeGreaterThan(0.05);
      expect(Math.abs(expected[0] - expected[1])).toBeGreaterThan(0.01);
    },
  );

  it("share out projections over the steps since the last measurement, and measure travel in radii", () => {
    const state = ringRun(kernels, { ...MIXED, radius: 0.6 });
    const heldOut = keep(kernels, state);
    const instruments = createHeldOutInstruments(
      kernels,
      state,
      { heldOut, fitting: heldOut, fittingPasses: 2 },
      KEY,
    );
    expect(instruments.measure()).toMatchObject({
      policyTravel: 0,
      rewardTravel: 0,
      projectedPolicyShare: null,
      projectedRewardShare: null,
    });
    for (const iterations of [2, 3]) {
      const records = range(iterations).map(() => softQMlIrlIteration(kernels, state, () => 0));
      const last = records[iterations - 1];
      const found = instruments.measure();
      expectClose(
        [found.policyTravel, found.rewardTravel],
        [last.policyTravel / 0.6, last.rewardTravel / 0.6],
        1e-12,
      );
      expect(found.projectedPolicyShare).toBeCloseTo(
        mean(records.map((each) => each.projectedPolicyShare)),
        12,
      );
      expect(found.projectedRewardShare).toBe(mean(records.map((each) => each.projectedReward)));
      expect(found.projectedPolicyShare).toBeGreaterThan(0);
      expect(found.projectedPolicyShare).toBeLessThan(1);
    }
    const free = ringRun(kernels, { ...MIXED, radius: Infinity });
    expect(measureAfter(kernels, free, 1).policyTravel).toBe(0);
  });

  it("keep copies", () => {
    const state = ringRun(kernels, MIXED);
    const { problem, softQ } = state;
    const batch = problem.transitions(softQ.network, 12);
    if (batch.kind === "pairs") throw new Error("pairs");
    const kept = holdOut(kernels, problem.features, batch, null).batch;
    const widths = { indices: 24, values: 24, nextIndices: 48, nextValues: 48, continues: 12 } as const;
    for (const [name, length] of Object.entries(widths)) {
      const part = name as keyof typeof widths;
      expect(download(kernels, kept[part], length)).toEqual(download(kernels, batch[part], length));
      expect(kept[part]).not.toBe(batch[part]);
    }
  });

  it("refuse tables, groups of another number and no passes", () => {
    const state = ringRun(kernels, MIXED);
    const pairs = { kind: "pairs", count: 1, pairs: 0, next: 0, nextLogPolicy: 0 } as const;
    expect(() => holdOut(kernels, state.problem.features, pairs, null)).toThrow("measure tables exactly");
    expect(() => keep(kernels, state, [0])).toThrow("each of 12 transitions, got 1");
    expect(() => measureAfter(kernels, state, 0, 0)).toThrow("whole passes from 1");
  });
});
