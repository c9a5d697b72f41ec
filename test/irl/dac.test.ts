import { expect, it } from "vitest";
import {
  keyFromSeed,
  nextInteger,
  nextUniform,
  type DiscriminatorRecord,
  type Trajectories,
} from "../../src/core/index.ts";
import {
  absorbingReward,
  createDac,
  dacIteration,
  rewardTensors,
  type Dac,
  type DacOptions,
} from "../../src/irl/index.ts";
import { mlpShape } from "../../src/nn/index.ts";
import { policyTensors } from "../../src/rl/index.ts";
import { describeBuilds, download } from "../kernels/builds.ts";
import { constants, gradient } from "../reference/autodiff.ts";
import { checksum, expectClose } from "../reference/closeness.ts";
import { randomEpisodes, toTrajectories } from "../reference/episodes.ts";
import { mlp, readMlp } from "../reference/mlp.ts";
import { pointEnvironment } from "../reference/point-environment.ts";
import { absorbedRows, expectDrawn } from "./drawn-shares.ts";

const SHAPE = { n: 2, d: 1, low: -0.25, high: 0.25 };
const HORIZON = 12;
const BATCH = 4;
const PENALTY = 3;
const OPTIONS: DacOptions = {
  sac: {
    hidden: [8],
    batchSize: 8,
    discount: 0.9,
    learningRate: 1e-3,
    polyak: 0.1,
    temperature: "learnt",
    targetEntropy: "auto",
  },
  startSteps: 30,
  replayCapacity: 100,
  discriminator: {
    inputs: "state-action",
    hidden: [5],
    batchSize: BATCH,
    learningRate: 1e-2,
    gradientPenalty: PENALTY,
    every: 1,
  },
  termination: "absorbing",
};

const softplus = (x: number): number => Math.log1p(Math.exp(x));
const average = (values: number[]): number => values.reduce((a, b) => a + b) / values.length;

/** Two episodes of the expert: one of 5 steps that the task ended, one of 12 that time did. */
function expert(): Trajectories {
  const trajectories = toTrajectories(randomEpisodes(1, [5, HORIZON], SHAPE));
  trajectories.terminated[4] = 1;
  trajectories.truncated[4] = 0;
  return trajectories;
}

