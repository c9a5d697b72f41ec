import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import {
  keyFromSeed,
  nextInteger,
  nextUniform,
  type DiscriminatorRecord,
  type Trajectories,
} from "../../src/core/index.ts";
import {
  absorbingShaped,
  airlIteration,
  createAirl,
  rewardTensors,
  type Airl,
  type AirlDiscriminatorOptions,
  type AirlOptions,
} from "../../src/irl/index.ts";
import { ACTION_MARGIN, sacTemperature, sacTensors, type Replay } from "../../src/rl/index.ts";
import { restoreCheckpoint, saveCheckpoint } from "../../src/runs/checkpoint.ts";
import { describeBuilds, download, normals } from "../kernels/builds.ts";
import { constants } from "../reference/autodiff.ts";
import { checksum, expectClose } from "../reference/closeness.ts";
import { randomEpisodes, toTrajectories } from "../reference/episodes.ts";
import { mlp, readMlp } from "../reference/mlp.ts";
import { pointEnvironment, type PointEnvironment } from "../reference/point-environment.ts";
import { sacOf } from "../reference/sac-of.ts";
import { absorbedRows, expectDrawn } from "./drawn-shares.ts";
import {
  differences,
  shapedPenalty,
  shapedValue,
  type Parameters,
  type Row,
  type Setting,
} from "./shaped-definition.ts";

const SHAPE = { n: 2, d: 1, low: -0.25, high: 0.25 };
const HORIZON = 12;
const OPTIONS: AirlOptions = {
  sac: {
    hidden: [8],
    batchSize: 8,
    discount: 0.9,
    learningRate: 1e-2,
    polyak: 0.1,
    temperature: 0.4,
    targetEntropy: "auto",
  },
  startSteps: 30,
  replayCapacity: 100,
  discriminator: {
    inputs: "state-action",
    hidden: [5],
    shapingHidden: [4],
    batchSize: 4,
    learningRate: 1e-2,
    gradientPenalty: 3,
    every: 1,
    recentSteps: 20,
  },
  termination: "absorbing",
};

const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const average = (values: number[]): number => values.reduce((a, b) => a + b) / values.length;

/** Two episodes of the expert: one of 5 steps that the task ended, one of 12 that time did. Some actions are beyond their bounds. */
function expert(): Trajectories {
  const trajectories = toTrajectories(randomEpisodes(1, [5, HORIZON], SHAPE));
  trajectories.terminated[4] = 1;
  trajectories.truncated[4] = 0;
  trajectories.nextObservations.set(normals(2, 2 * 17));
  for (const t of [0, 4, 8, 12, 16]) trajectories.actions[t] = t % 8 === 0 ? 0.3 : -0.25;
  return trajectories;
}

const tensorsOf = (state: Airl): Record<string, readonly [number, number]> => ({
  ...sacTensors(sacOf(state.agent)),
  ...rewardTensors(state.reward),
  ...state.tensors,
});

/** Share of the agent's time in the absorbing state, an episode of T steps taking T / N of what was counted before. */
const agentShare = ({ log }: PointEnvironment, recentSteps: number): number => {
  let [alive, away] = [0, 0];
  for (const { actions } of log.slice(0, -1)) {
    const kept = Math.max(0, 1 - actions.length / recentSteps);
    alive = kept * alive + actions.length;
    away = kept * away + HORIZON - actions.length;
  }
  return away / (alive + away);
};

const mix = (a: readonly number[], b: readonly number[], share: number): number[] =>
  a.map((x, i) => share * x + (1 - share) * b[i]);

const settingOf = ({ shaped: { terms } }: Airl): Setting => {
  const [g, h] = terms.map(({ shape }) => shape.sizes);
  return { g, h, discount: OPTIONS.sac.discount, n: 2 };
};

const STAYING: Row = { s: [0, 0, 1], a: [0], next: [0, 0, 1], carry: 1 };

const pointWorld = (trueReward?: (x: number) => number): PointEnvironment =>
  pointEnvironment({ maxEpisodeSteps: HORIZON, edge: 0.6, ...(trueReward && { trueReward }) });

type Choices = Partial<Omit<AirlOptions, "discriminator">> & {
  discriminator?: Partial<AirlDiscriminatorOptions>;
};

