import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { grad, numpy as np } from "@jax-js/jax";
import { expect, it } from "vitest";
import {
  keyFromSeed,
  nextInteger,
  nextUniform,
  sliceEpisodes,
  type DiscriminatorRecord,
  type DivergenceRecord,
  type TrainingRecord,
  type Trajectories,
} from "../../src/core/index.ts";
import {
  absorbingReward,
  addDivergenceDescent,
  createFIrl,
  fIrlIteration,
  rewardTensors,
  type FIrl,
  type FIrlOptions,
} from "../../src/irl/index.ts";
import type { Kernels } from "../../src/kernels/index.ts";
import { mlpShape } from "../../src/nn/index.ts";
import { policyTemperature, policyTensors } from "../../src/rl/index.ts";
import { restoreCheckpoint, saveCheckpoint } from "../../src/runs/checkpoint.ts";
import { describeBuilds, download } from "../kernels/builds.ts";
import { add, constants, gradient, times, type Scalar } from "../reference/autodiff.ts";
import { adam, adamMemory } from "../reference/adam.ts";
import { checksum, expectClose } from "../reference/closeness.ts";
import { randomEpisodes, toTrajectories } from "../reference/episodes.ts";
import { inputRows, standardOf } from "../reference/likelihood.ts";
import { mlp, readMlp } from "../reference/mlp.ts";
import { pointEnvironment, type PointEnvironment } from "../reference/point-environment.ts";
import { twoLayer } from "../reference/two-layer.ts";
import { absorbedRows, expectDrawn } from "./drawn-shares.ts";

const SHAPE = { n: 2, d: 1, low: -0.25, high: 0.25 };
const HORIZON = 12;
const CUT = 9;
const BATCH = 4;
const PENALTY = 0.3;
const CLIP = 0.1;
const DISCOUNT = 0.9;
const OPTIONS: FIrlOptions = {
  sac: {
    hidden: [8],
    batchSize: 8,
    discount: DISCOUNT,
    learningRate: 1e-3,
    polyak: 0.1,
    temperature: "learnt",
    targetEntropy: "auto",
  },
  reward: {
    inputs: "state",
    network: { kind: "mlp", hidden: [6] },
    optimiser: "ascent",
    stepSize: 0.01,
    stepSizeDecay: 0.5,
    regulariser: { kind: "none" },
  },
  divergence: "forward-kl",
  logRatioClip: CLIP,
  discriminator: {
    hidden: [5],
    batchSize: BATCH,
    learningRate: 1e-2,
    gradientPenalty: PENALTY,
    stepsPerRewardStep: 1,
  },
  startSteps: 30,
  replayCapacity: 100,
  policyStepsPerRewardStep: 40,
  trajectoriesPerRewardStep: 3,
  expertTrajectoriesPerRewardStep: 0,
  termination: "absorbing",
};

const clipped = (x: number): number => Math.max(-CLIP, Math.min(CLIP, x));
const softplus = (x: number): number => Math.log1p(Math.exp(x));
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const average = (values: readonly number[]): number => sum(values) / values.length;

/** Two episodes of the expert: one of 5 steps that the task ended, one of 12 that time did. */
function expert(): Trajectories {
  const trajectories = toTrajectories(randomEpisodes(1, [5, HORIZON], SHAPE));
  trajectories.terminated[4] = 1;
  trajectories.truncated[4] = 0;
  return trajectories;
}

const rewardRecords = (records: TrainingRecord[]): DivergenceRecord[] =>
  records.filter((record): record is DivergenceRecord => record.kind === "reward");
const discriminatorRecords = (records: TrainingRecord[]): DiscriminatorRecord[] =>
  records.filter((record) => record.kind === "discriminator");

/** What is learnt, all of it. */
function tensorsOf(kernels: Kernels, { agent, reward, tensors }: FIrl): Float32Array[] {
  return Object.values({ ...policyTensors(agent.policy), ...rewardTensors(reward), ...tensors }).map(
    ([at, length]) => download(kernels, at, length),
  );
}

