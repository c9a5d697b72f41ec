import { expect, it } from "vitest";
import { keyFromSeed, nextInteger, nextNormal, nextUniform, streamOf } from "../../src/core/index.ts";
import type { Kernels } from "../../src/kernels/index.ts";
import {
  copyToRows,
  createSparseTwoLayer,
  createTwoLayer,
  sparseProjections,
  sparseTravel,
  type SparseTwoLayer,
} from "../../src/nn/index.ts";
import { expectClose } from "../reference/closeness.ts";
import {
  ascendTd,
  projectTd,
  tdLoop,
  tdValue,
  type TdNetwork,
  type TdTransition,
} from "../reference/neural-td.ts";
import { TERMINAL, uploadIndices } from "../reference/scripted-problem.ts";
import { describeBuilds, download, normals, U, upload } from "./builds.ts";

/** The same network in float64. */
function referenceOf(kernels: Kernels, network: SparseTwoLayer): TdNetwork {
  const { width, features, radius } = network;
  const rows = createTwoLayer(kernels, { width, features, radius }, keyFromSeed(99));
  copyToRows(kernels, network, rows);
  const matrix = (pointer: number): number[][] =>
    Array.from({ length: width }, (_, j) => Array.from(kernels.f32(pointer + 4 * j * features, features)));
  return {
    weights: matrix(rows.weights),
    initial: matrix(rows.initial),
    signs: Array.from(kernels.f32(rows.signs, width)),
    radius,
  };
}

function weightsOf(kernels: Kernels, network: SparseTwoLayer): number[] {
  return referenceOf(kernels, network).weights.flat();
}

function put(kernels: Kernels, kind: "f32" | "u32", values: readonly number[]): number {
  const pointer = kernels.allocate(values.length);
  kernels[kind](pointer, values.length).set(values);
  return pointer;
}

interface Case {
  width: number;
  features: number;
  actions: number;
  entries: number;
  radius: number;
  average: boolean;
  evaluation: boolean;
  shift: number;
  stepSize: number;
}

/** Transitions with a terminal one among them; rows are one-hot where `entries` is 1. */
function drawTransitions(
  { features, actions, entries, evaluation }: Case,
  count: number,
  seed: number,
): TdTransition[] {
  const stream = streamOf(keyFromSeed(seed));
  const row = (first: number): [number, number][] =>
    Array.from({ length: entries }, (_, p) => [
      (first * entries + p) % features,
      entries === 1 ? 1 : nextNormal(stream) / Math.sqrt(entries),
    ]);
  const states = Math.floor(features / (actions * entries));
  return Array.from({ length: count }, (_, t) => {
    const state = nextInteger(stream, states);
    const raw = Array.from({ length: actions }, () => nextUniform(stream) + 0.1);
    const total = raw.reduce((a, b) => a + b, 0);
    return {
      row: row(state * actions + nextInteger(stream, actions)),
      next: t % 7 === 3 ? null : Array.from({ length: actions }, (_, a) => row(state * actions + a)),
      reward: Math.fround(nextNormal(stream)),
      logPolicy: evaluation ? raw.map((p) => Math.fround(Math.log(p / total))) : null,
    };
  });
}

/** All indices (0) or all values (1) of some rows. */
const flat = (rows: [number, number][][], part: 0 | 1): number[] => rows.flat().map((entry) => entry[part]);

function run(kernels: Kernels, network: SparseTwoLayer, given: Case, transitions: TdTransition[]): number {
  const { actions, entries, average, evaluation, shift, stepSize } = given;
  const rewards = put(
    kernels,
    "f32",
    transitions.map(({ reward }) => reward),
  );
  const logPolicy = evaluation
    ? put(
        kernels,
        "f32",
        transitions.flatMap((each) => each.logPolicy ?? []),
      )
    : 0;
  kernels.sparseBegin(network.block);
  let squares: number;
  if (entries === 1) {
    const pairs = put(
      kernels,
      "u32",
      transitions.map(({ row }) => row[0][0]),
    );
    const next = put(
      kernels,
      "u32",
      transitions.map((each) => each.next?.[0][0][0] ?? TERMINAL),
    );
    squares = kernels.sparseTableSteps(
      network.block,
      transitions.length,
      pairs,
      next,
      rewards,
      logPolicy,
      actions,
      0.9,
      shift,
      stepSize,
    );
  } else {
    const rows = transitions.map(({ row }) => row);
    const nextRows = transitions.flatMap(
      (each) => each.next ?? Array.from({ length: actions }, () => each.row),
    );
    squares = kernels.sparseSteps(
      network.block,
      transitions.length,
      entries,
      put(kernels, "u32", flat(rows, 0)),
      put(kernels, "f32", flat(rows, 1)),
      put(kernels, "u32", flat(nextRows, 0)),
      put(kernels, "f32", flat(nextRows, 1)),
      rewards,
      put(
        kernels,
        "f32",
        transitions.map(({ next }) => (next ? 1 : 0)),
      ),
      logPolicy,
      actions,
      0.9,
      shift,
      stepSize,
    );
  }
  kernels.sparseFinish(network.block, transitions.length, average ? 1 : 0);
  return squares;
}

