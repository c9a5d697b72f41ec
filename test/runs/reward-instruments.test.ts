import { expect, it } from "vitest";
import { foldIn, keyFromSeed, toPolicyUnits, type InstrumentsRecord } from "../../src/core/index.ts";
import {
  createMlIrl,
  effectiveHorizon,
  stepFeatures,
  twoLayerOf,
  type MlIrl,
  type MlIrlOptions,
} from "../../src/irl/index.ts";
import type { TwoLayerNetwork } from "../../src/nn/index.ts";
import { createRewardInstruments, measureReward } from "../../src/runs/reward-instruments.ts";
import { takeSnapshot, TRAIN_DEFAULTS } from "../../src/runs/index.ts";
import {
  concavityGap,
  createLinearityBench,
  linearisationErrorInBall,
  type BallDirection,
} from "../../src/theory/index.ts";
import { describeBuilds, download, normals, U } from "../kernels/builds.ts";
import {
  add,
  constant,
  constants,
  exp,
  float32Tolerance,
  log,
  multiply,
  square,
  subtract,
  sum,
  times,
  type Scalar,
} from "../reference/autodiff.ts";
import { expectClose } from "../reference/closeness.ts";
import { randomEpisodes, toTrajectories } from "../reference/episodes.ts";
import { pointEnvironment, type Episode } from "../reference/point-environment.ts";
import { twoLayer, twoLayerLinearised } from "../reference/two-layer.ts";

const WIDTH = 32;
const DISCOUNT = 0.9;
const MAX_STEPS = 16;
const RADIUS = 3;
const SHAPE = { n: 2, d: 1, low: -0.25, high: 0.25 };
/** Three of the expert, of which an estimate of two trajectories takes the first two; two of the agent. */
const EXPERT = randomEpisodes(1, [5, 7, 4], SHAPE);
const AGENT = randomEpisodes(2, [6, 3], SHAPE);
/** All of the expert's were cut, the shortest after 4 steps. */
const KNOWN = 4;
const KEY = keyFromSeed(3);

const rms = (terms: readonly Scalar[]): number =>
  Math.sqrt(times(1 / terms.length, sum(terms.map(square))).value);

/** An episode of `length` equal steps. */
const alike = (length: number, value: number): Episode => ({
  observations: Array.from({ length }, () => [value, value]),
  actions: Array.from({ length }, () => [0]),
});