/** Cuts an episode after 9 steps, three before its horizon: those are not known, and no absorbing state's. */
const environment = (trueReward?: (x: number) => number): PointEnvironment => ({
  ...pointEnvironment({ maxEpisodeSteps: CUT, edge: 0.6, ...(trueReward && { trueReward }) }),
  maxEpisodeSteps: HORIZON,
});

describeBuilds("f-IRL", (kernels) => {
  const make = (options: Partial<FIrlOptions> = {}, demonstrations = expert()): FIrl =>
    createFIrl(kernels, environment(), demonstrations, { ...OPTIONS, ...options }, keyFromSeed(2));
  const run = (state: FIrl, steps: number): TrainingRecord[] => {
    const records: TrainingRecord[] = [];
    while (state.agent.steps < steps)
      fIrlIteration(
        kernels,
        state,
        steps,
        (record) => records.push(record),
        () => 0,
      );
    return records;
  };
  it.each([
    {
      termination: "native",
      network: { kind: "mlp", hidden: [6] },
      inputs: "state",
      divergence: "reverse-kl",
      mixed: 0,
    },
    {
      termination: "absorbing",
      network: { kind: "two-layer", width: 7 },
      inputs: "state",
      divergence: "forward-kl",
      mixed: 2,
    },
    {
      termination: "absorbing",
      network: { kind: "mlp", hidden: [6] },
      inputs: "state-action",
      divergence: "jensen-shannon",
      mixed: 3,
    },
  ] as const)(
    "takes the steps of its definition ($termination, $inputs, $divergence, $mixed of the expert's)",
    (given) => {
      const { termination, network, inputs, divergence, mixed } = given;
      const state = make({
        termination,
        divergence,
        expertTrajectoriesPerRewardStep: mixed,
        reward: { ...OPTIONS.reward, network, inputs },
      });
      run(state, 40);
      const { reward, agent, streams, discriminator, recentEpisodes } = state;
      const { model: classifier } = discriminator;
      const classifierShape = mlpShape([classifier.network.features, 5, 1]);
      const rewardShape = network.kind === "mlp" ? mlpShape([reward.network.features, 6, 1]) : null;
      const readReward = (block: number): number[] =>
        rewardShape
          ? readMlp(kernels, rewardShape, block)
          : [...download(kernels, block, reward.network.length)];
      const theta = readReward(reward.network.parameters);
      const before = readMlp(kernels, classifierShape, classifier.network.parameters);
      const draws = { ...streams.draws };
      const chosen = { ...streams.expert };
      const records = run(state, 80);
      const [record] = rewardRecords(records);
      const [classifierRecord] = discriminatorRecords(records);
      expect(record.rewardStep).toBe(2);
      expect(classifierRecord.discriminatorSteps).toBe(2);
      expect(recentEpisodes.length).toBe(3);

      // Rows as either network saw them: standardised, with the absorbing state's indicator beside them.
      const absorbs = termination === "absorbing";
      const { mean, inverseStd, size } = reward.normaliser;
      const [means, scales] = [mean, inverseStd].map((block) => download(kernels, block, size));
      const indicator = absorbs ? [0] : [];
      const standard = (row: readonly number[]): number[] =>
        row.map((x, i) => Math.fround(Math.fround(Math.fround(x) - means[i]) * scales[i]));
      const rowsOf = ({ observations, actions }: Trajectories): number[][] =>
        Array.from(actions, (a, t) => [
          ...observations.subarray(2 * t, 2 * t + 2),
          ...(inputs === "state" ? [] : [a / SHAPE.high]),
        ]);
      const featuresOf = (row: readonly number[] | null): number[] =>
        row ? [...standard(row), ...indicator] : [...Array.from(means, () => 0), 1];
      const logit = (weights: readonly Scalar[], row: readonly number[] | null): number =>
        mlp(classifierShape.sizes, weights, constants(featuresOf(row)))[0].value;
      const rewardOf = (parameters: readonly Scalar[], row: readonly number[] | null): Scalar => {
        const x = row ? standard(row) : Array.from(means, () => 0);
        if (rewardShape)
          return mlp(rewardShape.sizes, parameters, constants([...x, ...(row ? indicator : [1])]))[0];
        const norm = Math.hypot(...x, 1);
        const psi = row ? [...[...x, 1].map((value) => value / norm), ...indicator] : [...x, 0, 1];
        return twoLayer(
          download(kernels, reward.network.fixed.rewardSigns[0], 7),
          parameters,
          constants(psi),
        );
      };

      // The classifier: rows of demonstrations against rows of the three episodes, each side's absorbing state by its share.
      const expertRows = rowsOf(expert());
      const agentRows = recentEpisodes.flatMap(rowsOf);
      const stayOf = ({ terminated }: Trajectories): number =>
        absorbs && terminated[terminated.length - 1] ? HORIZON - terminated.length : 0;
      const stays = recentEpisodes.map(stayOf);
      const cut = recentEpisodes.filter(({ terminated }) => !terminated[terminated.length - 1]);
      expect([1, 2]).toContain(cut.length);
      const shares = absorbs ? [7 / 24, sum(stays) / (sum(stays) + agentRows.length)] : [0, 0];
      const draw = (rows: number[][], share: number): (number[] | null)[] => {
        const living = Array.from({ length: BATCH }, () => rows[nextInteger(draws, rows.length)]);
        return living.map((row) => (share > 0 && nextUniform(draws) < share ? null : row));
      };
      const drawn = [draw(expertRows, shares[0]), draw(agentRows, shares[1])];
      expect(drawn.flat().includes(null)).toBe(absorbs);
      expect(drawn.flat().some((row) => row !== null)).toBe(true);
      const between = drawn[0].map((row, i) => {
        const share = nextUniform(draws);
        const other = featuresOf(drawn[1][i]);
        return featuresOf(row).map((x, j) => share * x + (1 - share) * other[j]);
      });
      const old = constants(before);
      const loss = [-1, 1].map((sign, side) =>
        average(drawn[side].map((row) => softplus(sign * logit(old, row)))),
      );
      const penalty = between.map((row) => {
        const x = constants(row);
        return PENALTY * (Math.hypot(...gradient(mlp(classifierShape.sizes, old, x)[0], x)) - 1) ** 2;
      });
      expectClose(
        [classifierRecord.loss, classifierRecord.gradientPenalty],
        [sum(loss), average(penalty)],
        1e-5,
      );
      expect(streams.draws).toEqual(draws);

      // The covariance, by the classifier after its step.
      const weights = constants(readMlp(kernels, classifierShape, classifier.network.parameters));
      const f = {
        "forward-kl": { slope: (x: number) => -Math.exp(x), whole: (x: number) => Math.exp(x) * x },
        "reverse-kl": { slope: (x: number) => 1 - x, whole: (x: number) => -x },
        "jensen-shannon": {
          slope: (x: number) => -Math.log((1 + Math.exp(x)) / 2),
          whole: (x: number) => Math.exp(x) * x - (1 + Math.exp(x)) * Math.log((1 + Math.exp(x)) / 2),
        },
      }[divergence];
      const shown = Array.from({ length: mixed }, () => {
        const episode = nextInteger(chosen, 2);
        return sliceEpisodes(expert(), episode, episode + 1);
      });
      const sample = [...recentEpisodes, ...shown];
      const all = sample.map((episode) => [
        ...rowsOf(episode).map((row) => logit(weights, row)),
        ...Array.from({ length: stayOf(episode) }, () => logit(weights, null)),
      ]);
      const slopes = all.map((xs) => sum(xs.map((x) => f.slope(clipped(x)))));
      const sampled = sum(all.map((xs) => xs.length));
      const temperature = policyTemperature(kernels, agent.policy);
      const parameters = constants(theta);
      const returns = sample.map((episode) => {
        const living = rowsOf(episode).map((row) => rewardOf(parameters, row));
        const stay = absorbs ? [times(stayOf(episode), rewardOf(parameters, null))] : [];
        return [...living, ...stay].reduce(add);
      });
      const gradients = returns.map((value) => gradient(value, parameters));
      const descent = theta.map((_, p) => {
        const meanGradient = average(gradients.map((g) => g[p]));
        const covariance = sum(
          slopes.map(
            (slope, i) =>
              (slope - (sum(slopes) / sampled) * all[i].length) * (gradients[i][p] - meanGradient),
          ),
        );
        return -covariance / (2 + mixed) / ((temperature * sampled) / (3 + mixed));
      });
      const scale = Math.max(...descent.map(Math.abs));
      expect(scale).toBeGreaterThan(1e-4);
      expectClose(readReward(reward.previousGradient), descent, 2e-5 * scale);
      const stepSize = 0.01 * 2 ** -0.5;
      expectClose(
        readReward(reward.network.parameters),
        theta.map((w, i) => w + stepSize * descent[i]),
        1e-6,
      );

      // The record, of the agent's own three.
      const logRatios = all.slice(0, 3);
      const steps = sum(logRatios.map((xs) => xs.length));
      const meanSteps = steps / 3;
      const expertLogits = expertRows.map((row) => logit(weights, row));
      const expertMean = (term: (x: number) => number): number =>
        (1 - shares[0]) * average(expertLogits.map((x) => term(clipped(x)))) +
        (absorbs ? shares[0] * term(clipped(logit(weights, null))) : 0);
      const agentMean = (term: (x: number) => number): number =>
        average(logRatios.flat().map((x) => term(clipped(x))));
      const estimate = {
        "forward-kl": () => expertMean((x) => x),
        "reverse-kl": () => agentMean(f.whole),
        "jensen-shannon": () =>
          2 * Math.log(2) - expertMean((x) => softplus(-x)) - agentMean((x) => softplus(x)),
      }[divergence]();
      const expertReward = average(expertRows.map((row) => rewardOf(parameters, row).value));
      const away = absorbs ? rewardOf(parameters, null).value : 0;
      const agentReward = average(agentRows.map((row) => rewardOf(parameters, row).value));
      const fromRecord = [
        record.divergence,
        record.clippedShare,
        record.expertMeanReward,
        record.agentMeanReward,
        record.returnGap,
        record.gradientNorm,
        record.absorbingReward ?? 0,
      ];
      const byHand = [
        estimate,
        logRatios.flat().filter((x) => Math.abs(x) > CLIP).length / steps,
        expertReward,
        agentReward,
        meanSteps * ((1 - shares[0]) * expertReward + shares[0] * away) -
          average(returns.slice(0, 3).map(({ value }) => value)),
        Math.hypot(...descent),
        away,
      ];
      expect(record.clippedShare).toBeGreaterThan(0);
      expect(record.clippedShare).toBeLessThan(1);
      expectClose(fromRecord, byHand, 2e-5);
    },
  );

  it("has the gradient that jax-js finds for the covariance", () => {
    const state = make({ termination: "native" });
    const { reward, discriminator } = state;
    const [count, length] = [4, 6];
    const episodes = randomEpisodes(6, [length, length, length, length], SHAPE).map((episode) =>
      toTrajectories([episode]),
    );
    kernels.scale(reward.network.length, 2, reward.network.parameters);
    const temperature = 0.3;
    addDivergenceDescent(kernels, reward, discriminator.model, episodes, {
      divergence: "jensen-shannon",
      logRatioClip: 10,
      temperature,
      horizon: HORIZON,
    });
    const { mean, inverseStd, size } = reward.normaliser;
    const [means, scales] = [mean, inverseStd].map((block) => download(kernels, block, size));
    const rows = episodes.flatMap(({ observations }) =>
      Array.from({ length }, (_, t) => [0, 1].map((i) => (observations[2 * t + i] - means[i]) * scales[i])),
    );
    const shapes = [mlpShape([2, 5, 1]), mlpShape([2, 6, 1])];
    const weights = constants(readMlp(kernels, shapes[0], discriminator.model.network.parameters));
    const slopes = rows.map(
      (row) => Math.log(2) - softplus(mlp([2, 5, 1], weights, constants(row))[0].value),
    );
    // readMlp lists W1 [2, 6], b1, W2 [6, 1], b2.
    const theta = readMlp(kernels, shapes[1], reward.network.parameters);
    const b1 = np.array(theta.slice(12, 18));
    const w2 = np.array(theta.slice(18, 24)).reshape([6, 1]);
    const x = np.array(rows.flat()).reshape([count * length, 2]);
    const perEpisode = (values: np.Array): np.Array => np.sum(values.reshape([count, length]), 1);
    const scores = perEpisode(np.array(slopes));
    const excess = np.subtract(scores.ref, np.mean(scores));
    const covariance = (w1: np.Array): np.Array => {
      const rewards = np.matmul(np.maximum(np.add(np.matmul(x, w1), b1), 0), w2);
      const returns = perEpisode(rewards);
      const centred = np.subtract(returns.ref, np.mean(returns));
      return np.multiply(np.sum(np.multiply(excess, centred)), 1 / ((count - 1) * temperature * length));
    };
    const w1 = np.array(theta.slice(0, 12)).reshape([2, 6]);
    const expected = (grad(covariance)(w1).js() as number[][]).flat().map((g) => -g);
    const scale = Math.max(...expected.map(Math.abs));
    expect(scale).toBeGreaterThan(1e-3);
    expectClose(readMlp(kernels, shapes[1], reward.gradient).slice(0, 12), expected, 1e-4 * scale);
  });

  it("pays r at its present parameters, and gamma r_a / (1 - gamma) after an end", () => {
    // A teacher that takes away on ended steps what the absorbing state's value adds, and pays nothing else, is one that pays nothing
    // where an end is an end.
    const policyOf = (made: FIrl, teacher: FIrl["teacher"]): number[] => {
      Object.assign(made, { teacher });
      run(made, 160);
      return Object.values(policyTensors(made.agent.policy)).flatMap(([at, length]) => [
        ...download(kernels, at, length),
      ]);
    };
    const nothing: FIrl["teacher"] = ({ size }, out) => kernels.fill(size, out, 0);
    const ending = make();
    const taken = policyOf(ending, ({ size, rows, stride }, out) => {
      const value = (absorbingReward(kernels, ending.reward) ?? NaN) / (1 - DISCOUNT);
      const table = kernels.f32(rows, size * stride);
      const paid = kernels.f32(out, size);
      for (let i = 0; i < size; i++) paid[i] = -DISCOUNT * value * table[(i + 1) * stride - 1];
    });
    expectClose(taken, policyOf(make({ termination: "native" }), nothing), 2 ** -10);
    expect(policyOf(make(), nothing)).not.toEqual(taken);

    const state = make({ termination: "native" });
    run(state, 120);
    const { replay } = state.agent;
    const out = kernels.allocate(1);
    state.teacher({ size: 1, rows: replay.rows, stride: replay.stride, indices: 0 }, out);
    const { mean, inverseStd, size } = state.reward.normaliser;
    const [means, scales] = [mean, inverseStd].map((block) => download(kernels, block, size));
    const row = download(kernels, replay.rows, 2).map((x, i) => (x - means[i]) * scales[i]);
    const theta = constants(readMlp(kernels, mlpShape([2, 6, 1]), state.reward.network.parameters));
    expectClose(download(kernels, out, 1), [mlp([2, 6, 1], theta, constants(row))[0].value], 1e-5);
  });

  it("goes on with its classifier's Adam from one reward step to the next", () => {
    const state = make();
    const { network, previousGradient } = state.discriminator.model;
    const shape = mlpShape([network.features, 5, 1]);
    const start = readMlp(kernels, shape, network.parameters);
    const memory = adamMemory(start.length);
    let expected = start;
    for (const steps of [40, 80, 120]) {
      run(state, steps);
      const down = readMlp(kernels, shape, previousGradient).map((g) => -g);
      expected = adam(memory, expected, down, OPTIONS.discriminator.learningRate);
    }
    expectClose(readMlp(kernels, shape, network.parameters), expected, 1e-6);
  });

  it.each(["state", "state-action"] as const)(
    "standardises over the expert's steps and all of the agent's, in equal parts (%s)",
    (inputs) => {
      const world = environment();
      const reward = { ...OPTIONS.reward, inputs };
      const state = createFIrl(kernels, world, expert(), { ...OPTIONS, reward }, keyFromSeed(2));
      run(state, 120);
      const form = { ...SHAPE, inputs, network: { sizes: [] } };
      const [shown, done] = [randomEpisodes(1, [5, HORIZON], SHAPE), world.log.slice(0, -1)].map((episodes) =>
        inputRows(form, episodes),
      );
      const { mean, std } = standardOf(shown, done);
      const { normaliser } = state.reward;
      expectClose(download(kernels, normaliser.mean, mean.length), mean, 1e-5);
      expectClose(
        download(kernels, normaliser.inverseStd, mean.length),
        std.map((s) => 1 / s),
        1e-4,
      );
    },
  );

  it("draws from streams of their own", () => {
    const { streams, agent, discriminator, reward } = make();
    expect(new Set(Object.values(streams).map(({ key }) => String(key))).size).toBe(2);
    expect(String(agent.exploration.key)).not.toBe(String(streams.draws.key));
    expect(discriminator.model.normaliser).toBe(reward.normaliser);
  });

  it("stops at the limit, within an iteration", () => {
    const state = make();
    run(state, 50);
    expect(state.agent.steps).toBe(50);
    expect(state.steps.train).toBe(50);
  });

  it("takes its first reward step when two episodes have ended", () => {
    const records = run(make({ policyStepsPerRewardStep: 1 }), 30);
    const lengths = records.flatMap((record) => (record.kind === "episode" ? [record.length] : []));
    expect(rewardRecords(records)[0].step).toBe(lengths[0] + lengths[1]);
  });

  it("has room for as many episodes as it keeps, each of the longest", () => {
    const state = make({ startSteps: 1000 });
    const beyond = kernels.allocate(64);
    kernels.fill(64, beyond, 3);
    run(state, 200);
    expect(download(kernels, beyond, 64).every((value) => value === 3)).toBe(true);
  });

  it("keeps the latest episodes, and takes no reward step before there are two", () => {
    const state = make({ trajectoriesPerRewardStep: 4, policyStepsPerRewardStep: 5 });
    const reward = download(kernels, state.reward.network.parameters, state.reward.network.length);
    const records = run(state, 5);
    expect(state.recentEpisodes.length).toBeLessThan(2);
    expect(rewardRecords(records)).toEqual([]);
    expect(download(kernels, state.reward.network.parameters, reward.length)).toEqual(reward);

    const later = run(state, 150);
    const lengths = later.flatMap((record) => (record.kind === "episode" ? [record.length] : []));
    expect(state.recentEpisodes.map(({ terminated }) => terminated.length)).toEqual(lengths.slice(-4));
    expect(state.counters.rewardSteps).toBe(rewardRecords(later).length);
    expect(state.counters.rewardSteps).toBeGreaterThan(20);
    expect(state.steps).toMatchObject({ train: 150, rewardRollout: 0, expert: 17 });
  });

  it("draws the absorbing state as often as either side is in it, of the agent in the kept episodes", () => {
    const state = make({ policyStepsPerRewardStep: 1 });
    run(state, 60);
    const { discriminator, recentEpisodes } = state;
    const shares: number[][] = [[], []];
    const counts = [0, 0];
    for (let step = 61; step <= 700; step++) {
      run(state, step);
      const alive = sum(recentEpisodes.map(({ actions }) => actions.length));
      const stays = recentEpisodes.map(({ terminated }) =>
        terminated.at(-1) === 1 ? HORIZON - terminated.length : 0,
      );
      [7 / 24, sum(stays) / (sum(stays) + alive)].forEach((share, side) => {
        shares[side].push(share);
        counts[side] += absorbedRows(kernels, discriminator.room.features[side], BATCH, 3, 2);
      });
    }
    counts.forEach((count, side) => expectDrawn(count, shares[side], BATCH));
  });

  it("takes as many steps of the classifier before a reward step as asked", () => {
    const state = make({ discriminator: { ...OPTIONS.discriminator, stepsPerRewardStep: 7 } });
    const records = run(state, 120);
    expect(discriminatorRecords(records).map((record) => record.discriminatorSteps)).toEqual([7, 14, 21]);
    expect(rewardRecords(records).map((record) => record.step)).toEqual([40, 80, 120]);
    expect(state.counters).toMatchObject({ rewardSteps: 3, classifierSteps: 21 });
  });

  const learnt = (options: Partial<FIrlOptions>, trueReward?: (x: number) => number): number => {
    const given = { ...OPTIONS, ...options };
    const state = createFIrl(kernels, environment(trueReward), expert(), given, keyFromSeed(2));
    run(state, 160);
    return checksum(tensorsOf(kernels, state));
  };

  it("sees no true reward, and is the same for the same key", () => {
    const plain = learnt({});
    expect(learnt({})).toBe(plain);
    expect(learnt({}, () => Number.NaN)).toBe(plain);
  });

  it("ends elsewhere with every option that is changed", () => {
    const { sac, reward, discriminator } = OPTIONS;
    const changes: Partial<FIrlOptions>[] = [
      {},
      { divergence: "reverse-kl" },
      { divergence: "jensen-shannon" },
      { logRatioClip: 0.05 },
      { discriminator: { ...discriminator, hidden: [4] } },
      { discriminator: { ...discriminator, batchSize: 5 } },
      { discriminator: { ...discriminator, learningRate: 2e-2 } },
      { discriminator: { ...discriminator, gradientPenalty: 0 } },
      { discriminator: { ...discriminator, stepsPerRewardStep: 2 } },
      { reward: { ...reward, inputs: "state-action" } },
      { reward: { ...reward, network: { kind: "two-layer", width: 6 } } },
      { reward: { ...reward, optimiser: "adam" } },
      { reward: { ...reward, stepSize: 0.02 } },
      { reward: { ...reward, stepSizeDecay: 0 } },
      { reward: { ...reward, regulariser: { kind: "weight-decay", rate: 0.1 } } },
      { sac: { ...sac, temperature: 0.5 } },
      { sac: { ...sac, discount: 0.8 } },
      { startSteps: 31 },
      { replayCapacity: 50 },
      { slowdown: { from: 100, learningRate: 1e-4 } },
      { policyStepsPerRewardStep: 39 },
      { trajectoriesPerRewardStep: 2 },
      { expertTrajectoriesPerRewardStep: 1 },
      { termination: "native" },
    ];
    const sums = changes.map((options) => learnt(options));
    expect(new Set(sums).size).toBe(changes.length);
  });

  it("goes on to the bit from what a checkpoint holds", () => {
    const folder = mkdtempSync(join(tmpdir(), "f-irl-"));
    try {
      const through = make();
      run(through, 120);
      saveCheckpoint(kernels, folder, through.agent, through, through.steps, 0);
      const saved = Object.values(through.tensors).map(([at, length]) => download(kernels, at, length));
      run(through, 240);
      const resumed = make();
      restoreCheckpoint(kernels, folder, resumed.agent, resumed, resumed.steps);
      Object.values(resumed.tensors).forEach(([at, length], i) => kernels.f32(at, length).set(saved[i]));
      const records = run(resumed, 240);
      expect(tensorsOf(kernels, resumed)).toEqual(tensorsOf(kernels, through));
      expect(resumed.counters).toEqual(through.counters);
      expect(resumed.streams).toEqual(through.streams);
      expect(rewardRecords(records).length).toBe(3);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("refuses what cannot be", () => {
    const { discriminator } = OPTIONS;
    expect(() => make({ termination: "fixed-horizon" })).toThrow(
      /createFIrl: a fixed horizon expects episodes/,
    );
    expect(() => make({ discriminator: { ...discriminator, batchSize: 257 } })).toThrow(
      /createFIrl: expected a batch of 1 to 256 rows, got 257/,
    );
    expect(() => make({ discriminator: { ...discriminator, stepsPerRewardStep: 0 } })).toThrow(
      /createFIrl: expected at least one step of the classifier/,
    );
    expect(() => make({ trajectoriesPerRewardStep: 1 })).toThrow(
      /at least 2 trajectories per reward step, got 1/,
    );
    expect(() => make({ logRatioClip: 0 })).toThrow(/a clip of the log ratio above 0, got 0/);
    const whole = toTrajectories(randomEpisodes(1, [HORIZON], SHAPE));
    expect(() => run(make({ termination: "fixed-horizon" }, whole), 100)).toThrow(
      /fIrlIteration: a fixed horizon expects episodes that only time ends, but the environment ended one/,
    );
  });
});