describeBuilds("discriminator-actor-critic", (kernels) => {
  const make = (options: Partial<DacOptions> = {}, demonstrations = expert()): Dac =>
    createDac(
      kernels,
      pointEnvironment({ maxEpisodeSteps: HORIZON, edge: 0.6 }),
      demonstrations,
      { ...OPTIONS, ...options },
      keyFromSeed(2),
    );
  const run = (state: Dac, steps: number): DiscriminatorRecord[] => {
    const records: DiscriminatorRecord[] = [];
    while (state.agent.steps < steps)
      dacIteration(
        kernels,
        state,
        steps,
        (record) => {
          if (record.kind === "discriminator") records.push(record);
        },
        () => 0,
      );
    return records;
  };

  it.each(["native", "absorbing"] as const)("takes the steps of its definition (%s)", (termination) => {
    const state = make({ termination });
    run(state, OPTIONS.startSteps);
    const { reward, agent, streams, counters } = state;
    const shape = mlpShape([reward.network.features, 5, 1]);
    const { replay } = agent;
    const demonstrations = expert();
    const absorbs = termination === "absorbing";
    const indicator = absorbs ? [0] : [];
    const seen = [new Set<boolean>(), new Set<boolean>()];
    // Several, as what a batch held must not be left in the next.
    for (let taken = 1; taken <= 6; taken++) {
      const weights = readMlp(kernels, shape, reward.network.parameters);
      const draws = { ...streams.draws };
      const [record] = run(state, OPTIONS.startSteps + taken);
      expect(record.discriminatorSteps).toBe(taken);

      // Rows as the classifier saw them: standardised, with the absorbing state's indicator beside them, or that state's.
      const { mean, inverseStd, size } = reward.normaliser;
      const [means, scales] = [mean, inverseStd].map((block) => download(kernels, block, size));
      const features = (row: ArrayLike<number>): number[] => [
        ...Array.from(means, (m, i) => Math.fround(Math.fround(row[i] - m) * scales[i])),
        ...indicator,
      ];
      // The expert spends 7 of 24 steps in the absorbing state; the agent's share is counted.
      const away = counters.agentAbsorbingSteps;
      if (absorbs) expect(away).toBeGreaterThan(0);
      const draw = (side: number, count: number, rowAt: (t: number) => ArrayLike<number>): number[][] => {
        const share = absorbs ? [7 / 24, away / (away + agent.steps)][side] : 0;
        const rows = Array.from({ length: BATCH }, () => features(rowAt(nextInteger(draws, count))));
        return rows.map((row) => {
          const absorbed = share > 0 && nextUniform(draws) < share;
          seen[side].add(absorbed);
          return absorbed ? [0, 0, 0, 1] : row;
        });
      };
      const expertRows = draw(0, demonstrations.actions.length, (t) => [
        ...demonstrations.observations.subarray(2 * t, 2 * t + 2),
        demonstrations.actions[t] / SHAPE.high,
      ]);
      const agentRows = draw(1, replay.added, (t) =>
        download(kernels, replay.rows + 4 * t * replay.stride, 3),
      );
      const between = expertRows.map((row, i) => {
        const share = nextUniform(draws);
        return row.map((x, j) => share * x + (1 - share) * agentRows[i][j]);
      });
      expect(streams.draws).toEqual(draws);
      const logit = (theta: readonly number[], row: readonly number[]): number =>
        mlp(shape.sizes, constants(theta), constants(row))[0].value;
      const loss = (theta: readonly number[]): number =>
        average(expertRows.map((row) => softplus(-logit(theta, row)))) +
        average(agentRows.map((row) => softplus(logit(theta, row))));
      const penalty = (theta: readonly number[]): number =>
        between.reduce((sum, row) => {
          const x = constants(row);
          const slope = gradient(mlp(shape.sizes, constants(theta), x)[0], x);
          return sum + (PENALTY / BATCH) * (Math.hypot(...slope) - 1) ** 2;
        }, 0);
      expectClose(
        [record.loss, record.gradientPenalty, record.expertLogit, record.agentLogit],
        [
          loss(weights),
          penalty(weights),
          average(expertRows.map((row) => logit(weights, row))),
          average(agentRows.map((row) => logit(weights, row))),
        ],
        1e-5,
      );
      const h = 1e-6;
      const all = (theta: readonly number[]): number => loss(theta) + penalty(theta);
      const slopes = weights.map(
        (w, i) => (all(weights.with(i, w + h)) - all(weights.with(i, w - h))) / (2 * h),
      );
      const largest = Math.max(...slopes.map(Math.abs));
      expectClose(
        readMlp(kernels, shape, reward.previousGradient),
        slopes.map((slope) => -slope),
        2e-5 * largest,
      );
      if (taken > 1) continue;
      // Adam's first step is the rate in the direction of each sign.
      const after = readMlp(kernels, shape, reward.network.parameters);
      slopes.forEach((slope, i) => {
        if (Math.abs(slope) > 1e-3 * largest)
          expect(after[i] - weights[i]).toBeCloseTo(-0.01 * Math.sign(slope), 5);
      });
    }
    for (const side of seen) expect(side.size).toBe(absorbs ? 2 : 1);
  });

  it("pays the logit at its present parameters, and gamma h / (1 - gamma) of the absorbing state after an end", () => {
    // A teacher that takes away on ended steps what the absorbing state's value adds, and pays nothing else, is one that pays nothing
    // where an end is an end.
    const { discount } = OPTIONS.sac;
    const policyOf = (made: Dac, teacher: Dac["teacher"]): number[] => {
      Object.assign(made, { teacher });
      run(made, 120);
      return Object.values(policyTensors(made.agent.policy)).flatMap(([at, length]) => [
        ...download(kernels, at, length),
      ]);
    };
    const nothing: Dac["teacher"] = ({ size }, out) => kernels.fill(size, out, 0);
    const ending = make();
    const taken = policyOf(ending, ({ size, rows, stride }, out) => {
      const value = (absorbingReward(kernels, ending.reward) ?? NaN) / (1 - discount);
      const table = kernels.f32(rows, size * stride);
      const paid = kernels.f32(out, size);
      for (let i = 0; i < size; i++) paid[i] = -discount * value * table[(i + 1) * stride - 1];
    });
    expectClose(taken, policyOf(make({ termination: "native" }), nothing), 2 ** -10);
    expect(policyOf(make(), nothing)).not.toEqual(taken);

    const state = make();
    run(state, 120);
    const { replay } = state.agent;
    const out = kernels.allocate(1);
    state.teacher({ size: 1, rows: replay.rows, stride: replay.stride, indices: 0 }, out);
    const shape = mlpShape([state.reward.network.features, 5, 1]);
    const { mean, inverseStd, size } = state.reward.normaliser;
    const [means, scales] = [mean, inverseStd].map((block) => download(kernels, block, size));
    const row = download(kernels, replay.rows, 3).map((x, i) => (x - means[i]) * scales[i]);
    const theta = constants(readMlp(kernels, shape, state.reward.network.parameters));
    expectClose(download(kernels, out, 1), [mlp(shape.sizes, theta, constants([...row, 0]))[0].value], 1e-5);
  });

  const learnt = (trueReward?: (x: number) => number): number => {
    const environment = pointEnvironment({
      maxEpisodeSteps: HORIZON,
      edge: 0.6,
      ...(trueReward && { trueReward }),
    });
    const state = createDac(kernels, environment, expert(), OPTIONS, keyFromSeed(2));
    run(state, 100);
    const tensors = { ...policyTensors(state.agent.policy), ...rewardTensors(state.reward) };
    return checksum(Object.values(tensors).map(([at, length]) => download(kernels, at, length)));
  };

  it("counts the agent's steps in the absorbing state: from each end to the horizon", () => {
    const environment = pointEnvironment({ maxEpisodeSteps: HORIZON, edge: 0.6 });
    const state = createDac(kernels, environment, expert(), OPTIONS, keyFromSeed(2));
    run(state, 150);
    const lengths = environment.log.slice(0, -1).map(({ actions }) => actions.length);
    const away = lengths.reduce((sum, length) => sum + HORIZON - length, 0);
    expect(new Set(lengths).size).toBeGreaterThan(2);
    expect(state.counters.agentAbsorbingSteps).toBe(away);
  });

  it("draws the absorbing state as often as either side is in it", () => {
    const state = make();
    run(state, 60);
    const { discriminator, counters, agent } = state;
    const shares: number[][] = [[], []];
    const counts = [0, 0];
    for (let step = 61; step <= 700; step++) {
      run(state, step);
      const away = counters.agentAbsorbingSteps;
      [7 / 24, away / (away + agent.steps)].forEach((share, side) => {
        shares[side].push(share);
        counts[side] += absorbedRows(kernels, discriminator.room.features[side], BATCH, 4, 3);
      });
    }
    counts.forEach((count, side) => expectDrawn(count, shares[side], BATCH));
  });

  it("sees no true reward, and is the same for the same key", () => {
    const plain = learnt();
    expect(learnt()).toBe(plain);
    expect(learnt(() => Number.NaN)).toBe(plain);
  });

  it("steps its classifier as often as asked, from the end of the random start on", () => {
    const state = make({ discriminator: { ...OPTIONS.discriminator, every: 3 } });
    run(state, 60);
    expect(state.counters.rewardSteps).toBe(10);
    expect(state.steps).toMatchObject({ train: 60, rewardRollout: 0, expert: 17 });
  });

  it("refuses a fixed horizon where an expert's episode was ended, and batches that do not fit", () => {
    expect(() => make({ termination: "fixed-horizon" })).toThrow(
      /createDac: a fixed horizon expects episodes/,
    );
    expect(() => make({ discriminator: { ...OPTIONS.discriminator, batchSize: 257 } })).toThrow(
      /createDac: expected a batch of 1 to 256 rows, got 257/,
    );
  });
});
