import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import {
  foldIn,
  keyFromSeed,
  nextInteger,
  streamOf,
  type InversePolicyRecord,
  type Trajectories,
} from "../../src/core/index.ts";
import { garnetMdp, makeEnvironment, tabularEnvironment } from "../../src/envs/index.ts";
import { randomPolicy } from "../../src/eval/index.ts";
import {
  createIqLearn,
  iqLearnIteration,
  recoveredReward,
  type IqLearn,
  type IqLearnOptions,
} from "../../src/irl/index.ts";
import type { Kernels } from "../../src/kernels/index.ts";
import {
  deepSoftQTensors,
  deepSoftQTemperature,
  rollout,
  softPolicyIteration,
  type DeepSoftQ,
} from "../../src/rl/index.ts";
import { restoreCheckpoint, saveCheckpoint } from "../../src/runs/checkpoint.ts";
import { describeBuilds, download } from "../kernels/builds.ts";
import {
  add,
  constant,
  constants,
  exp,
  float32Tolerance,
  gradient,
  log,
  mean,
  square,
  subtract,
  sum,
  times,
  type Scalar,
} from "../reference/autodiff.ts";
import { checksum, expectClose } from "../reference/closeness.ts";
import { toTrajectories } from "../reference/episodes.ts";
import { mlp, readMlp } from "../reference/mlp.ts";
import { farthest, normalTable } from "../reference/tabular.ts";
import { findingTheGoal, grid, SAC, wayToExpert } from "./finding-the-goal.ts";

const [N, A] = [4, 2];
const HORIZON = 30;
const BATCH = 23;
const OWN = 12;
const DISCOUNT = 0.9;
const START = 60;
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

const key = keyFromSeed(3);
const environment = await makeEnvironment("CartPole-v1", { maxEpisodeSteps: HORIZON });
/** Some that the task ended, some that time did; every fifth step says that it ends, so that batches have ends. */
const SHOWN = rollout(environment, randomPolicy(foldIn(key, 0)), 6, foldIn(key, 2));
for (let t = 0; t < SHOWN.terminated.length; t += 5) if (!SHOWN.truncated[t]) SHOWN.terminated[t] = 1;

/** The share of time up to the horizon that comes after an end. */
function absorbingShare({ episodeStarts, terminated }: Trajectories): number {
  let [away, alive] = [0, 0];
  for (let i = 0; i + 1 < episodeStarts.length; i++) {
    const length = episodeStarts[i + 1] - episodeStarts[i];
    alive += length;
    if (terminated[episodeStarts[i + 1] - 1]) away += HORIZON - length;
  }
  return away / (away + alive);
}

/** One row of a batch. */
interface Row {
  readonly observation: number[];
  readonly action: number;
  readonly nextObservation: number[];
  readonly terminated: boolean;
  readonly valueObservation: number[];
}

interface Networks {
  readonly q: number[];
  readonly target: number[];
  readonly temperature: number;
}

const sizes = (policy: DeepSoftQ): readonly number[] => policy.shape.sizes;

/** temperature log mean_a exp(q / temperature) */
const softValue = (q: readonly Scalar[], temperature: number): Scalar =>
  times(temperature, log(mean(q.map((each) => exp(times(1 / temperature, each))))));

