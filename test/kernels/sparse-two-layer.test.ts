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
import { tdLoop, type TdNetwork, type TdTransition } from "../reference/neural-td.ts";
import { describeBuilds } from "./builds.ts";

const TERMINAL = 0xffffffff;

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
    const flat = (rows: [number, number][][], part: 0 | 1): number[] =>
      rows.flat().map((entry) => entry[part]);
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