describeBuilds("instruments on a reward", (kernels) => {
  const make = (
    options: Partial<MlIrlOptions> = {},
    reward: Partial<MlIrlOptions["reward"]> = {},
    [expert, agent]: readonly (readonly Episode[])[] = [EXPERT, AGENT],
    maxEpisodeSteps = MAX_STEPS,
  ): MlIrl => {
    const all: MlIrlOptions = {
      ...TRAIN_DEFAULTS,
      sac: { ...TRAIN_DEFAULTS.sac, hidden: [4], batchSize: 4, discount: DISCOUNT },
      replayCapacity: 8,
      trajectoriesPerRewardStep: 2,
      reward: {
        ...TRAIN_DEFAULTS.reward,
        network: { kind: "two-layer", width: WIDTH },
        regulariser: { kind: "projection", radius: RADIUS },
        ...reward,
      },
      ...options,
    };
    const environment = pointEnvironment({ maxEpisodeSteps });
    const irl = createMlIrl(
      kernels,
      { train: environment, rollout: null },
      toTrajectories(expert),
      all,
      keyFromSeed(4),
    );
    for (const episode of agent) irl.recentEpisodes.push(toTrajectories([episode]));
    return irl;
  };
  /** theta somewhere inside the ball, where many units have changed sides. */
  const move = (irl: MlIrl): void => {
    const { parameters, length } = irl.reward.network;
    const step = normals(5, length);
    kernels.f32(parameters, length).forEach((_, i, theta) => (theta[i] += 0.2 * step[i]));
  };
  const look = (irl: MlIrl, key = KEY): InstrumentsRecord => {
    const record = measureReward(kernels, createRewardInstruments(kernels, irl.reward), irl, key);
    if (!record) throw new Error("expected a measurement");
    return record;
  };
  /** psi(s, a): standardised, 1 appended, scaled to unit norm. */
  const features = (
    { reward }: MlIrl,
    observation: readonly number[],
    action: readonly number[],
  ): Scalar[] => {
    const { mean, inverseStd, size } = reward.normaliser;
    const [means, scales] = [mean, inverseStd].map((block) => constants(download(kernels, block, size)));
    const units = new Float32Array(action.length);
    toPolicyUnits(reward.actionSpace, Float32Array.from(action), units);
    const z = constants([...observation, ...units]).map((x, i) => multiply(subtract(x, means[i]), scales[i]));
    const row = [...z, constant(1)];
    const inverseNorm = exp(times(-0.5, log(sum(row.map(square)))));
    return row.map((x) => multiply(x, inverseNorm));
  };
  /** The steps of some episodes, as far as all of the expert's go, with their weight in Lhat / h, in order. */
  const weighedRows = (
    episodes: readonly Episode[],
    sign: number,
    discount = DISCOUNT,
  ): { episode: Episode; t: number; weight: number }[] =>
    episodes.flatMap((episode) =>
      episode.actions.slice(0, KNOWN).map((_, t) => {
        const horizon = effectiveHorizon(discount, MAX_STEPS);
        return { episode, t, weight: (sign * discount ** t) / episodes.length / horizon };
      }),
    );
  /** Rms of r, rms of r - f0, and the gap of discounted returns over h, by their definitions. */
  const byDefinition = (irl: MlIrl, discount: number, expert: readonly Episode[]): number[] => {
    const { network, initial } = irl.reward;
    const signs = download(kernels, network.fixed.rewardSigns[0], WIDTH);
    const theta = constants(download(kernels, network.parameters, network.length));
    const theta0 = [...download(kernels, initial, network.length)];
    const rows = [...weighedRows(expert, 1, discount), ...weighedRows(AGENT, -1, discount)].map(
      ({ episode, t, weight }) => ({
        x: features(irl, episode.observations[t], episode.actions[t]),
        weight,
      }),
    );
    const values = rows.map(({ x }) => twoLayer(signs, theta, x));
    const errors = rows.map(({ x }, i) => subtract(values[i], twoLayerLinearised(signs, theta0, theta, x)));
    const gap = values.map((value, i) => times(rows[i].weight, value)).reduce(add);
    return [rms(values), rms(errors), gap.value];
  };

  it.each([
    ["discounted", true, DISCOUNT],
    ["undiscounted", false, 1],
  ])("measure what they say on the %s rows of one gradient estimate", (_, discountedGradient, discount) => {
    const irl = make({ discountedGradient });
    move(irl);
    const { rows, rewardRms, rewardLinearisation, returnGap } = look(irl);
    expect(rows).toBe(KNOWN + KNOWN + KNOWN + 3);
    const expected = (): number[] => byDefinition(irl, discount, EXPERT.slice(0, 2));
    expectClose([rewardRms, rewardLinearisation, returnGap], expected(), float32Tolerance(expected));
    expect(rewardLinearisation).toBeGreaterThan(0.01 * rewardRms);
  });

  it("find no error of linearisation at theta_0", () => {
    const { rewardLinearisation, rewardRms } = look(make());
    expect(rewardLinearisation).toBe(0);
    expect(rewardRms).toBeGreaterThan(0);
  });

  it("draw in the ball that holds the reward, or as far out as it has gone", () => {
    expect(look(make()).radius).toBe(RADIUS);
    const free = make({}, { regulariser: { kind: "none" } });
    move(free);
    const { network, initial } = free.reward;
    const theta = download(kernels, network.parameters, network.length);
    const start = download(kernels, initial, network.length);
    const travel = Math.hypot(...theta.map((value, i) => value - start[i]));
    const { length } = theta;
    expectClose([look(free).radius], [travel], (length + 2) * U * travel);
  });

  it("look at the ball as the theory's instruments do on the same rows, the expert's weighed against the agent's", () => {
    const irl = make();
    move(irl);
    const network = twoLayerOf(irl.reward) as TwoLayerNetwork;
    const expert = EXPERT.slice(0, 2);
    const rows = weighedRows(expert, 1).concat(weighedRows(AGENT, -1));
    const points = kernels.allocate(rows.length * network.features);
    rows.forEach(({ episode, t }, i) => {
      stepFeatures(kernels, irl.reward, toTrajectories([episode]), t, points + 4 * i * network.features);
    });
    const bench = createLinearityBench(kernels, network, points, rows.length);
    const weights = rows.map(({ weight }) => weight);
    const errors = (direction: BallDirection): number =>
      linearisationErrorInBall(kernels, bench, { radius: RADIUS, direction, draws: 8 }, foldIn(KEY, 0)).mean;
    const gap = (direction: BallDirection): ReturnType<typeof concavityGap> =>
      concavityGap(kernels, bench, weights, { radius: RADIUS, direction, draws: 8 }, foldIn(KEY, 1));
    const exact = {
      ballLinearisationRandom: errors("random"),
      ballLinearisationTrained: errors("trained"),
      belowChord: gap("trained").positiveShare,
    };
    const gaps = [gap("random").mean, gap("trained").mean];
    const found = look(irl);
    expect(found).toMatchObject(exact);
    // gamma^t by products is off by at most t + 2 roundings, f is at most ||W||, the weights of a side add up to at most 1.
    const largest = RADIUS + Math.hypot(...download(kernels, irl.reward.initial, irl.reward.network.length));
    const allowed = 2 * 2 * largest * (MAX_STEPS + 2) * 2 ** -53;
    expectClose([found.concavityGapRandom, found.concavityGapTrained], gaps, allowed);
    expect(new Set([...Object.values(exact), ...gaps]).size).toBe(5);
    for (const each of gaps) expect(each).toBeGreaterThan(1e6 * allowed);
  });

  it("draw by their key alone", () => {
    const irl = make();
    const once = look(irl);
    expect(look(irl)).toEqual(once);
    const other = look(irl, foldIn(KEY, 0));
    expect(other.rewardRms).toBe(once.rewardRms);
    for (const drawn of [
      "ballLinearisationRandom",
      "ballLinearisationTrained",
      "concavityGapTrained",
    ] as const) {
      expect(other[drawn]).not.toBe(once[drawn]);
    }
  });

  it("write nothing of the training", () => {
    const irl = make();
    move(irl);
    const before = takeSnapshot(kernels, irl.agent, irl, irl.steps, 0);
    look(irl);
    expect(takeSnapshot(kernels, irl.agent, irl, irl.steps, 0)).toEqual(before);
  });

  it("thin long trajectories without losing weight", () => {
    // More steps than a side takes, and all of an episode worth the same: then thinning is exact.
    const [long, short] = [alike(1500, 1), alike(3, -1)];
    const options = { discountedGradient: false, trajectoriesPerRewardStep: 1 };
    const irl = make(options, {}, [[long], [short]], 1500);
    const thin = look(irl);
    expect(thin.rows).toBe(256 + 3);
    const [one, other] = [
      [1, 1],
      [-1, -1],
    ].map((place) => {
      const { network } = irl.reward;
      const signs = download(kernels, network.fixed.rewardSigns[0], WIDTH);
      const theta = constants(download(kernels, network.parameters, network.length));
      return () => twoLayer(signs, theta, features(irl, place, [0])).value;
    });
    const expected = (): number[] => [(1500 * one() - 3 * other()) / 1500];
    expectClose([thin.returnGap], expected(), float32Tolerance(expected));
    // What lies beyond the horizon does not count.
    expect(look(make(options, {}, [[long], [short]], 20)).rows).toBe(20 + 3);
  });

  it("see the same with an absorbing state, whatever was looked at before", () => {
    const irl = make({ termination: "absorbing" }, {}, [EXPERT, []]);
    const used = createRewardInstruments(kernels, irl.reward);
    irl.recentEpisodes.push(toTrajectories(randomEpisodes(2, [3], SHAPE)));
    measureReward(kernels, used, irl, KEY);
    irl.recentEpisodes[0] = toTrajectories(randomEpisodes(2, [6], SHAPE));
    expect(measureReward(kernels, used, irl, KEY)).toEqual(look(irl));
  });

  it("wait for an episode of the agent", () => {
    const irl = make({}, {}, [EXPERT, []]);
    expect(measureReward(kernels, createRewardInstruments(kernels, irl.reward), irl, KEY)).toBeNull();
  });

  it("refuse a reward that has no such linearisation", () => {
    const { reward } = make({}, { network: { kind: "mlp", hidden: [4] } });
    expect(() => createRewardInstruments(kernels, reward)).toThrow(/measure a two-layer reward, got mlp/);
  });
});
