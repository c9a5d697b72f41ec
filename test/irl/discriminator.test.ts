/** Rows of the absorbing state: how often they are drawn, and what holds its logit where the expert never enters it. */
import { expect, it } from "vitest";
import {
  box,
  keyFromSeed,
  nextUniform,
  streamOf,
  transitionCount,
  type Trajectories,
} from "../../src/core/index.ts";
import {
  absorbingReward,
  classifierOptions,
  createDiscriminator,
  createRewardModel,
  discriminatorStep,
  drawAbsorbing,
  loadRows,
  observeTrajectories,
  rewardsAlong,
  type Discriminator,
  type RewardModel,
  type Side,
} from "../../src/irl/index.ts";
import { rollout } from "../../src/rl/index.ts";
import { describeBuilds, download, upload } from "../kernels/builds.ts";
import { pointEnvironment } from "../reference/point-environment.ts";
import { absorbedRows, expectDrawn } from "./drawn-shares.ts";

const HORIZON = 64;
const SIZE = 32;
const KEY = keyFromSeed(1);

/** Walks straight to the origin and stays there up to the horizon: rows in one crowd, none of them an end. */
const walked = rollout(
  pointEnvironment({ maxEpisodeSteps: HORIZON }),
  ([x], unit) => {
    unit[0] = Math.max(-1, Math.min(1, -4 * x));
  },
  10,
  KEY,
);

/** Random moves, up to the edge at the latest. */
function strayed(): Trajectories {
  const stream = streamOf(keyFromSeed(11));
  const act = (_: Float64Array, unit: Float32Array): void => {
    unit[0] = 2 * nextUniform(stream) - 1;
  };
  return rollout(pointEnvironment({ maxEpisodeSteps: HORIZON, edge: 1.1 }), act, 40, keyFromSeed(7));
}

describeBuilds("rows of the absorbing state", (kernels) => {
  it("are drawn with their share, in the place of whole rows, and at a share of 0 with no random number", () => {
    const [size, width] = [1000, 3];
    const state = upload(kernels, [0, 0, 1]);
    for (const share of [0, 0.05, 0.3, 0.9, 1]) {
      const rows = upload(kernels, Array.from({ length: size }, (_, row) => [row + 1, -row - 1, 0]).flat());
      const draws = streamOf(keyFromSeed(4));
      drawAbsorbing(kernels, draws, share, size, width, state, rows);
      expect(draws.counter).toBe(share === 0 ? 0 : size);
      const table = download(kernels, rows, size * width);
      for (let row = 0; row < size; row++) {
        const own = [...table.subarray(row * width, (row + 1) * width)];
        expect(own).toEqual(own[2] === 1 ? [0, 0, 1] : [row + 1, -row - 1, 0]);
      }
      expectDrawn(absorbedRows(kernels, rows, size, width, 2), [share], size);
    }
  });

  /** A classifier of walks against strays that spend `share` of their time in the absorbing state. */
  const make = (
    demonstrations: Trajectories,
    horizon: number,
    share: number,
    change: (model: RewardModel) => RewardModel = (model) => model,
  ): { discriminator: Discriminator; agent: Side } => {
    const options = classifierOptions({ inputs: "state-action", hidden: [32, 32], learningRate: 1e-3 }, true);
    const model = change(createRewardModel(kernels, 2, box(1, -0.25, 0.25), options, KEY));
    const own = strayed();
    observeTrajectories(kernels, model, "expert", demonstrations);
    observeTrajectories(kernels, model, "agent", own);
    const given = { batchSize: SIZE, gradientPenalty: 1 };
    const discriminator = createDiscriminator(kernels, model, demonstrations, horizon, given);
    const count = transitionCount(own);
    const rows = kernels.allocate(count * model.inputSize);
    loadRows(kernels, model, own, 0, count, rows);
    return { discriminator, agent: { rows, stride: model.inputSize, count, absorbing: share } };
  };

  it("have on each side the share of that side", () => {
    // Six of ten episodes end, halfway to the horizon.
    const terminated = walked.truncated.map((last, t) => (t < 6 * HORIZON ? last : 0));
    const { discriminator, agent } = make({ ...walked, terminated }, 2 * HORIZON, 0.8);
    const draws = streamOf(keyFromSeed(2));
    const counts = [0, 0];
    const steps = 200;
    for (let k = 0; k < steps; k++) {
      discriminatorStep(kernels, discriminator, agent, draws, k);
      for (const side of [0, 1])
        counts[side] += absorbedRows(kernels, discriminator.room.features[side], SIZE, 4, 3);
    }
    [6 / 16, 0.8].forEach((share, side) => expectDrawn(counts[side], Array<number>(steps).fill(share), SIZE));
  });

  /** The same model with a penalty that sees rows between living states alone. */
  const livingOnly = (model: RewardModel): RewardModel => ({
    ...model,
    network: {
      ...model.network,
      addPenalty: (size, rows, weight, gradient) => {
        const table = kernels.f32(rows, 4 * size);
        const all = Array.from({ length: size }, (_, row) => table.slice(4 * row, 4 * row + 4));
        const living = all.filter((row) => row[3] === 0);
        all.forEach((row, i) => {
          if (row[3] > 0 && living.length > 0) table.set(living[i % living.length], 4 * i);
        });
        return model.network.addPenalty!(size, rows, weight, gradient);
      },
    },
  });

  it("keep its logit where a slope of 1 takes it, which without them in the penalty it leaves", () => {
    const [drawn, left] = [undefined, livingOnly].map((change) => {
      const { discriminator, agent } = make(walked, HORIZON, 0.8, change);
      const draws = streamOf(keyFromSeed(2));
      for (let k = 0; k < 4000; k++) discriminatorStep(kernels, discriminator, agent, draws, k);
      const { model } = discriminator;
      // Nearly all of the expert's rows are one: at the origin, at rest.
      const crowd = rewardsAlong(kernels, model, walked)[HORIZON - 1];
      const absorbing = absorbingReward(kernels, model) ?? NaN;
      const { mean, inverseStd } = model.normaliser;
      const [means, scales] = [mean, inverseStd].map((at) => download(kernels, at, 3));
      const distance = Math.hypot(1, ...means.map((m, i) => m * scales[i]));
      return { slope: (crowd - absorbing) / distance, size: Math.abs(absorbing) / distance };
    });
    expect(drawn.slope).toBeLessThan(1.5);
    expect(drawn.size).toBeLessThan(1);
    expect(left.slope).toBeGreaterThan(4);
    expect(left.size).toBeGreaterThan(3);
  });
});