const BASE: Case = {
  width: 37,
  features: 24,
  actions: 3,
  entries: 1,
  radius: Infinity,
  average: true,
  evaluation: false,
  shift: Math.log(3),
  stepSize: 0.3,
};

const CASES: Record<string, Partial<Case>> = {
  "one-hot rows, averaged": {},
  "one-hot rows, last iterate": { average: false },
  "one-hot rows, a small ball, averaged": { radius: 0.8 },
  "one-hot rows, a small ball, last iterate": { radius: 0.8, average: false },
  "one-hot rows, evaluating a policy": { evaluation: true, shift: 0 },
  "one-hot rows, five actions": { actions: 5, features: 25 },
  "one-hot rows, sixteen units": { width: 16, radius: 0.8 },
  "one-hot rows, two whole vectors": { width: 32 },
  "one-hot rows, one unit, last iterate": { width: 1, average: false },
  "rows of four entries, three whole vectors": { width: 48, entries: 4, features: 36, radius: 0.8 },
  "rows of four entries, five units": { width: 5, entries: 4, features: 36 },
  "rows of four entries, averaged": { entries: 4, features: 36 },
  "rows of four entries, last iterate": { entries: 4, features: 36, average: false },
  "rows of four entries, a small ball, averaged": { entries: 4, features: 36, radius: 0.8 },
  "rows of four entries, evaluating a policy": { entries: 4, features: 36, evaluation: true, radius: 0.8 },
};

describeBuilds("neural soft Q-learning on sparse rows", (kernels) => {
  for (const [name, options] of Object.entries(CASES)) {
    const given = { ...BASE, ...options };
    it(`${name}: two loops as in float64`, () => {
      const network = createSparseTwoLayer(kernels, { ...given, averaged: given.average }, keyFromSeed(5));
      const reference = referenceOf(kernels, network);
      for (const seed of [1, 2]) {
        const transitions = drawTransitions(given, 60, seed);
        const before = sparseProjections(kernels, network);
        const squares = run(kernels, network, given, transitions);
        const expected = tdLoop(reference, transitions, { ...given, discount: 0.9 });
        expect(squares).toBeCloseTo(expected.squares, 2);
        expect(sparseProjections(kernels, network) - before).toBe(expected.projections);
        if (given.radius < Infinity) expect(expected.projections).toBeGreaterThan(20);
        // 60 steps of rounding at 2^-24, each amplified by no more than the step's own Lipschitz factor near 1.
        expectClose(weightsOf(kernels, network), reference.weights.flat(), 2e-5);
        expect(sparseTravel(kernels, network)).toBeCloseTo(expected.travel, 4);
      }
    });
  }

  it("survives a ball so small that the scale has to be multiplied out", () => {
    const given = { ...BASE, radius: 0.02, stepSize: 0.8 };
    const network = createSparseTwoLayer(kernels, { ...given, averaged: true }, keyFromSeed(6));
    const reference = referenceOf(kernels, network);
    const transitions = drawTransitions(given, 400, 3);
    run(kernels, network, given, transitions);
    tdLoop(reference, transitions, { ...given, discount: 0.9 });
    expectClose(weightsOf(kernels, network), reference.weights.flat(), 2e-5);
  });
});

// ---- everything but the loop -------------------------------------------------------------------------------------

/** Rows as [index, value] entries and as the kernels take them. */
function drawRows(kernels: Kernels, count: number, entries: number, features: number) {
  const values = normals(11, count * entries).map((value) => value / Math.sqrt(entries));
  const indices = Array.from(
    { length: count * entries },
    (_, k) => (3 * Math.floor(k / entries) + 5 * (k % entries)) % features,
  );
  const rows = Array.from({ length: count }, (_, t) =>
    Array.from({ length: entries }, (__, p): [number, number] => [
      indices[t * entries + p],
      values[t * entries + p],
    ]),
  );
  return { rows, indices: uploadIndices(kernels, indices), values: upload(kernels, values) };
}

const SHAPES = [
  { width: 1, features: 7 },
  { width: 16, features: 9 },
  { width: 37, features: 13 },
  { width: 64, features: 11 },
];

