import { expect, it } from "vitest";
import { box, keyFromSeed, type ActionSpace } from "../../src/core/index.ts";
import type { Kernels } from "../../src/kernels/index.ts";
import {
  ACTION_MARGIN,
  actBy,
  actionLogLikelihood,
  createSac,
  createSoftPolicy,
  likelihoodRoom,
  likelihoodStep,
  type SacOptions,
  type SoftPolicy,
} from "../../src/rl/index.ts";
import { describeBuilds, download, uniforms, upload } from "../kernels/builds.ts";
import { adam, adamMemory } from "../reference/adam.ts";
import {
  add,
  clamp,
  constant,
  constants,
  exp,
  float32Tolerance,
  gradient,
  log,
  mean,
  multiply,
  square,
  subtract,
  sum,
  times,
  type Scalar,
} from "../reference/autodiff.ts";
import { expectClose } from "../reference/closeness.ts";
import { mlp, readMlp } from "../reference/mlp.ts";

const N = 3;
const SIZE = 5;
const OPTIONS: SacOptions = {
  hidden: [6],
  batchSize: SIZE,
  discount: 0.9,
  learningRate: 1e-2,
  polyak: 0.1,
  temperature: 0.5,
  targetEntropy: "auto",
};
const SPACES: Record<string, ActionSpace> = {
  "continuous actions": box(2, -1, 1),
  "finitely many": { kind: "discrete", count: 3 },
};

/** Observations and actions in policy units; a coordinate on a bound, one beyond the margin, among them. */
function rowsOf(space: ActionSpace): number[][] {
  const observations = uniforms(5, SIZE * N);
  const actions = uniforms(6, SIZE * 2);
  return Array.from({ length: SIZE }, (_, i) => [
    ...observations.slice(N * i, N * (i + 1)),
    ...(space.kind === "box"
      ? [i === 1 ? 1 : actions[2 * i], i === 2 ? Math.fround(-0.9995) : actions[2 * i + 1]]
      : [0, 1, 2].map((a) => (a === i % 3 ? 1 : 0))),
    // What follows the pair is not looked at.
    NaN,
  ]);
}

const parametersOf = (kernels: Kernels, policy: SoftPolicy): number[] =>
  policy.kind === "sac"
    ? readMlp(kernels, policy.actorShape, policy.actor)
    : readMlp(kernels, policy.shape, policy.q);

/** log pi(a|s) of a row by its definition. */
function logProbability(policy: SoftPolicy, parameters: readonly Scalar[], row: readonly number[]): Scalar {
  const state = constants(row.slice(0, N));
  const { actionSize } = policy;
  const given = row.slice(N, N + actionSize);
  if (policy.kind === "deep-soft-q") {
    const q = mlp([N, ...OPTIONS.hidden, actionSize], parameters, state).map((each) => times(1 / 0.5, each));
    return subtract(q[given.indexOf(1)], log(sum(q.map(exp))));
  }
  const head = mlp([N, ...OPTIONS.hidden, 2 * actionSize], parameters, state);
  return sum(
    given.map((raw, i) => {
      const a = Math.min(1 - ACTION_MARGIN, Math.max(ACTION_MARGIN - 1, raw));
      const logStd = clamp(head[actionSize + i], -20, 2);
      const z = multiply(subtract(constant(Math.atanh(a)), head[i]), exp(times(-1, logStd)));
      const rest = constant(-Math.log(2 * Math.PI) / 2 - Math.log(1 - a * a));
      return subtract(add(rest, times(-0.5, square(z))), logStd);
    }),
  );
}

