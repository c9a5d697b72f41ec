import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { grad, numpy as np } from "@jax-js/jax";
import { expect, it } from "vitest";
import {
  keyFromSeed,
  nextNormal,
  streamOf,
  type InversePolicyRecord,
  type Trajectories,
} from "../../src/core/index.ts";
import {
  createIqLearn,
  iqLearnIteration,
  recoveredReward,
  type IqLearn,
  type IqLearnOptions,
} from "../../src/irl/index.ts";
import type { Kernels } from "../../src/kernels/index.ts";
import { sacTemperature, sacTensors, type Sac } from "../../src/rl/index.ts";
import { restoreCheckpoint, saveCheckpoint } from "../../src/runs/checkpoint.ts";
import { describeBuilds, download } from "../kernels/builds.ts";
import {
  add,
  constant,
  constants,
  float32Tolerance,
  gradient,
  mean,
  minimum,
  square,
  subtract,
  times,
  type Scalar,
} from "../reference/autodiff.ts";
import { checksum, expectClose } from "../reference/closeness.ts";
import { randomEpisodes, toTrajectories } from "../reference/episodes.ts";
import { float64 } from "../reference/jax.ts";
import { mlp, readMlp } from "../reference/mlp.ts";
import { pointEnvironment, type PointOptions } from "../reference/point-environment.ts";
import { sacOf } from "../reference/sac-of.ts";
import { tanhGaussian } from "../reference/soft-actor-critic.ts";
import { farthest } from "../reference/tabular.ts";

const SHAPE = { n: 2, d: 1, low: -0.25, high: 0.25 };
const [N, D] = [2, 1];
const HORIZON = 12;
const EDGE = 0.5;
const BATCH = 11;
const OWN = 6;
const DISCOUNT = 0.9;
const START = 30;
const OPTIONS: IqLearnOptions = {
  sac: {
    hidden: [8],
    batchSize: BATCH,
    discount: DISCOUNT,
    learningRate: 1e-3,
    polyak: 0.1,
    temperature: "learnt",
    targetEntropy: "auto",
  },
  startSteps: START,
  replayCapacity: 100,
  valueTerm: "both",
  regulariserCoefficient: 0.5,
  regularisedRows: "both",
  nextValue: "online",
  termination: "native",
};

/** Four episodes of the expert: three that the task ended, one that was cut before the horizon. */
const LENGTHS = [2, 3, 2, 10];
const STARTS = [0, 2, 5, 7];
const SHOWN = 17;
/** Only the first three go on to the horizon. */
const EXPERT_AWAY = (10 + 9 + 10) / (10 + 9 + 10 + SHOWN);

function expert(): Trajectories {
  const trajectories = toTrajectories(randomEpisodes(1, LENGTHS, SHAPE));
  trajectories.nextObservations.set(trajectories.observations.map((x) => x / 2 + 0.25));
  for (const end of [1, 4, 6]) {
    trajectories.terminated[end] = 1;
    trajectories.truncated[end] = 0;
  }
  return trajectories;
}

/** s, a in policy units, s', terminated; and the normals of the actions drawn at s' and at s (or at the initial state). */
interface Row {
  readonly observation: number[];
  readonly action: number[];
  readonly nextObservation: number[];
  readonly terminated: boolean;
  readonly nextNoise: number[];
  readonly valueObservation: number[];
  readonly valueNoise: number[];
  readonly actorNoise: number[];
}

interface Networks {
  readonly actor: number[];
  readonly critics: number[][];
  readonly targets: number[][];
  readonly temperature: number;
}