/** A network away from W(0), by table steps, and the same in float64. */
function moved(
  kernels: Kernels,
  { width, features }: (typeof SHAPES)[number],
  radius = Infinity,
  averaged = false,
) {
  const network = createSparseTwoLayer(
    kernels,
    { width, features, radius, actions: 1, averaged },
    keyFromSeed(width),
  );
  const columns = kernels.f32(network.weights, features * network.units);
  const noise = normals(4, columns.length);
  for (let k = 0; k < columns.length; k++) if (k % network.units < width) columns[k] += 0.4 * noise[k];
  kernels.sparseRefresh(network.block);
  return { network, reference: referenceOf(kernels, network) };
}

const oneHotRow = (i: number): [number, number][] => [[i, 1]];

/** All f(e_i), from the table and from one-hot rows. */
function tables(kernels: Kernels, { block, features }: SparseTwoLayer): Float32Array[] {
  const out = [0, 1].map(() => kernels.allocate(features));
  kernels.sparseTable(block, out[0]);
  const indices = uploadIndices(
    kernels,
    Array.from({ length: features }, (_, i) => i),
  );
  kernels.sparseForward(
    block,
    features,
    1,
    indices,
    upload(kernels, new Float32Array(features).fill(1)),
    out[1],
  );
  return out.map((pointer) => download(kernels, pointer, features));
}

/** Sums of up to `width` terms of size below 4 / sqrt(m), with the roundings of a few weights each. */
const near = (width: number, entries: number): number => 4 * (width + entries) * U;

describeBuilds("values and gradients of sparse rows", (kernels) => {
  it.each(SHAPES)("are those of the definition, m = $width", (shape) => {
    const { network, reference } = moved(kernels, shape);
    const expected = Array.from({ length: shape.features }, (_, i) => tdValue(reference, oneHotRow(i)));
    for (const table of tables(kernels, network)) expectClose(table, expected, near(shape.width, 1));
    for (const entries of [1, 3, 5]) {
      const { rows, indices, values } = drawRows(kernels, 8, entries, shape.features);
      const out = kernels.allocate(8);
      kernels.sparseForward(network.block, 8, entries, indices, values, out);
      const exact = rows.map((row) => tdValue(reference, row));
      expectClose(download(kernels, out, 8), exact, near(shape.width, entries));
    }
  });

  it.each(SHAPES)("add up, each with its amount, m = $width", (shape) => {
    const { network, reference } = moved(kernels, shape);
    const { rows, indices, values } = drawRows(kernels, 8, 3, shape.features);
    const amounts = normals(12, 8);
    amounts[5] = 0;
    const length = shape.features * network.units;
    const begun = normals(13, length);
    const gradient = upload(kernels, begun);
    kernels.sparseGradient(network.block, 8, 3, indices, values, upload(kernels, amounts), gradient);
    // W <- W + sum amounts grad f, from zeros: ascendTd reads the gates off W, so it is run on copies.
    const sum = reference.weights.map((w) => w.map(() => 0));
    rows.forEach((row, t) => {
      const copy = { ...reference, weights: reference.weights.map((w) => [...w]) };
      ascendTd(copy, row, amounts[t]);
      copy.weights.forEach((w, j) => w.forEach((each, i) => (sum[j][i] += each - reference.weights[j][i])));
    });
    const actual = download(kernels, gradient, length);
    const { units } = network;
    const expected = begun.map((each, k) => each + (sum[k % units]?.[Math.floor(k / units)] ?? 0));
    // Eight amounts below 4 on top of what was there.
    expectClose(actual, expected, 10 * 4 * U);
    expect(sum.flat().some((each) => Math.abs(each) > 0.01)).toBe(true);
    expect(weightsOf(kernels, network)).toEqual(reference.weights.flat());
  });
});