describeBuilds("inverse soft Q-learning with finitely many actions", (kernels) => {
  const make = (options: Partial<IqLearnOptions> = {}, demonstrations = SHOWN): IqLearn =>
    createIqLearn(kernels, environment, demonstrations, { ...OPTIONS, ...options }, keyFromSeed(9));
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

  it.each([
    { valueTerm: "both", regularisedRows: "both", nextValue: "online", termination: "native" },
    { valueTerm: "both", regularisedRows: "both", nextValue: "online", termination: "absorbing" },
    { valueTerm: "both", regularisedRows: "both", nextValue: "target", termination: "absorbing" },
    { valueTerm: "initial", regularisedRows: "expert", nextValue: "online", termination: "absorbing" },
    { valueTerm: "initial", regularisedRows: "both", nextValue: "target", termination: "native" },
    { valueTerm: "replay", regularisedRows: "expert", nextValue: "online", termination: "absorbing" },
    { valueTerm: "replay", regularisedRows: "both", nextValue: "target", termination: "native" },
    { valueTerm: "expert", regularisedRows: "expert", nextValue: "online", termination: "absorbing" },
    { valueTerm: "expert-states", regularisedRows: "both", nextValue: "target", termination: "absorbing" },
  ] as const)(
    "takes the step of its definition: value term $valueTerm, $regularisedRows regularised, next values $nextValue, $termination",
    (options) => {
      const absorbing = options.termination === "absorbing";
      const state = make(options);
      const { agent, counters } = state;
      const policy = finiteOf(state);
      run(state, START);
      endOften(kernels, state);
      kernels.scale(policy.shape.blockLength, 0.75, policy.targetQ);
      kernels.fill(1, policy.logTemperature, Math.log(0.3));
      kernels.expVector(1, policy.logTemperature, policy.logTemperature + 8);
      if (absorbing) counters.absorbingReward = 0.3;
      const before = networksOf(kernels, policy);
      const { counter } = policy;
      const [record] = run(state, START + 1);
      const batch = drawnRows(kernels, state, counter);
      const away = counters.agentAbsorbingSteps;
      const shares = absorbing ? [absorbingShare(SHOWN), away / (away + agent.steps)] : [0, 0];
      expect(away > 0).toBe(absorbing);

      const value = constant(absorbing ? 0.3 / (1 - DISCOUNT) : 0);
      const evaluated = (): { numbers: number[]; slope: number } => {
        const q = constants(before.q);
        const target = options.nextValue === "online" ? q : constants(before.target);
        const { temperature } = before;
        const terms = termsOf(state.options, sizes(policy), temperature, batch, q, target, value, shares);
        const slopes = gradient(terms.objective, [...q, value]);
        const { objective, expertReward, agentReward } = terms;
        const measured = [objective, expertReward, agentReward].map((each) => each.value);
        return {
          numbers: [...slopes.slice(0, -1).map((slope) => -slope), ...measured],
          slope: slopes[slopes.length - 1],
        };
      };
      const { numbers, slope } = evaluated();
      const gradients = readMlp(kernels, policy.shape, policy.room.gradient);
      const { objective, expertReward, agentReward } = record;
      const tolerance = float32Tolerance(() => evaluated().numbers);
      expectClose([...gradients, objective, expertReward, agentReward], numbers, tolerance);
      expect(record.criticLoss).toBeCloseTo(-objective, 12);
      expect(record.meanReward).toBeCloseTo((OWN * agentReward + (BATCH - OWN) * expertReward) / BATCH, 12);

      // Adam's first step is the rate in the direction of each sign.
      const after = networksOf(kernels, policy);
      const rate = OPTIONS.sac.learningRate;
      expect(gradients.filter((each) => Math.abs(each) > 1e-3).length).toBeGreaterThan(20);
      for (const [i, each] of gradients.entries())
        if (Math.abs(each) > 1e-3) expect(after.q[i] - before.q[i]).toBeCloseTo(-rate * Math.sign(each), 5);
      if (absorbing) {
        const byReward = slope / (1 - DISCOUNT);
        expect(Math.abs(byReward)).toBeGreaterThan(0.01);
        expect(counters.absorbingMean).toBeCloseTo(-0.1 * byReward, 5);
        expect(counters.absorbingReward).toBeCloseTo(0.3 + rate * Math.sign(slope), 6);
      } else expect(counters).toMatchObject({ absorbingReward: 0, absorbingMean: 0, absorbingSquare: 0 });

      // Temperature and target follow, by the policy of the batch's states as it was before the step.
      const { temperature } = before;
      const tables = batch.map(({ observation }) =>
        mlp(sizes(policy), constants(before.q), constants(observation)),
      );
      const logProbs = tables.map((q) => {
        const mass = log(sum(q.map((each) => exp(times(1 / temperature, each)))));
        return q.map((each) => each.value / temperature - mass.value);
      });
      const expected = (of: (row: number, a: number) => number): number =>
        logProbs.reduce(
          (all, row, i) => all + row.reduce((part, p, a) => part + Math.exp(p) * of(i, a), 0),
          0,
        ) / BATCH;
      const entropy = -expected((i, a) => logProbs[i][a]);
      expect(record.entropy).toBeCloseTo(entropy, 5);
      expect(record.meanQ).toBeCloseTo(
        expected((i, a) => tables[i][a].value),
        5,
      );
      const sign = Math.sign(entropy - Math.log(A) / 2);
      expect(Math.log(after.temperature) - Math.log(temperature)).toBeCloseTo(-rate * sign, 5);
      expectClose(
        after.target,
        before.target.map((target, i) => 0.9 * target + 0.1 * after.q[i]),
        1e-6,
      );
      expect(policy.updates).toBe(1);
    },
  );

  it("ascends the expert's log-likelihood where nothing regularises it: J = temperature (E_expert[log pi] + log A)", () => {
    const state = make({ valueTerm: "expert", regulariserCoefficient: "none", regularisedRows: "expert" });
    const policy = finiteOf(state);
    run(state, START);
    endOften(kernels, state);
    const { q, temperature } = networksOf(kernels, policy);
    const { counter } = policy;
    const [{ objective }] = run(state, START + 1);
    const shown = drawnRows(kernels, state, counter).slice(OWN);
    // What the end cuts off is not telescoped: V(s') is 0 on both sides of the identity.
    const likelihood = shown.map(({ observation, action }) => {
      const table = mlp(sizes(policy), constants(q), constants(observation)).map(
        (each) => each.value / temperature,
      );
      return table[action] - Math.log(table.reduce((all, each) => all + Math.exp(each), 0));
    });
    const average = likelihood.reduce((a, b) => a + b) / likelihood.length;
    expect(objective).toBeCloseTo(temperature * (average + Math.log(A)), 5);
  });

  const tensorsOf = (state: IqLearn): number =>
    checksum(
      Object.values(deepSoftQTensors(finiteOf(state))).map(([at, length]) => download(kernels, at, length)),
    );
  const learnt = (options: Partial<IqLearnOptions> = {}, demonstrations = SHOWN): number => {
    const state = make(options, demonstrations);
    run(state, 200);
    return tensorsOf(state);
  };

  it("sees no true reward, and is the same for the same key", () => {
    const plain = learnt({ valueTerm: "initial" });
    expect(learnt({ valueTerm: "initial" })).toBe(plain);
    expect(learnt({ valueTerm: "initial" }, { ...SHOWN, rewards: null })).toBe(plain);
  });

  it("heeds every option", () => {
    const { sac } = OPTIONS;
    const variants: Partial<IqLearnOptions>[] = [
      {},
      { valueTerm: "initial" },
      { valueTerm: "replay" },
      { valueTerm: "expert" },
      { valueTerm: "expert-states" },
      { regulariserCoefficient: 0.6 },
      { regulariserCoefficient: "none" },
      { regularisedRows: "expert" },
      { nextValue: "target" },
      { termination: "absorbing" },
      { startSteps: 61 },
      { replayCapacity: 50 },
      { slowdown: { from: 100, learningRate: 1e-4 } },
      { sac: { ...sac, discount: 0.8 } },
      { sac: { ...sac, learningRate: 2e-3 } },
      { sac: { ...sac, temperature: 0.5 } },
      { sac: { ...sac, targetEntropy: 0.5 } },
      { sac: { ...sac, polyak: 0.2 } },
    ];
    expect(new Set(variants.map((options) => learnt(options))).size).toBe(variants.length);
  });

  it.each([
    { valueTerm: "initial", termination: "absorbing" },
    { nextValue: "target", termination: "native" },
  ] as const)("resumes to the bit: %o", (options) => {
    const whole = make(options);
    run(whole, 200);
    const half = make(options);
    run(half, 130);
    const folder = mkdtempSync(join(tmpdir(), "tandem-iq-"));
    try {
      saveCheckpoint(kernels, folder, half.agent, half, half.steps, 0);
      const resumed = make(options);
      restoreCheckpoint(kernels, folder, resumed.agent, resumed, resumed.steps);
      run(resumed, 200);
      expect(tensorsOf(resumed)).toBe(tensorsOf(whole));
      expect(resumed.counters).toEqual(whole.counters);
      expect(recoveredReward(kernels, resumed, SHOWN)).toEqual(recoveredReward(kernels, whole, SHOWN));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.each(["native", "absorbing"] as const)("recovers r = Q - gamma V(s') exactly (%s)", (termination) => {
    const state = make({ termination });
    run(state, 200);
    state.counters.absorbingReward = 0.3;
    const policy = finiteOf(state);
    const { counter } = policy;
    const rewards = recoveredReward(kernels, state, SHOWN);
    expect(policy.counter).toBe(counter);
    expect(rewards.length).toBeGreaterThan(2 * BATCH);
    const { q, temperature } = networksOf(kernels, policy);
    const expected = (): number[] =>
      Array.from(rewards, (_, t) => {
        const [here, next] = [SHOWN.observations, SHOWN.nextObservations].map((from) =>
          mlp(sizes(policy), constants(q), constants(from.subarray(N * t, N * t + N))),
        );
        const end = constant(termination === "absorbing" ? 0.3 / (1 - DISCOUNT) : 0);
        const following = SHOWN.terminated[t] ? end : softValue(next, temperature);
        return subtract(here[SHOWN.actions[t]], times(DISCOUNT, following)).value;
      });
    expectClose(rewards, expected(), float32Tolerance(expected));
  });

  /** All transitions of a table one after the other, one-hot, and the number of the pair that each is of. */
  const MDP = garnetMdp({ states: 4, actions: 3, branching: 2, seed: 3 });
  const oneHot = (s: number): number[] => Array.from({ length: MDP.states }, (_, i) => (i === s ? 1 : 0));
  const onTable = (options: Partial<IqLearnOptions>, demonstrations: Trajectories): IqLearn =>
    createIqLearn(
      kernels,
      tabularEnvironment("Table-v0", MDP, 20, { oneHot: true }),
      demonstrations,
      { ...OPTIONS, ...options, sac: { ...OPTIONS.sac, hidden: [], temperature: 0.5, ...options.sac } },
      keyFromSeed(9),
    );
  const tableOf = (state: IqLearn): Float64Array => {
    const { shape, q } = finiteOf(state);
    const [{ weight, bias }] = shape.layers;
    const weights = kernels.f32(q + weight, MDP.states * MDP.actions);
    const biases = kernels.f32(q + bias, MDP.actions);
    return Float64Array.from(weights, (each, pair) => each + biases[pair % MDP.actions]);
  };

  it("recovers a reward for which the policy of any Q is the soft-optimal one", () => {
    const { states, actions, transitions } = MDP;
    const ways = Array.from(transitions, (p, i) => ({
      p,
      pair: Math.floor(i / states),
      next: i % states,
    })).filter(({ p }) => p > 0);
    const every = toTrajectories([
      {
        observations: ways.map(({ pair }) => oneHot(Math.floor(pair / actions))),
        actions: ways.map(({ pair }) => [pair % actions]),
      },
    ]);
    every.nextObservations.set(ways.flatMap(({ next }) => oneHot(next)));
    const state = onTable({}, every);
    const { shape, q } = finiteOf(state);
    kernels
      .f32(q + shape.layers[0].weight, states * actions)
      .set(normalTable(states * actions, keyFromSeed(4)));
    const rewards = recoveredReward(kernels, state, every);
    const table = new Float64Array(states * actions);
    for (const [t, { p, pair }] of ways.entries()) table[pair] += (p * rewards[t]) / 0.5;
    const solve = { discount: DISCOUNT, tolerance: 1e-10, values: "centred" } as const;
    const solved = softPolicyIteration(MDP, table, solve);
    const scaled = tableOf(state).map((each) => each / 0.5);
    expect(farthest(solved.actionValues, scaled)).toBeLessThan(1e-4);
  });

  it("has the expert's policy as its optimum on a table where nothing regularises it", () => {
    const { states, actions } = MDP;
    const stream = streamOf(keyFromSeed(8));
    const steps = Array.from({ length: 400 }, () => nextInteger(stream, states));
    // Every second action of state s is action s mod 3, the others are even draws.
    const chosen = steps.map((s, t) => [t % 2 === 0 ? s % actions : nextInteger(stream, actions)]);
    const shown = toTrajectories([{ observations: steps.map(oneHot), actions: chosen }]);
    shown.nextObservations.set(steps.flatMap((_, t) => oneHot(steps[(t + 1) % steps.length])));
    const state = onTable(
      {
        valueTerm: "expert",
        regulariserCoefficient: "none",
        regularisedRows: "expert",
        slowdown: { from: 1500, learningRate: 2e-4 },
        sac: { ...OPTIONS.sac, hidden: [], temperature: 0.5, batchSize: 128, learningRate: 1e-2 },
      },
      shown,
    );
    run(state, 3000);
    const counts = new Float64Array(states * actions);
    for (const [t, s] of steps.entries()) counts[s * actions + chosen[t][0]]++;
    const q = tableOf(state);
    const own = q.map((each, pair) => {
      const first = pair - (pair % actions);
      return (
        Math.exp(each / 0.5) /
        q.subarray(first, first + actions).reduce((all, x) => all + Math.exp(x / 0.5), 0)
      );
    });
    const expert = counts.map((count, pair) => {
      const first = pair - (pair % actions);
      return count / counts.subarray(first, first + actions).reduce((all, x) => all + x, 0);
    });
    expect(farthest(own, expert)).toBeLessThan(0.02);
  });

  it.each([
    { valueTerm: "both", nextValue: "online" },
    { valueTerm: "initial", nextValue: "online" },
    { valueTerm: "both", nextValue: "target" },
  ] as const)("finds the goal as demonstrations do: $valueTerm, $nextValue", async (options) => {
    const state = createIqLearn(
      kernels,
      await grid(),
      await findingTheGoal(),
      {
        ...OPTIONS,
        ...options,
        sac: { ...SAC, temperature: 0.1 },
        startSteps: 400,
        replayCapacity: 8000,
        regularisedRows: "expert",
      },
      keyFromSeed(2),
    );
    run(state, 6000);
    expect(await wayToExpert(kernels, state.agent.policy)).toBeGreaterThan(0.9);
  });
});

function finiteOf({ critics: { policy } }: IqLearn): DeepSoftQ {
  if (policy.kind === "deep-soft-q") return policy;
  throw new Error(`expected soft Q-learning, got ${policy.kind}`);
}

function networksOf(kernels: Kernels, policy: DeepSoftQ): Networks {
  return {
    q: readMlp(kernels, policy.shape, policy.q),
    target: readMlp(kernels, policy.shape, policy.targetQ),
    temperature: deepSoftQTemperature(kernels, policy),
  };
}

/** Every fifth of the agent's rows says that it ends. */
function endOften(kernels: Kernels, { agent: { replay } }: IqLearn): void {
  const rows = kernels.f32(replay.rows, replay.added * replay.stride);
  for (let row = 0; row < replay.added; row += 5) rows[(row + 1) * replay.stride - 1] = 1;
}

/** The rows of the update that was made when the random blocks from `counter` on, but for one action's, were used. */
function drawnRows(kernels: Kernels, state: IqLearn, counter: number): Row[] {
  const { agent, options, demonstrations, recentEpisodes } = state;
  const policy = finiteOf(state);
  const { replay } = agent;
  const [key0, key1] = policy.key;
  let at = counter + 1;
  const room = kernels.allocate(BATCH);
  const indices = (count: number, bound: number): number[] => {
    kernels.fillIndices(count, room, bound, key0, key1, at);
    at += Math.ceil(count / 2);
    return [...kernels.u32(room, count)];
  };
  const own = indices(OWN, replay.added);
  const shown = indices(BATCH - OWN, replay.demonstrations!.count);
  const rows = [...own, ...shown].map((index, i) => {
    const from = i < OWN ? replay.rows : replay.demonstrations!.rows;
    return [...download(kernels, from + 4 * index * replay.stride, replay.stride)];
  });
  const starts = Array.from(demonstrations.episodeStarts.slice(0, -1), (t) =>
    Array.from(demonstrations.observations.subarray(N * t, N * t + N)),
  );
  const initial = [...starts, ...recentEpisodes.map(({ observations }) => [...observations])];
  const chosen = options.valueTerm === "initial" ? indices(BATCH, initial.length) : [];
  expect(policy.counter).toBe(at);
  for (const side of [rows.slice(0, OWN), rows.slice(OWN)])
    expect(new Set(side.map((row) => row[2 * N + A]))).toEqual(new Set([0, 1]));
  return rows.map((row, i) => ({
    observation: row.slice(0, N),
    action: row.slice(N, N + A).indexOf(1),
    nextObservation: row.slice(N + A, 2 * N + A),
    terminated: row[2 * N + A] === 1,
    valueObservation: chosen.length > 0 ? initial[chosen[i]] : row.slice(0, N),
  }));
}

/** J as the page of the method has it, side by side; V(s') by the parameters `target`, which are `q`'s or fixed. */
function termsOf(
  { valueTerm, regularisedRows, regulariserCoefficient, nextValue }: IqLearnOptions,
  shape: readonly number[],
  temperature: number,
  batch: readonly Row[],
  q: readonly Scalar[],
  target: readonly Scalar[],
  absorbing: Scalar,
  [expertAbsorbing, agentAbsorbing]: number[],
): { objective: Scalar; expertReward: Scalar; agentReward: Scalar } {
  const valueOf = (parameters: readonly Scalar[], observation: number[]): Scalar =>
    softValue(mlp(shape, parameters, constants(observation)), temperature);
  const afterwards = nextValue === "online" ? absorbing : constant(absorbing.value);
  const rows = batch.map((row) => {
    const next = row.terminated ? afterwards : valueOf(target, row.nextObservation);
    const taken = mlp(shape, q, constants(row.observation))[row.action];
    return {
      reward: subtract(taken, times(DISCOUNT, next)),
      value: valueOf(q, row.valueObservation),
      next,
    };
  });
  const sides = { expert: rows.slice(OWN), agent: rows.slice(0, OWN) };
  const stay = subtract(absorbing, times(DISCOUNT, afterwards));
  type Side = keyof typeof sides;
  /** A side's mean over its time, the absorbing state's share included. */
  const over = (side: Side, of: (row: (typeof rows)[number]) => Scalar, there: Scalar): Scalar => {
    const share = side === "expert" ? expertAbsorbing : agentAbsorbing;
    return add(times(1 - share, mean(sides[side].map(of))), times(share, there));
  };
  const squared = (side: Side): Scalar => over(side, ({ reward }) => square(reward), square(stay));
  const fallen = (side: Side): Scalar =>
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
  return {
    objective: subtract(earned, add(times(weight, regulariser), start)),
    expertReward: mean(sides.expert.map(({ reward }) => reward)),
    agentReward: mean(sides.agent.map(({ reward }) => reward)),
  };
}