describeBuilds("inverse soft Q-learning", (kernels) => {
  const make = (
    options: Partial<IqLearnOptions> = {},
    demonstrations = expert(),
    point: Partial<PointOptions> = {},
  ): IqLearn =>
    createIqLearn(
      kernels,
      pointEnvironment({ maxEpisodeSteps: HORIZON, edge: EDGE, ...point }),
      demonstrations,
      { ...OPTIONS, ...options },
      keyFromSeed(9),
    );
  const run = (state: IqLearn, steps: number): InversePolicyRecord[] => {
    const records: InversePolicyRecord[] = [];
    while (state.agent.steps < steps)
      iqLearnIteration(
        kernels,
        state,
        steps,
        (record) => {
          if (record.kind === "policy") records.push(record as InversePolicyRecord);
        },
        () => 0,
      );
    return records;
  };

  /** Where temperature and targets are not what they were at initialisation, and the absorbing state's reward is not 0. */
  const prepared = (options: Partial<IqLearnOptions>, absorbingReward: number): IqLearn => {
    const state = make(options);
    const sac = sacOf(state.agent);
    const { criticShape, targetCritics } = sac;
    run(state, START);
    kernels.scale(2 * criticShape.blockLength, 0.75, targetCritics);
    kernels.fill(1, sac.logTemperature, Math.log(0.3));
    kernels.expVector(1, sac.logTemperature, sac.logTemperature + 8);
    state.counters.absorbingReward = absorbingReward;
    return state;
  };

  it.each([
    { valueTerm: "both", regularisedRows: "both", nextValue: "online", termination: "native" },
    { valueTerm: "both", regularisedRows: "both", nextValue: "online", termination: "absorbing" },
    { valueTerm: "both", regularisedRows: "both", nextValue: "target", termination: "absorbing" },
    { valueTerm: "initial", regularisedRows: "expert", nextValue: "online", termination: "absorbing" },
    { valueTerm: "initial", regularisedRows: "both", nextValue: "online", termination: "native" },
    { valueTerm: "replay", regularisedRows: "expert", nextValue: "online", termination: "absorbing" },
    { valueTerm: "replay", regularisedRows: "both", nextValue: "target", termination: "native" },
    { valueTerm: "expert", regularisedRows: "expert", nextValue: "online", termination: "absorbing" },
    { valueTerm: "expert-states", regularisedRows: "both", nextValue: "online", termination: "absorbing" },
  ] as const)(
    "takes the step of its definition: value term $valueTerm, $regularisedRows regularised, next values $nextValue, $termination",
    (options) => {
      const absorbingReward = options.termination === "absorbing" ? 0.3 : 0;
      const state = prepared(options, absorbingReward);
      const { counters } = state;
      const sac = sacOf(state.agent);
      const before = networksOf(kernels, sac);
      const counter = sac.counter;
      const [record] = run(state, START + 1);
      const batch = drawnRows(kernels, state, counter);
      const away = counters.agentAbsorbingSteps;
      const shares = options.termination === "absorbing" ? [EXPERT_AWAY, away / (away + START + 1)] : [0, 0];
      expect(away > 0).toBe(options.termination === "absorbing");

      // Each critic, and the absorbing state's reward, up its objective.
      const value = constant(absorbingReward / (1 - DISCOUNT));
      const evaluated = (): { numbers: number[]; slope: number } => {
        const all = before.critics.map((weights, i) => {
          const critic = constants(weights);
          const target = options.nextValue === "online" ? critic : constants(before.targets[i]);
          const terms = termsOf(state.options, before, batch, critic, target, value, shares);
          return { ...terms, slopes: gradient(terms.objective, [...critic, value]) };
        });
        const average = (of: (each: (typeof all)[number]) => number): number => (of(all[0]) + of(all[1])) / 2;
        const numbers = [
          ...all.flatMap(({ slopes }) => slopes.slice(0, -1).map((slope) => -slope)),
          average(({ objective }) => objective.value),
          average(({ expertReward }) => expertReward.value),
          average(({ agentReward }) => agentReward.value),
        ];
        return { numbers, slope: average(({ slopes }) => slopes[slopes.length - 1]) };
      };
      const { numbers, slope } = evaluated();
      const gradients = [0, 1].flatMap((critic) =>
        readMlp(kernels, sac.criticShape, sac.room.criticGradient + 4 * critic * sac.criticShape.blockLength),
      );
      const tolerance = float32Tolerance(() => evaluated().numbers);
      expectClose(
        [...gradients, record.objective, record.expertReward, record.agentReward],
        numbers,
        tolerance,
      );
      expect(record.criticLoss).toBeCloseTo(-record.objective, 12);
      const rewards = (OWN * record.agentReward + (BATCH - OWN) * record.expertReward) / BATCH;
      expect(record.meanReward).toBeCloseTo(rewards, 12);
      // Adam's first step is the rate in the direction of each sign.
      const after = networksOf(kernels, sac);
      gradients.forEach((each, i) => {
        if (Math.abs(each) < 1e-3) return;
        const moved = after.critics.flat()[i] - before.critics.flat()[i];
        expect(moved).toBeCloseTo(-OPTIONS.sac.learningRate * Math.sign(each), 5);
      });
      if (options.termination === "absorbing") {
        // d / dr = (d / dv) / (1 - gamma)
        const byReward = slope / (1 - DISCOUNT);
        expect(Math.abs(byReward)).toBeGreaterThan(0.01);
        expect(counters.absorbingMean).toBeCloseTo(-0.1 * byReward, 5);
        expect(counters.absorbingSquare).toBeCloseTo(0.001 * byReward ** 2, 6);
        expect(counters.absorbingReward).toBeCloseTo(0.3 + OPTIONS.sac.learningRate * Math.sign(slope), 6);
      } else expect(counters).toMatchObject({ absorbingReward: 0, absorbingMean: 0, absorbingSquare: 0 });

      // Then the actor, by the critics as they are now, on the same states; and the targets.
      const actorLoss = (): { numbers: number[] } => {
        const actor = constants(before.actor);
        const rows = batch.map(({ observation, actorNoise }) => {
          const { action, logProb } = tanhGaussian(
            mlp(sac.actorShape.sizes, actor, constants(observation)),
            actorNoise,
          );
          const [q1, q2] = after.critics.map((critic) => q(sac, constants(critic), observation, action));
          return subtract(times(before.temperature, logProb), minimum(q1, q2));
        });
        return { numbers: gradient(mean(rows), actor) };
      };
      expectClose(
        readMlp(kernels, sac.actorShape, sac.room.actorGradient),
        actorLoss().numbers,
        float32Tolerance(() => actorLoss().numbers),
      );
      expect(after.temperature).not.toBe(before.temperature);
      expectClose(
        after.targets.flat(),
        before.targets.flat().map((target, i) => 0.9 * target + 0.1 * after.critics.flat()[i]),
        1e-6,
      );
      expect(sac.updates).toBe(1);
    },
  );

  it("averages its measures over the updates since the last record", () => {
    const whole = make();
    const [averaged] = run(whole, START + 4);
    const stepwise = make();
    const each = [1, 2, 3, 4].flatMap((update) => run(stepwise, START + update));
    expect(each.length).toBe(4);
    for (const field of ["objective", "expertReward", "agentReward"] as const) {
      expect(new Set(each.map((record) => record[field])).size).toBe(4);
      expect(averaged[field]).toBeCloseTo(each.reduce((sum, record) => sum + record[field], 0) / 4, 12);
    }
  });

  it("lets a slowdown slow critics and actor", () => {
    const learningRate = 1e-5;
    const state = make({ slowdown: { from: START, learningRate } });
    run(state, START);
    const before = networksOf(kernels, sacOf(state.agent));
    run(state, START + 1);
    const after = networksOf(kernels, sacOf(state.agent));
    // Adam's first step is the rate, but for float32 rounding of the parameters.
    expect(farthest(after.critics.flat(), before.critics.flat())).toBeCloseTo(learningRate, 6);
    expect(farthest(after.actor, before.actor)).toBeCloseTo(learningRate, 6);
  });

  it("has the critics' gradient of jax-js", () => {
    const state = prepared({}, 0);
    const sac = sacOf(state.agent);
    const before = networksOf(kernels, sac);
    const counter = sac.counter;
    run(state, START + 1);
    const batch = drawnRows(kernels, state, counter);
    const drawn = (observation: number[], noise: number[]): { pair: number[]; logProb: number } => {
      const { action, logProb } = tanhGaussian(
        mlp(sac.actorShape.sizes, constants(before.actor), constants(observation)),
        noise,
      );
      return { pair: [...observation, ...action.map((a) => a.value)], logProb: logProb.value };
    };
    const here = batch.map((row) => drawn(row.observation, row.valueNoise));
    const next = batch.map((row) => drawn(row.nextObservation, row.nextNoise));
    const expertShare = column(batch.map((_, i) => (i < OWN ? 0 : 1 / (BATCH - OWN))));
    const evenShare = column(batch.map((_, i) => (i < OWN ? 0.5 / OWN : 0.5 / (BATCH - OWN))));
    const alive = column(batch.map(({ terminated }) => (terminated ? 0 : DISCOUNT)));
    const hidden = 8;
    // readMlp lists W1 [n + d, m], b1, W2 [m, 1], b2.
    const weights = before.critics[0];
    const split = [(N + D) * hidden, (N + D) * hidden + hidden, (N + D) * hidden + 2 * hidden];
    const b1 = float64(weights.slice(split[0], split[1]), [hidden]);
    const w2 = float64(weights.slice(split[1], split[2]), [hidden, 1]);
    const b2 = weights[split[2]];
    const bonus = (rows: { logProb: number }[]): number[] =>
      rows.map(({ logProb }) => -before.temperature * logProb);
    const loss = (w1: np.Array): np.Array => {
      const value = (pairs: number[][], entropy: number[]): np.Array => {
        const inner = np.add(np.matmul(table(pairs), w1.ref), b1.ref);
        return np.add(np.matmul(np.maximum(inner, 0), w2.ref), column(entropy.map((each) => each + b2)));
      };
      const none = batch.map(() => 0);
      const following = np.multiply(
        alive.ref,
        value(
          next.map(({ pair }) => pair),
          bonus(next),
        ),
      );
      const reward = np.subtract(
        value(
          batch.map(({ observation, action }) => [...observation, ...action]),
          none,
        ),
        following.ref,
      );
      const visited = value(
        here.map(({ pair }) => pair),
        bonus(here),
      );
      const squares = np.multiply(np.multiply(reward.ref, reward.ref), 1 / (4 * 0.5));
      const objective = np.subtract(
        np.multiply(expertShare.ref, reward),
        np.multiply(evenShare.ref, np.add(squares, np.subtract(visited, following))),
      );
      return np.multiply(np.sum(objective), -1);
    };
    const expected = grad(loss)(float64(weights.slice(0, split[0]), [N + D, hidden])).js() as number[][];
    const actual = readMlp(kernels, sac.criticShape, sac.room.criticGradient).slice(0, split[0]);
    expectClose(actual, expected.flat(), 1e-5);
  });

  const tensorsOf = (state: IqLearn): number =>
    checksum(
      Object.values(sacTensors(sacOf(state.agent))).map(([at, length]) => download(kernels, at, length)),
    );
  const learnt = (
    options: Partial<IqLearnOptions> = {},
    demonstrations = expert(),
    point: Partial<PointOptions> = {},
  ): number => {
    const state = make(options, demonstrations, point);
    run(state, 120);
    return tensorsOf(state);
  };

  it("sees no true reward, and is the same for the same key", () => {
    const plain = learnt({ valueTerm: "initial" });
    expect(learnt({ valueTerm: "initial" })).toBe(plain);
    expect(learnt({ valueTerm: "initial" }, expert(), { trueReward: () => Number.NaN })).toBe(plain);
    expect(learnt({ valueTerm: "initial" }, { ...expert(), rewards: null })).toBe(plain);
  });

  const criticsOf = (options: Partial<IqLearnOptions>): number => {
    const state = make(options);
    run(state, 60);
    const [at, length] = sacTensors(sacOf(state.agent)).critics;
    return checksum([download(kernels, at, length)]);
  };

  it("heeds every option", () => {
    const { sac } = OPTIONS;
    const variants: Partial<IqLearnOptions>[] = [
      {},
      { valueTerm: "initial" },
      { valueTerm: "replay" },
      { valueTerm: "expert" },
      { regulariserCoefficient: 0.6 },
      { regulariserCoefficient: "none" },
      { valueTerm: "expert-states" },
      { sac: { ...sac, actorRate: 2e-3 } },
      { regularisedRows: "expert" },
      { nextValue: "target" },
      { termination: "absorbing" },
      { startSteps: 31 },
      { replayCapacity: 50 },
      { slowdown: { from: 60, learningRate: 1e-4 } },
      { sac: { ...sac, discount: 0.8 } },
      { sac: { ...sac, learningRate: 2e-3 } },
      { sac: { ...sac, temperature: 1 } },
      { sac: { ...sac, targetEntropy: 0.5 } },
    ];
    expect(new Set(variants.map((options) => learnt(options))).size).toBe(variants.length);
    // Targets matter where values of theirs are taken, and there only.
    const polyak = { ...sac, polyak: 0.2 };
    expect(criticsOf({ sac: polyak })).toBe(criticsOf({}));
    expect(criticsOf({ sac: polyak, nextValue: "target" })).not.toBe(criticsOf({ nextValue: "target" }));
  });

  it("gives native, absorbing and fixed horizon one meaning where nothing ends", () => {
    const [walk] = [toTrajectories(randomEpisodes(1, [HORIZON, HORIZON], SHAPE))];
    const [native, ...others] = (["native", "absorbing", "fixed-horizon"] as const).map((termination) =>
      learnt({ termination }, walk, { edge: Infinity }),
    );
    expect(others).toEqual([native, native]);
  });

  it("counts the agent's steps in the absorbing state: from each end to the horizon", () => {
    const environment = pointEnvironment({ maxEpisodeSteps: HORIZON, edge: EDGE });
    const options: IqLearnOptions = { ...OPTIONS, termination: "absorbing" };
    const state = createIqLearn(kernels, environment, expert(), options, keyFromSeed(2));
    run(state, 150);
    const lengths = environment.log.slice(0, -1).map(({ actions }) => actions.length);
    expect(new Set(lengths).size).toBeGreaterThan(2);
    expect(state.counters.agentAbsorbingSteps).toBe(
      lengths.reduce((sum, length) => sum + HORIZON - length, 0),
    );
    expect(state.steps).toEqual({ train: 150, rewardRollout: 0, evaluation: 0, expert: SHOWN });
    expect(state.counters.rewardSteps).toBe(0);
  });

  it("keeps the latest 64 initial states, without rewards, where the value term is there, and else none", () => {
    const environment = pointEnvironment({ maxEpisodeSteps: 2 });
    const options: IqLearnOptions = { ...OPTIONS, valueTerm: "initial" };
    const state = createIqLearn(kernels, environment, expert(), options, keyFromSeed(2));
    run(state, 140);
    const starts = environment.log.slice(0, 70).map(({ observations: [first] }) => first);
    expect(state.recentEpisodes.map(({ observations }) => [...observations])).toEqual(starts.slice(-64));
    expect(state.recentEpisodes.every(({ rewards }) => rewards === null)).toBe(true);
    const other = make();
    run(other, 60);
    expect(other.recentEpisodes).toEqual([]);
  });

  it.each([
    { valueTerm: "initial", termination: "absorbing" },
    { valueTerm: "both", termination: "absorbing" },
    { nextValue: "target", termination: "native" },
  ] as const)("resumes to the bit: %o", (options) => {
    const whole = make(options);
    run(whole, 120);
    const half = make(options);
    run(half, 70);
    const folder = mkdtempSync(join(tmpdir(), "tandem-iq-"));
    try {
      saveCheckpoint(kernels, folder, half.agent, half, half.steps, 0);
      const resumed = make(options);
      restoreCheckpoint(kernels, folder, resumed.agent, resumed, resumed.steps);
      run(resumed, 120);
      expect(tensorsOf(resumed)).toBe(tensorsOf(whole));
      expect(resumed.counters).toEqual(whole.counters);
      const trajectories = expert();
      expect(recoveredReward(kernels, resumed, trajectories)).toEqual(
        recoveredReward(kernels, whole, trajectories),
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.each(["native", "absorbing"] as const)("recovers r = min Q - gamma V(s') (%s)", (termination) => {
    const state = make({ termination });
    run(state, 120);
    state.counters.absorbingReward = 0.3;
    const sac = sacOf(state.agent);
    const counter = sac.counter;
    const trajectories = expert();
    const rewards = recoveredReward(kernels, state, trajectories);
    expect(sac.counter).toBe(counter);
    expect(recoveredReward(kernels, state, trajectories)).toEqual(rewards);

    const { actor, critics, temperature } = networksOf(kernels, sac);
    const stream = streamOf(keyFromSeed(0));
    const half = Array.from({ length: 8 }, () => Math.fround(nextNormal(stream)));
    const noise = [...half, ...half.map((each) => -each)];
    const smaller = (observation: number[], action: readonly Scalar[]): Scalar => {
      const [q1, q2] = critics.map((critic) => q(sac, constants(critic), observation, action));
      return minimum(q1, q2);
    };
    const rewardsExpected = (): number[] =>
      Array.from(rewards, (_, t) => {
        const [here, next] = [trajectories.observations, trajectories.nextObservations].map((from) =>
          Array.from(from.subarray(N * t, N * t + N)),
        );
        const following = noise.map((each) => {
          const head = mlp(sac.actorShape.sizes, constants(actor), constants(next));
          const { action, logProb } = tanhGaussian(head, [each]);
          return subtract(smaller(next, action), times(temperature, logProb));
        });
        const end = termination === "absorbing" ? state.counters.absorbingReward / (1 - DISCOUNT) : 0;
        const value = trajectories.terminated[t] ? constant(end) : mean(following);
        const now = smaller(here, constants([trajectories.actions[t] / SHAPE.high]));
        return subtract(now, times(DISCOUNT, value)).value;
      });
    expectClose(rewards, rewardsExpected(), float32Tolerance(rewardsExpected));
  });

  it("refuses what it cannot mean", () => {
    expect(() => make({ termination: "fixed-horizon" })).toThrow(
      /createIqLearn: a fixed horizon expects episodes/,
    );
    for (const regulariserCoefficient of [0, Infinity])
      expect(() => make({ regulariserCoefficient })).toThrow(/coefficient above 0, or "none", got/);
    expect(() => make({ regulariserCoefficient: "none", termination: "absorbing" })).toThrow(
      /without a regulariser nothing holds the reward learnt in the absorbing state/,
    );
    expect(() => make({ sac: { ...OPTIONS.sac, batchSize: 1 } })).toThrow(/a batch of 2 rows or more/);
    const whole = toTrajectories(randomEpisodes(1, [HORIZON], SHAPE));
    const absorbing = { termination: "absorbing", regularisedRows: "expert" } as const;
    expect(() => make(absorbing, whole)).toThrow(/no demonstration enters the absorbing state/);
    expect(() => make({ ...absorbing, regularisedRows: "both" }, whole)).not.toThrow();
    const endless = toTrajectories(randomEpisodes(1, [HORIZON], SHAPE));
    const state = make({ termination: "fixed-horizon" }, endless);
    expect(() => run(state, 100)).toThrow(/iqLearnIteration: a fixed horizon expects episodes/);
  });
});

const table = (rows: number[][]): np.Array => float64(rows.flat(), [BATCH, rows[0].length]);
const column = (values: number[]): np.Array => float64(values, [BATCH, 1]);

function networksOf(kernels: Kernels, sac: Sac): Networks {
  const critic = (block: number, which: number): number[] =>
    readMlp(kernels, sac.criticShape, block + 4 * which * sac.criticShape.blockLength);
  return {
    actor: readMlp(kernels, sac.actorShape, sac.actor),
    critics: [critic(sac.critics, 0), critic(sac.critics, 1)],
    targets: [critic(sac.targetCritics, 0), critic(sac.targetCritics, 1)],
    temperature: sacTemperature(kernels, sac),
  };
}

/** Q(s, a) of a critic. */
function q(
  sac: Sac,
  critic: readonly Scalar[],
  observation: readonly number[],
  action: readonly Scalar[],
): Scalar {
  return mlp(sac.criticShape.sizes, critic, [...constants(observation), ...action])[0];
}

/** The rows and the normals of the update that was made when the random blocks from `counter` on, but for one action's, were used. */
function drawnRows(kernels: Kernels, state: IqLearn, counter: number): Row[] {
  const { agent, options, demonstrations, recentEpisodes } = state;
  const sac = sacOf(agent);
  const { replay } = agent;
  const [key0, key1] = sac.key;
  // The environment's step came first: one action.
  let at = counter + 1;
  const room = kernels.allocate(BATCH);
  const blocks = (count: number): number => {
    const first = at;
    at += Math.ceil(count / 2);
    return first;
  };
  const indices = (count: number, bound: number): number[] => {
    kernels.fillIndices(count, room, bound, key0, key1, blocks(count));
    return [...kernels.u32(room, count)];
  };
  const normals = (): number[] => {
    kernels.fillNormal(BATCH * D, room, key0, key1, blocks(BATCH * D));
    return [...download(kernels, room, BATCH * D)];
  };
  const own = indices(OWN, replay.added);
  const shown = indices(BATCH - OWN, replay.demonstrations!.count);
  const rows = [...own, ...shown].map((index, i) => {
    const from = i < OWN ? replay.rows : replay.demonstrations!.rows;
    return [...download(kernels, from + 4 * index * replay.stride, replay.stride)];
  });
  const starts = STARTS.map((t) => Array.from(demonstrations.observations.subarray(N * t, N * t + N)));
  const initial = [...starts, ...recentEpisodes.map(({ observations }) => [...observations])];
  const chosen = options.valueTerm === "initial" ? indices(BATCH, initial.length) : [];
  if (options.valueTerm === "initial") expect(Math.max(...chosen)).toBeGreaterThan(3);
  const nextNoise = normals();
  const valueNoise = normals();
  const actorNoise = normals();
  expect(sac.counter).toBe(at);
  for (const side of [rows.slice(0, OWN), rows.slice(OWN)])
    expect(new Set(side.map((row) => row[2 * N + D]))).toEqual(new Set([0, 1]));
  return rows.map((row, i) => ({
    observation: row.slice(0, N),
    action: row.slice(N, N + D),
    nextObservation: row.slice(N + D, 2 * N + D),
    terminated: row[2 * N + D] === 1,
    nextNoise: [nextNoise[i]],
    valueObservation: chosen.length > 0 ? initial[chosen[i]] : row.slice(0, N),
    valueNoise: [valueNoise[i]],
    actorNoise: [actorNoise[i]],
  }));
}

/** J of one critic as the page of the method has it, side by side; V(s') by the parameters `target`, which are `critic`'s or fixed. */
function termsOf(
  { valueTerm, regularisedRows, regulariserCoefficient, nextValue }: IqLearnOptions,
  { actor, temperature }: Networks,
  batch: readonly Row[],
  critic: readonly Scalar[],
  target: readonly Scalar[],
  absorbing: Scalar,
  [expertAbsorbing, agentAbsorbing]: number[],
): { objective: Scalar; expertReward: Scalar; agentReward: Scalar } {
  const sizes = { actor: [N, 8, 2 * D], critic: [N + D, 8, 1] };
  const valueOf = (parameters: readonly Scalar[], observation: number[], noise: number[]): Scalar => {
    const head = mlp(sizes.actor, constants(actor), constants(observation));
    const { action, logProb } = tanhGaussian(head, noise);
    const drawn = constants(action.map((a) => a.value));
    const soft = mlp(sizes.critic, parameters, [...constants(observation), ...drawn])[0];
    return subtract(soft, constant(temperature * logProb.value));
  };
  const afterwards = nextValue === "online" ? absorbing : constant(absorbing.value);
  const rows = batch.map((row) => {
    const next = row.terminated ? afterwards : valueOf(target, row.nextObservation, row.nextNoise);
    const input = constants([...row.observation, ...row.action]);
    return {
      reward: subtract(mlp(sizes.critic, critic, input)[0], times(DISCOUNT, next)),
      value: valueOf(critic, row.valueObservation, row.valueNoise),
      next,
    };
  });
  const sides = { expert: rows.slice(OWN), agent: rows.slice(0, OWN) };
  const stay = subtract(absorbing, times(DISCOUNT, afterwards));
  /** A side's mean over its time, the absorbing state's share included. */
  const over = (
    side: "expert" | "agent",
    of: (row: (typeof rows)[number]) => Scalar,
    there: Scalar,
  ): Scalar => {
    const share = side === "expert" ? expertAbsorbing : agentAbsorbing;
    return add(times(1 - share, mean(sides[side].map(of))), times(share, there));
  };
  const squared = (side: "expert" | "agent"): Scalar =>
    over(side, ({ reward }) => square(reward), square(stay));
  const fallen = (side: "expert" | "agent"): Scalar =>
    over(side, ({ value, next }) => subtract(value, times(DISCOUNT, next)), stay);
  const regulariser =
    regularisedRows === "expert" ? squared("expert") : times(0.5, add(squared("expert"), squared("agent")));
  const start = {
    initial: () => times(1 - DISCOUNT, mean(rows.map(({ value }) => value))),
    "expert-states": () => times(1 - DISCOUNT, mean(sides.expert.map(({ value }) => value))),
    expert: () => fallen("expert"),
    replay: () => fallen("agent"),
    both: () => times(0.5, add(fallen("expert"), fallen("agent"))),
  }[valueTerm]();
  const earned = over("expert", ({ reward }) => reward, stay);
  const weight = regulariserCoefficient === "none" ? 0 : 1 / (4 * regulariserCoefficient);
  const objective = subtract(earned, add(times(weight, regulariser), start));
  return {
    objective,
    expertReward: mean(sides.expert.map(({ reward }) => reward)),
    agentReward: mean(sides.agent.map(({ reward }) => reward)),
  };
}