describeBuilds("ascent on a table", (kernels) => {
  it.each(SHAPES.flatMap((shape) => [0.5, Infinity].map((radius) => ({ ...shape, radius }))))(
    "is projected ascent along sum amounts grad f(e_i), m = $width, B = $radius",
    ({ radius, ...shape }) => {
      const network = createSparseTwoLayer(
        kernels,
        { ...shape, radius, actions: 1, averaged: false },
        keyFromSeed(shape.width),
      );
      const reference = referenceOf(kernels, network);
      const projections: boolean[] = [];
      for (const round of [0, 1, 2]) {
        const chosen = Array.from({ length: shape.features - 2 }, (_, k) => (5 * k + round) % shape.features);
        const which = [...new Set(chosen)];
        const amounts = normals(20 + round, which.length);
        const before = { ...reference, weights: reference.weights.map((w) => [...w]) };
        which.forEach((i, k) => ascendTd(reference, oneHotRow(i), 1.5 * amounts[k]));
        const gradient = reference.weights.flatMap((w, j) =>
          w.map((each, i) => (each - before.weights[j][i]) / 1.5),
        );
        const active = projectTd(reference);
        projections.push(active);
        const held = sparseProjections(kernels, network);
        const norm = kernels.sparseTableAscend(
          network.block,
          which.length,
          uploadIndices(kernels, which),
          upload(kernels, amounts),
          1.5,
        );
        // The norm is of at most m d squares in float32, the weights are off by the roundings of three rounds.
        expectClose([norm], [Math.hypot(...gradient)], 16 * U * Math.hypot(...gradient));
        expectClose(weightsOf(kernels, network), reference.weights.flat(), 16 * 4 * U);
        expect(sparseProjections(kernels, network) - held).toBe(active ? 1 : 0);
        const travel = Math.hypot(
          ...reference.weights.flatMap((w, j) => w.map((each, i) => each - reference.initial[j][i])),
        );
        expectClose([sparseTravel(kernels, network)], [travel], 64 * U * (1 + travel));
        const expected = Array.from({ length: shape.features }, (_, i) => tdValue(reference, oneHotRow(i)));
        for (const table of tables(kernels, network)) expectClose(table, expected, 2 * near(shape.width, 3));
      }
      if (radius === Infinity) expect(projections).toEqual([false, false, false]);
      else if (shape.width > 1) expect(projections).toContain(true);
    },
  );
});

describeBuilds("weights written from outside", (kernels) => {
  it.each(SHAPES)("count after a refresh, and are projected by a projection, m = $width", (shape) => {
    const radius = 0.75;
    const { network, reference } = moved(kernels, shape, radius);
    const values = (): number[] =>
      Array.from({ length: shape.features }, (_, i) => tdValue(reference, oneHotRow(i)));
    for (const table of tables(kernels, network)) expectClose(table, values(), near(shape.width, 1));
    // Once more, after values have been computed: they must not be kept.
    kernels.f32(network.weights, 1)[0] += 0.5;
    reference.weights[0][0] = kernels.f32(network.weights, 1)[0];
    kernels.sparseRefresh(network.block);
    for (const table of tables(kernels, network)) expectClose(table, values(), near(shape.width, 1));
    expect(sparseProjections(kernels, network)).toBe(0);
    expect(projectTd(reference)).toBe(true);
    kernels.sparseProject(network.block);
    expect(sparseProjections(kernels, network)).toBe(1);
    expectClose(weightsOf(kernels, network), reference.weights.flat(), 8 * 4 * U);
    for (const table of tables(kernels, network)) expectClose(table, values(), 2 * near(shape.width, 1));
    expectClose([sparseTravel(kernels, network)], [radius], 64 * U);
  });
});

describeBuilds("a loop's end", (kernels) => {
  it.each([true, false])(
    "leaves no value and no norm behind that is not of its weights, averaged: %s",
    (average) => {
      for (const radius of [Infinity, 0.3]) {
        const given = { ...BASE, radius, average, stepSize: 0.8 };
        const network = createSparseTwoLayer(kernels, { ...given, averaged: average }, keyFromSeed(7));
        const reference = referenceOf(kernels, network);
        for (const [seed, count] of [
          [1, 1],
          [2, 40],
          [3, 2],
        ]) {
          // Values are computed before the loop, which has to make them old.
          tables(kernels, network);
          const transitions = drawTransitions(given, count, seed);
          run(kernels, network, given, transitions);
          const { travel } = tdLoop(reference, transitions, { ...given, discount: 0.9 });
          const expected = Array.from({ length: given.features }, (_, i) => tdValue(reference, oneHotRow(i)));
          for (const table of tables(kernels, network)) expectClose(table, expected, 4e-5);
          expect(sparseTravel(kernels, network)).toBeCloseTo(travel, 4);
        }
      }
    },
  );

  it("is the last iterate where that is asked for, room for sums or not", () => {
    const given = { ...BASE, average: false, radius: 0.8 };
    const network = createSparseTwoLayer(kernels, { ...given, averaged: true }, keyFromSeed(5));
    const reference = referenceOf(kernels, network);
    for (const seed of [1, 2]) {
      const transitions = drawTransitions(given, 30, seed);
      run(kernels, network, given, transitions);
      tdLoop(reference, transitions, { ...given, discount: 0.9 });
    }
    expectClose(weightsOf(kernels, network), reference.weights.flat(), 2e-5);
  });
});