describeBuilds("the likelihood of given actions", (kernels) => {
  const make = (space: ActionSpace, temperature = 0.5): SoftPolicy =>
    createSoftPolicy(kernels, N, space, { ...OPTIONS, temperature }, keyFromSeed(1));
  const batchOf = (space: ActionSpace): { size: number; rows: number; stride: number } => {
    const rows = rowsOf(space);
    return { size: SIZE, rows: upload(kernels, rows.flat()), stride: rows[0].length };
  };

  it.each(Object.keys(SPACES))("is the policy's own, and a step climbs its mean: %s", (name) => {
    const space = SPACES[name];
    const policy = make(space);
    const room = likelihoodRoom(kernels, policy, space, SIZE);
    const batch = batchOf(space);
    const start = parametersOf(kernels, policy);
    const rows = rowsOf(space);
    const compute = (): number[] => {
      const parameters = constants(start);
      const each = rows.map((row) => logProbability(policy, parameters, row));
      const climbed = mean(each);
      const slopes = gradient(times(-1, climbed), parameters);
      const after = adam(adamMemory(start.length), start, slopes, OPTIONS.learningRate, 0.1);
      return [...each.map(({ value }) => value), climbed.value, ...slopes, ...after];
    };
    actionLogLikelihood(kernels, policy, batch, room);
    const logProb = download(kernels, room.logProb, SIZE);
    const reported = likelihoodStep(kernels, policy, batch, 0.1, room);
    const shape = policy.kind === "sac" ? policy.actorShape : policy.shape;
    const slopes = readMlp(kernels, shape, room.gradient);
    const actual = [...logProb, reported, ...slopes, ...parametersOf(kernels, policy)];
    expectClose(actual, compute(), float32Tolerance(compute));
    expect(policy.updates).toBe(1);
    if (name === "continuous actions") return;
    // What the policy chooses among adds up to 1.
    const shares = [0, 1, 2].map((a) => {
      const row = [...rows[0].slice(0, N), ...[0, 1, 2].map((b) => (b === a ? 1 : 0))];
      const one = { size: 1, rows: upload(kernels, row), stride: row.length };
      actionLogLikelihood(kernels, policy, one, room);
      return Math.exp(kernels.f32(room.logProb, 1)[0]);
    });
    expect(shares.reduce((total, share) => total + share)).toBeCloseTo(1, 5);
  });

  it("makes no policy surer that is sure enough, but one that is wrong less sure", () => {
    const space = box(1, -1, 1);
    const sac = createSac(kernels, 1, 1, { ...OPTIONS, batchSize: 1 }, keyFromSeed(1));
    const room = likelihoodRoom(kernels, sac, space, 1);
    const { weight, bias } = sac.actorShape.layers[1];
    // mean 0 and log std -6 whatever is seen.
    kernels.fill(2 * OPTIONS.hidden[0], sac.actor + weight, 0);
    const output = kernels.f32(sac.actor + bias, 2);
    const step = (action: number): number => {
      output.set([0, -6]);
      likelihoodStep(kernels, sac, { size: 1, rows: upload(kernels, [0.3, action]), stride: 2 }, 0, room);
      return kernels.f32(room.gradient + bias, 2)[1];
    };
    expect(step(0)).toBe(0);
    expect(step(0.5)).toBeLessThan(-1);
  });

  it("depends on the temperature where there are finitely many actions", () => {
    const space = SPACES["finitely many"];
    const [one, other] = [0.5, 2].map((temperature) => {
      const policy = make(space, temperature);
      const room = likelihoodRoom(kernels, policy, space, SIZE);
      actionLogLikelihood(kernels, policy, batchOf(space), room);
      return download(kernels, room.logProb, SIZE);
    });
    expect(one).not.toEqual(other);
  });

  it.each(Object.keys(SPACES))("has its policy do as it is shown: %s", (name) => {
    const space = SPACES[name];
    const policy = createSoftPolicy(
      kernels,
      N,
      space,
      { ...OPTIONS, hidden: [32], learningRate: 2e-3 },
      keyFromSeed(1),
    );
    const room = likelihoodRoom(kernels, policy, space, SIZE);
    // Continuous actions that a smooth policy can take: neighbours that disagree are explained by a wide one instead.
    const shownRows = rowsOf(space).map((row) =>
      space.kind === "box" ? [...row.slice(0, N), row[0] / 2, -row[1], NaN] : row,
    );
    const stride = shownRows[0].length;
    const batch = { size: SIZE, rows: upload(kernels, shownRows.flat()), stride };
    for (let t = 0; t < 3000; t++) likelihoodStep(kernels, policy, batch, 0, room);
    for (const row of shownRows) {
      const action = new Float32Array(policy.actionSize);
      actBy(kernels, policy, row.slice(0, N), "mode", action);
      const shown = row.slice(N, N + policy.actionSize);
      if (space.kind === "discrete") expect([...action]).toEqual(shown);
      else expectClose(action, shown, 0.2);
    }
  });
});