describeBuilds("adversarial inverse reinforcement learning", (kernels) => {
  const make = (options: Choices = {}, environment = pointWorld(), demonstrations = expert()): Airl =>
    createAirl(
      kernels,
      environment,
      demonstrations,
      { ...OPTIONS, ...options, discriminator: { ...OPTIONS.discriminator, ...options.discriminator } },
      keyFromSeed(2),
    );
  const run = (state: Airl, steps: number): DiscriminatorRecord[] => {
    const records: DiscriminatorRecord[] = [];
    while (state.agent.steps < steps)
      airlIteration(
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
  const stateOf = (state: Airl): number =>
    checksum(Object.values(tensorsOf(state)).map(([at, length]) => download(kernels, at, length)));
  const parametersOf = ({ shaped: { terms } }: Airl): Parameters => {
    const [g, h] = terms.map(({ shape, parameters }) => readMlp(kernels, shape, parameters));
    return { g, h };
  };

  /** log pi(a|s) of a transition under the policy as it stands, in float64. */
  const logPolicy = ({ agent }: Airl, row: ArrayLike<number>): number => {
    const sac = sacOf(agent);
    const weights = constants(readMlp(kernels, sac.actorShape, sac.actor));
    const [mean, logStd] = mlp(sac.actorShape.sizes, weights, constants([row[0], row[1]]));
    const bound = 1 - ACTION_MARGIN;
    const a = Math.max(-bound, Math.min(bound, row[2]));
    const noise = (Math.atanh(a) - mean.value) / Math.exp(logStd.value);
    return -(noise ** 2) / 2 - logStd.value - Math.log(2 * Math.PI) / 2 - Math.log(1 - a * a);
  };
  /** A transition as the networks see it. */
  const seen = ({ reward, options }: Airl, row: ArrayLike<number>): Row => {
    const { mean, inverseStd, size } = reward.normaliser;
    const [means, scales] = [mean, inverseStd].map((block) => download(kernels, block, size));
    const standard = (from: number, count: number, first: number): number[] =>
      Array.from({ length: count }, (_, i) =>
        Math.fround(Math.fround(row[from + i] - means[first + i]) * scales[first + i]),
      );
    const absorbing = options.termination === "absorbing";
    const alive = absorbing ? [0] : [];
    return {
      s: [...standard(0, 2, 0), ...alive],
      a: size > 2 ? standard(2, 1, 2) : [],
      next: absorbing && row[5] === 1 ? [0, 0, 1] : [...standard(3, 2, 0), ...alive],
      carry: absorbing ? 1 : 1 - row[5],
    };
  };
  const rowOf = ({ rows, stride }: Replay, index: number): Float32Array =>
    download(kernels, rows + 4 * index * stride, stride);

  it.each([
    { name: "absorbing", options: {} },
    { name: "native, state-only", options: { termination: "native", discriminator: { inputs: "state" } } },
    { name: "a learnt temperature", options: { sac: { ...OPTIONS.sac, temperature: "learnt" } } },
    {
      name: "no penalty, a full replay",
      options: { replayCapacity: 17, discriminator: { gradientPenalty: 0 } },
    },
    { name: "all of the replay", options: { discriminator: { recentSteps: 1e9 } } },
  ] satisfies { name: string; options: Choices }[])(
    "takes the steps of its definition ($name)",
    ({ options }) => {
      const environment = pointWorld();
      const state = make({ ...options, startSteps: 60 }, environment);
      const { agent, streams, room, shaped, reward } = state;
      run(state, 60);
      const { batchSize, recentSteps, gradientPenalty } = state.options.discriminator;
      const absorbing = state.options.termination === "absorbing";
      const seenKinds = [new Set<boolean>(), new Set<boolean>()];
      // Several, as what a batch held must not be left in the next.
      for (let taken = 1; taken <= 5; taken++) {
        const before = parametersOf(state);
        const draws = { ...streams.draws };
        const [actor] = [readMlp(kernels, sacOf(agent).actorShape, sacOf(agent).actor)];
        const [record] = run(state, 60 + taken);
        expect(record.discriminatorSteps).toBe(taken);
        // The policy's update came first.
        expect(readMlp(kernels, sacOf(agent).actorShape, sacOf(agent).actor)).not.toEqual(actor);

        const { added, capacity } = agent.replay;
        // The expert spends 7 of 24 steps in the absorbing state.
        const shares = absorbing ? [7 / 24, agentShare(environment, recentSteps)] : [0, 0];
        const draw = (side: number, replay: Replay, bound: number): { row: Row; logPi: number }[] => {
          const rows = Array.from({ length: batchSize }, () =>
            rowOf(replay, (replay.added - 1 - nextInteger(draws, bound)) % replay.capacity),
          );
          return rows.map((row) => {
            const stays = shares[side] > 0 && nextUniform(draws) < shares[side];
            seenKinds[side].add(stays);
            if (!stays) return { row: seen(state, row), logPi: logPolicy(state, row) };
            return { row: { ...STAYING, a: STAYING.a.slice(0, reward.inputSize - 2) }, logPi: 0 };
          });
        };
        const sides = [
          draw(0, room.expert, 17),
          draw(1, agent.replay, Math.min(recentSteps, added, capacity)),
        ];
        const between = sides[0].map(({ row }, i): Row => {
          const share = gradientPenalty > 0 ? nextUniform(draws) : NaN;
          const other = sides[1][i].row;
          return {
            s: mix(row.s, other.s, share),
            a: mix(row.a, other.a, share),
            next: mix(row.next, other.next, share),
            carry: share * row.carry + (1 - share) * other.carry,
          };
        });
        expect(streams.draws).toEqual(draws);
        const temperature = sacTemperature(kernels, sacOf(agent));
        expect(Math.abs(temperature - 1)).toBeGreaterThan(5e-3);
        const setting = settingOf(state);
        const logits = (at: Parameters): number[][] =>
          sides.map((side) =>
            side.map(({ row, logPi }) => shapedValue(setting, at, row) / temperature - logPi),
          );
        const loss = (at: Parameters): number =>
          logits(at).reduce(
            (sum, side, i) => sum + average(side.map((logit) => softplus(i === 0 ? -logit : logit))),
            0,
          );
        const penalty = (at: Parameters): number =>
          gradientPenalty > 0 ? shapedPenalty(setting, at, between, gradientPenalty) : 0;
        const [ofExpert, ofAgent] = logits(before);
        const accuracy = (ofExpert.filter((l) => l > 0).length + ofAgent.filter((l) => l < 0).length) / 8;
        const size = Math.max(...ofExpert.map(Math.abs), ...ofAgent.map(Math.abs));
        expectClose(
          [record.loss, record.gradientPenalty, record.expertLogit, record.agentLogit, record.accuracy],
          [loss(before), penalty(before), average(ofExpert), average(ofAgent), accuracy],
          1e-5 * Math.max(1, size),
        );
        const slopes = differences(before, (at) => loss(at) + penalty(at));
        const [{ shape: g }, { shape: h }] = shaped.terms;
        const largest = Math.max(...slopes.g.map(Math.abs));
        expectClose(
          readMlp(kernels, g, reward.previousGradient).map((value) => -value),
          slopes.g,
          4e-5 * largest,
        );
        if (taken > 1) continue;
        // Adam's first step: a tenth of the gradient is its first moment, and every parameter goes one rate against its slope's sign.
        const moments = [
          readMlp(kernels, g, reward.adam.moments),
          readMlp(kernels, h, state.tensors.shapingMoments[0]),
        ];
        const after = parametersOf(state);
        (["g", "h"] as const).forEach((which, i) => {
          const most = Math.max(...slopes[which].map(Math.abs));
          const gradient = moments[i].map((value) => value / 0.1);
          expectClose(gradient, slopes[which], 4e-5 * most);
          slopes[which].forEach((slope, at) => {
            if (Math.abs(slope) > 1e-3 * most)
              expect(after[which][at] - before[which][at]).toBeCloseTo(-0.01 * Math.sign(slope), 5);
          });
        });
      }
      for (const kinds of seenKinds) expect(kinds.size).toBe(absorbing ? 2 : 1);
    },
  );

  it("teaches f at its present parameters, and as the value after an end that of the absorbing state's self-transition", () => {
    const state = make();
    run(state, 120);
    const { replay } = state.agent;
    const out = kernels.allocate(replay.capacity);
    const size = replay.capacity;
    state.teacher({ size, rows: replay.rows, stride: replay.stride, indices: 0 }, out);
    const at = parametersOf(state);
    const rows = Array.from({ length: size }, (_, i) => rowOf(replay, i));
    expect(rows.some((row) => row[5] === 1)).toBe(true);
    const values = rows.map((row) => shapedValue(settingOf(state), at, seen(state, row)));
    expectClose(download(kernels, out, size), values, 1e-4);
    const stay = shapedValue(settingOf(state), at, STAYING);
    expectClose([absorbingShaped(kernels, state.shaped) ?? NaN], [stay], 1e-5);
    expect(Math.abs(stay)).toBeGreaterThan(1e-3);

    // A teacher that takes away on ended steps what the value after them adds, and pays nothing else, is one that pays nothing where
    // an end is an end.
    const { discount } = OPTIONS.sac;
    const policyOf = (made: Airl, teacher: Airl["teacher"]): number[] => {
      Object.assign(made, { teacher });
      run(made, 120);
      return Object.values(sacTensors(sacOf(made.agent))).flatMap(([from, length]) => [
        ...download(kernels, from, length),
      ]);
    };
    const nothing: Airl["teacher"] = (batch, to) => kernels.fill(batch.size, to, 0);
    const ending = make();
    const taken = policyOf(ending, (batch, to) => {
      const value = (absorbingShaped(kernels, ending.shaped) ?? NaN) / (1 - discount);
      const table = kernels.f32(batch.rows, batch.size * batch.stride);
      const paid = kernels.f32(to, batch.size);
      for (let i = 0; i < batch.size; i++) paid[i] = -discount * value * table[(i + 1) * batch.stride - 1];
    });
    expectClose(taken, policyOf(make({ termination: "native" }), nothing), 2 ** -8);
    expect(policyOf(make(), nothing)).not.toEqual(taken);
  });

  it("has g as its reward: a state-only one does not see actions", () => {
    const state = make({ discriminator: { inputs: "state" } });
    run(state, 50);
    expect(state.reward.inputSize).toBe(2);
    expect(state.shaped.reward).toBe(state.reward);
    expect(state.shaped.terms[0].parameters).toBe(state.reward.network.parameters);
  });

  it("holds the expert's transitions in policy units, clipped onto the bounds, ends and next states with them", () => {
    const demonstrations = expert();
    const { expert: held } = make().room;
    for (let t = 0; t < 17; t++) {
      const { observations, actions, nextObservations, terminated } = demonstrations;
      const own = [2 * t, 2 * t + 2] as const;
      const action = Math.fround(Math.max(-1, Math.min(1, actions[t] / SHAPE.high)));
      expectClose(
        rowOf(held, t),
        [...observations.subarray(...own), action, ...nextObservations.subarray(...own), terminated[t]],
        2 ** -23,
      );
    }
    expect(rowOf(held, 4)[5]).toBe(1);
  });

  it("standardises over the expert's and the agent's steps in equal parts", () => {
    const demonstrations = expert();
    const environment = pointWorld();
    const state = make({}, environment);
    const check = (sources: (readonly (readonly number[])[])[]): void => {
      const { mean, inverseStd } = state.reward.normaliser;
      for (const i of [0, 1]) {
        const columns = sources.map((rows) => rows.map((row) => row[i]));
        const centre = average(columns.map(average));
        const second = average(columns.map((values) => average(values.map((x) => (x - centre) ** 2))));
        expect(kernels.f32(mean, 2)[i]).toBeCloseTo(centre, 5);
        expect(kernels.f32(inverseStd, 2)[i] * Math.sqrt(second)).toBeCloseTo(1, 5);
      }
    };
    const shown = Array.from({ length: 17 }, (_, t) => [
      ...demonstrations.observations.subarray(2 * t, 2 * t + 2),
    ]);
    check([shown]);
    run(state, 80);
    check([shown, environment.log.slice(0, -1).flatMap(({ observations }) => observations)]);
  });

  it("begins with a g and an h that are not one function", () => {
    const { g, h } = parametersOf(
      make({ termination: "native", discriminator: { inputs: "state", hidden: [4] } }),
    );
    expect(h.length).toBe(g.length);
    expect(h).not.toEqual(g);
  });

  const learnt = (options: Choices = {}, trueReward?: (x: number) => number, steps = 90): number => {
    const state = make(options, pointWorld(trueReward));
    run(state, steps);
    return stateOf(state);
  };

  it("sees no true reward, and is the same for the same key", () => {
    const plain = learnt();
    expect(learnt()).toBe(plain);
    expect(learnt({}, () => Number.NaN)).toBe(plain);
  });

  it.each([
    { termination: "native" },
    { startSteps: 31 },
    { replayCapacity: 60 },
    { slowdown: { from: 50, learningRate: 1e-4 } },
    { sac: { ...OPTIONS.sac, discount: 0.8 } },
    { sac: { ...OPTIONS.sac, temperature: 0.5 } },
    { discriminator: { inputs: "state" } },
    { discriminator: { hidden: [6] } },
    { discriminator: { shapingHidden: [5] } },
    { discriminator: { batchSize: 5 } },
    { discriminator: { learningRate: 2e-2 } },
    { discriminator: { gradientPenalty: 0 } },
    { discriminator: { gradientPenalty: 4 } },
    { discriminator: { every: 2 } },
    { discriminator: { recentSteps: 21 } },
  ] satisfies Choices[])("listens to its options: %o", (options) => {
    expect(learnt(options)).not.toBe(learnt());
  });

  it("steps its classifier as often as asked, from the end of the random start on", () => {
    const state = make({ discriminator: { every: 3 } });
    run(state, 60);
    expect(state.counters.rewardSteps).toBe(10);
    expect(state.steps).toMatchObject({ train: 60, rewardRollout: 0, expert: 17 });
  });

  it("counts time in the absorbing state by what is recent, and none where an end is an end", () => {
    for (const recentSteps of [5, 30, 1e9]) {
      const environment = pointWorld();
      const state = make({ discriminator: { recentSteps } }, environment);
      run(state, 150);
      const { agentAbsorbingSteps: away, agentLivingSteps: alive } = state.counters;
      expect(new Set(environment.log.map(({ actions }) => actions.length)).size).toBeGreaterThan(3);
      expect(away / (away + alive)).toBeCloseTo(agentShare(environment, recentSteps), 12);
    }
    const native = make({ termination: "native" });
    run(native, 150);
    expect(native.counters.agentAbsorbingSteps).toBe(0);
  });

  it("draws the absorbing state as often as either side is in it, of the agent lately", () => {
    const environment = pointWorld();
    const state = make({}, environment);
    run(state, 60);
    const { room, shaped, options } = state;
    const { batchSize, recentSteps } = options.discriminator;
    const shares: number[][] = [[], []];
    const counts = [0, 0];
    for (let step = 61; step <= 700; step++) {
      run(state, step);
      [7 / 24, agentShare(environment, recentSteps)].forEach((share, side) => {
        shares[side].push(share);
        counts[side] += absorbedRows(kernels, room.features[side], batchSize, shaped.width, 3);
      });
    }
    counts.forEach((count, side) => expectDrawn(count, shares[side], batchSize));
  });

  it.each(["native", "absorbing"] as const)(
    "draws three numbers a row while no episode has ended (%s)",
    (termination) => {
      const unended = expert();
      unended.terminated.fill(0);
      const environment = pointEnvironment({ maxEpisodeSteps: HORIZON });
      const state = make({ termination, startSteps: 2 }, environment, unended);
      run(state, 7);
      expect(environment.log.length).toBe(1);
      expect(state.counters.rewardSteps).toBe(5);
      expect(state.streams.draws.counter).toBe(5 * 3 * OPTIONS.discriminator.batchSize);
    },
  );

  it("goes on to the bit from its agent, reward, tensors, streams and counters", () => {
    const folder = mkdtempSync(join(tmpdir(), "airl-"));
    try {
      const whole = make();
      run(whole, 75);
      saveCheckpoint(kernels, folder, whole.agent, whole, whole.steps, 0);
      const kept = Object.entries(whole.tensors).map(([name, [at, length]]) => ({
        name,
        values: download(kernels, at, length),
      }));
      run(whole, 110);
      const resumed = make();
      restoreCheckpoint(kernels, folder, resumed.agent, resumed, resumed.steps);
      for (const { name, values } of kept) {
        const [at, length] = resumed.tensors[name];
        kernels.f32(at, length).set(values);
      }
      run(resumed, 110);
      expect(stateOf(resumed)).toBe(stateOf(whole));
      expect(resumed.counters).toEqual(whole.counters);
      const names = Object.keys({ ...sacTensors(sacOf(whole.agent)), ...rewardTensors(whole.reward) });
      for (const { name } of kept) expect(names).not.toContain(name);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("refuses what it cannot do", () => {
    expect(() => make({ termination: "fixed-horizon" })).toThrow(
      /createAirl: a fixed horizon expects episodes that only time ends, but the demonstrations ended/,
    );
    const { sac } = OPTIONS;
    const refused: [Choices, RegExp][] = [
      [{ discriminator: { batchSize: 257 } }, /createAirl: expected a batch of 1 to 256 rows, got 257/],
      [{ discriminator: { batchSize: 0 } }, /expected a batch/],
      [{ discriminator: { recentSteps: 0 } }, /expected at least 1 recent step, got 0/],
      [{ sac: { ...sac, temperature: 0 } }, /expected a temperature above 0, as f is divided by it, got 0/],
    ];
    for (const [options, message] of refused) expect(() => make(options)).toThrow(message);
    const unended = expert();
    unended.terminated.fill(0);
    const state = make({ termination: "fixed-horizon" }, pointWorld(), unended);
    expect(() => run(state, 60)).toThrow(/airlIteration: a fixed horizon expects episodes/);
  });
});
