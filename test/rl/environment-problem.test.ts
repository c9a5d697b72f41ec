import { expect, it } from "vitest";
import { keyFromSeed, type Trajectories } from "../../src/core/index.ts";
import { absorbingWeight } from "../../src/irl/index.ts";
import type { Kernels } from "../../src/kernels/index.ts";
import { createSparseTwoLayer, type SparseTwoLayer } from "../../src/nn/index.ts";
import {
  createEnvironmentProblem,
  createSoftmaxActor,
  customFeatures,
  oneHotFeatures,
  type EnvironmentSampling,
  type FiniteActionProblem,
  type RowBatch,
  type TransitionBatch,
  type VisitedRows,
} from "../../src/rl/index.ts";
import { describeBuilds, U } from "../kernels/builds.ts";
import { expectClose } from "../reference/closeness.ts";
import { pointEnvironment } from "../reference/point-environment.ts";
import { rowsOf, setNetwork } from "../reference/scripted-problem.ts";
import {
  discreteTrajectories,
  stepsTaken,
  unstableEnvironment,
  type DiscreteEpisode,
  type UnstableEnvironment,
  type UnstableOptions,
} from "../reference/unstable-environment.ts";

const KEY = keyFromSeed(17);
const ACTIONS = 3;
const ENTRIES = 5;

/** psi(s, a) = (x / 4, push, e_a / 2): s and a can be read off a row. */
const FEATURES = customFeatures(ENTRIES, 2, ACTIONS, (observation, action, row) => {
  row[0] = observation[0] / 4;
  row[1] = observation[1];
  row[2 + action] = 0.5;
});
const rowOf = (observation: readonly number[], action: number): number[] => {
  const [x, push] = observation.map(Math.fround);
  const row = [Math.fround(x / 4), push, 0, 0, 0];
  row[2 + action] = 0.5;
  return row;
};

/** Episodes of 3, 5 and 2 steps that the task ended, with numbers that float32 holds. */
const EXPERT: DiscreteEpisode[] = [3, 5, 2].map((length, episode) => ({
  observations: Array.from({ length: length + 1 }, (_, t) => [(episode - 1) / 4 + t / 32, -t / 64]),
  actions: Array.from({ length }, (_, t) => (episode + 2 * t) % ACTIONS),
  terminated: true,
}));

/** `EXPERT`'s of some numbers, as if they had been cut. */
const cut = (...episodes: number[]): DiscreteEpisode[] =>
  episodes.map((episode) => ({ ...EXPERT[episode], terminated: false }));

const SAMPLING: EnvironmentSampling = {
  sampling: "markov-chain",
  replayCapacity: 1,
  gradientDiscount: 0.5,
  batchCapacity: 64,
  trajectoryCapacity: 8,
};

interface Made {
  problem: FiniteActionProblem;
  train: UnstableEnvironment;
  rollout: UnstableEnvironment;
}

function make(
  kernels: Kernels,
  sampling: Partial<EnvironmentSampling> = {},
  given: { demonstrations?: Trajectories; environment?: Partial<UnstableOptions>; seed?: number } = {},
): Made {
  const { demonstrations = discreteTrajectories(EXPERT), environment = { maxEpisodeSteps: 7 }, seed } = given;
  const [train, rollout] = [0, 1].map(() => unstableEnvironment(environment));
  const key = seed === undefined ? KEY : keyFromSeed(seed);
  const options = { ...SAMPLING, ...sampling };
  const problem = createEnvironmentProblem(
    kernels,
    { train, rollout },
    FEATURES,
    demonstrations,
    options,
    key,
  );
  return { problem, train, rollout };
}

/** A network whose softmax takes `action` but for e^-30: f = 60 * 1/2 there and 0 elsewhere. */
function always(kernels: Kernels, action: number): SparseTwoLayer {
  const network = draw(kernels, 1);
  const row = [0, 0, 0, 0, 0];
  row[2 + action] = 60;
  setNetwork(kernels, network, [row], [1]);
  return network;
}

function draw(kernels: Kernels, width: number): SparseTwoLayer {
  const options = { width, features: ENTRIES, radius: Infinity, actions: ACTIONS, averaged: false };
  return createSparseTwoLayer(kernels, options, KEY);
}

function rowsIn(kernels: Kernels, indices: number, values: number, count: number): number[][] {
  const at = kernels.u32(indices, count * ENTRIES);
  const x = kernels.f32(values, count * ENTRIES);
  return Array.from({ length: count }, (_, t) => {
    const row = Array.from({ length: ENTRIES }, () => Number.NaN);
    for (let p = t * ENTRIES; p < (t + 1) * ENTRIES; p++) row[at[p]] = x[p];
    return row;
  });
}

const visitedRows = (kernels: Kernels, { indices, values, count }: VisitedRows): number[][] =>
  rowsIn(kernels, indices, values, count);

/** A batch as lists, copied. */
function read(kernels: Kernels, batch: TransitionBatch) {
  const { count, indices, values, nextIndices, nextValues, continues, nextLogPolicy } = batch as RowBatch;
  expect(batch.kind).toBe("rows");
  const next = rowsIn(kernels, nextIndices, nextValues, count * ACTIONS);
  const policies = Array.from(kernels.f32(nextLogPolicy, count * ACTIONS));
  return {
    rows: rowsIn(kernels, indices, values, count),
    next: Array.from({ length: count }, (_, t) => next.slice(ACTIONS * t, ACTIONS * (t + 1))),
    continues: Array.from(kernels.f32(continues, count)),
    nextLogPolicy: Array.from({ length: count }, (_, t) => policies.slice(ACTIONS * t, ACTIONS * (t + 1))),
  };
}

const nextRowsOf = (observation: readonly number[]): number[][] =>
  [0, 1, 2].map((action) => rowOf(observation, action));

/** Every step of the log: psi(s, a), psi(s', .) and whether the episode went on from s'. */
const stepsOf = (episodes: readonly DiscreteEpisode[]) =>
  episodes.flatMap(({ observations, actions, terminated }) =>
    actions.map((action, t) => ({
      row: rowOf(observations[t], action),
      next: nextRowsOf(observations[t + 1]),
      continues: terminated && t === actions.length - 1 ? 0 : 1,
    })),
  );

/** log pi(.|s) of rows psi(s, .), in float64. */
function logSoftmaxOf(kernels: Kernels, network: SparseTwoLayer, rows: readonly number[][]): number[] {
  const weights = rowsOf(kernels, network);
  const signs = kernels.f32(network.signs, network.width);
  const q = rows.map((x) => {
    const units = weights.map(
      (w, j) =>
        signs[j] *
        Math.max(
          0,
          w.reduce((sum, each, i) => sum + each * x[i], 0),
        ),
    );
    return units.reduce((a, b) => a + b, 0) / Math.sqrt(network.width);
  });
  const value = Math.log(q.map(Math.exp).reduce((a, b) => a + b));
  return q.map((each) => each - value);
}

describeBuilds("the chain of an environment", (kernels) => {
  it("holds s, a, s' and termination of every step, and goes on from batch to batch", () => {
    const { problem, train } = make(kernels);
    const network = draw(kernels, 20);
    const batches = [10, 1, 30].map((count) => read(kernels, problem.transitions(network, count)));
    const expected = stepsOf(train.log);
    expect(batches.flatMap(({ rows }) => rows)).toEqual(expected.map(({ row }) => row));
    expect(batches.flatMap(({ next }) => next)).toEqual(expected.map(({ next }) => next));
    expect(batches.flatMap((each) => each.continues)).toEqual(expected.map((each) => each.continues));
    // Some episodes were cut by the time limit, whose last state counts, and some ended.
    const ended = train.log.slice(0, -1).map(({ terminated }) => terminated);
    expect(new Set(ended)).toEqual(new Set([true, false]));
    expect(new Set(train.log.map(({ observations }) => observations[0][0])).size).toBe(train.log.length);
    expect(problem.steps).toEqual({ train: 41, rewardRollout: 0, evaluation: 0, expert: 0 });
    expect(stepsTaken(train)).toBe(41);
  });

  it("is not disturbed by the agent's trajectories", () => {
    const network = draw(kernels, 20);
    const { problem, train } = make(kernels);
    const rows = [5, 5].flatMap((count) => {
      const batch = read(kernels, problem.transitions(network, count));
      problem.agentTrajectories(network, 2);
      return batch.rows;
    });
    expect(rows).toEqual(stepsOf(train.log).map(({ row }) => row));
  });

  it("draws its actions from the softmax of the network it is given, and says so", () => {
    const { problem } = make(kernels, { batchCapacity: 4000 });
    const network = draw(kernels, 20);
    const { rows, next, continues, nextLogPolicy } = read(kernels, problem.transitions(network, 4000));
    const exact = next.map((each) => logSoftmaxOf(kernels, network, each));
    // Two sums of 20 products of five, below 4 in size, and their logarithm.
    expectClose(nextLogPolicy.flat(), exact.flat(), 4 * 25 * U);
    // 1{a_t = a} - pi(a|s_t) has mean 0 and variance pi (1 - pi), whatever came before.
    for (let a = 0; a < ACTIONS; a++) {
      let [sum, variance] = [0, 0];
      for (let t = 1; t < rows.length; t++) {
        // Where an episode has ended the next row is of another state.
        if (continues[t - 1] === 0 || rows[t][0] !== next[t - 1][0][0]) continue;
        const probability = Math.exp(exact[t - 1][a]);
        sum += (rows[t][2 + a] > 0 ? 1 : 0) - probability;
        variance += probability * (1 - probability);
      }
      expect(variance).toBeGreaterThan(300);
      expect(Math.abs(sum)).toBeLessThan(4 * Math.sqrt(variance));
    }
    // The softmax is far enough from even for that to mean something.
    const spread = exact.map((each) => Math.max(...each) - Math.min(...each));
    expect(spread.reduce((a, b) => a + b) / 4000).toBeGreaterThan(0.2);
  });

  it("follows a network that has changed from its first step on", () => {
    const { problem } = make(kernels, {}, { environment: { maxEpisodeSteps: 50, growth: 0, edge: 10 } });
    const chosen = (action: number): number[] =>
      read(kernels, problem.transitions(always(kernels, action), 6)).rows.map((row) => row.indexOf(0.5) - 2);
    expect([chosen(0), chosen(2), chosen(1)].flat()).toEqual(
      [0, 2, 1].flatMap((action) => Array.from({ length: 6 }, () => action)),
    );
  });
});

describeBuilds("replay of an environment's steps", (kernels) => {
  it("gives the last steps, evenly, under the policy as it is", () => {
    const capacity = 30;
    const { problem, train } = make(kernels, {
      sampling: "replay",
      replayCapacity: capacity,
      batchCapacity: 600,
    });
    const [first, second] = [draw(kernels, 20), draw(kernels, 24)];
    problem.transitions(first, 45);
    const { rows, next, continues, nextLogPolicy } = read(kernels, problem.transitions(second, 600));
    const last = stepsOf(train.log).slice(-capacity);
    const found = rows.map((row) => last.findIndex((each) => String(each.row) === String(row)));
    // One that is never drawn would come about with probability 30 (29/30)^600 = 4e-8.
    expect(new Set(found)).toEqual(new Set(last.keys()));
    expect(next).toEqual(found.map((t) => last[t].next));
    expect(continues).toEqual(found.map((t) => last[t].continues));
    expect(new Set(continues).size).toBe(2);
    expectClose(
      nextLogPolicy.flat(),
      next.flatMap((each) => logSoftmaxOf(kernels, second, each)),
      4 * 25 * U,
    );
    // Counts of 600 even draws from 30: mean 20, variance 600 (1/30)(29/30).
    const counts = last.map((_, t) => found.filter((each) => each === t).length);
    for (const count of counts) expect(Math.abs(count - 20)).toBeLessThan(4 * Math.sqrt((600 * 29) / 900));
    expect(problem.steps.train).toBe(645);
    expect(stepsTaken(train)).toBe(645);
  });

  it("takes only what is there before the store is full, and makes stored policies anew", () => {
    const { problem, train } = make(kernels, { sampling: "replay", replayCapacity: 1000 });
    problem.transitions(draw(kernels, 20), 12);
    const second = always(kernels, 1);
    const { rows, next, nextLogPolicy } = read(kernels, problem.transitions(second, 64));
    const all = stepsOf(train.log).map(({ row }) => String(row));
    expect(rows.every((row) => all.includes(String(row)))).toBe(true);
    expect(rows.some((row) => all.slice(0, 12).includes(String(row)))).toBe(true);
    expectClose(
      nextLogPolicy.flat(),
      next.flatMap((each) => logSoftmaxOf(kernels, second, each)),
      60 * U,
    );
  });
});

describeBuilds("the agent's trajectories", (kernels) => {
  it("are whole episodes of the network that is given, each weighing gamma^t / n", () => {
    const { problem, rollout, train } = make(kernels);
    problem.transitions(always(kernels, 0), 5);
    const visited = problem.agentTrajectories(draw(kernels, 20), 8);
    expect(visitedRows(kernels, visited)).toEqual(stepsOf(rollout.log).map(({ row }) => row));
    const lengths = rollout.log.map(({ actions }) => actions.length);
    expect(lengths).toHaveLength(8);
    expect(new Set(lengths).size).toBeGreaterThan(1);
    expect([...visited.weights.subarray(0, visited.count)]).toEqual(
      lengths.flatMap((length) => Array.from({ length }, (_, t) => 0.5 ** t / 8)),
    );
    const starts = rollout.log.map(({ observations }) => observations[0][0]);
    expect(new Set([...starts, train.log[0].observations[0][0]]).size).toBe(9);
    expect(problem.steps).toEqual({
      train: 5,
      rewardRollout: stepsTaken(rollout),
      evaluation: 0,
      expert: 0,
    });
  });

  it("follow the network given to them, not the chain's", () => {
    const { problem, rollout } = make(kernels);
    problem.transitions(always(kernels, 0), 5);
    problem.agentTrajectories(always(kernels, 2), 3);
    expect(new Set(rollout.log.flatMap(({ actions }) => actions))).toEqual(new Set([2]));
    problem.agentTrajectories(always(kernels, 1), 3);
    expect(new Set(rollout.log.slice(3).flatMap(({ actions }) => actions))).toEqual(new Set([1]));
    expect(new Set(rollout.log.map(({ observations }) => observations[0][0])).size).toBe(6);
  });

  it("may be longer than the chain's episodes", () => {
    const train = unstableEnvironment({ maxEpisodeSteps: 2 });
    const rollout = unstableEnvironment({ maxEpisodeSteps: 25, growth: 0 });
    const short = discreteTrajectories(EXPERT.slice(2));
    const problem = createEnvironmentProblem(kernels, { train, rollout }, FEATURES, short, SAMPLING, KEY);
    const guard = kernels.allocate(16);
    kernels.f32(guard, 16).fill(7);
    const visited = problem.agentTrajectories(draw(kernels, 20), 8);
    expect(visited.count).toBe(200);
    expect(visitedRows(kernels, visited)).toEqual(stepsOf(rollout.log).map(({ row }) => row));
    expect(visited.weights[199]).toBe(0.5 ** 24 / 8);
    expect([...kernels.f32(guard, 16)]).toEqual(Array.from({ length: 16 }, () => 7));
  });
});

describeBuilds("the expert's trajectories", (kernels) => {
  const lengths = EXPERT.map(({ actions }) => actions.length);
  const own = (episode: number): number[][] => stepsOf([EXPERT[episode]]).map(({ row }) => row);

  it("pair s_t with a_t: all of them, over again, where that many are asked for", () => {
    const { problem } = make(kernels);
    const visited = problem.expertTrajectories(5);
    expect(visitedRows(kernels, visited)).toEqual([0, 1, 2, 0, 1].flatMap(own));
    expect([...visited.weights.subarray(0, visited.count)]).toEqual(
      [0, 1, 2, 0, 1].flatMap((e) => Array.from({ length: lengths[e] }, (_, t) => 0.5 ** t / 5)),
    );
    expect(problem.steps.expert).toBe(3 + 5 + 2 + 3 + 5);
  });

  it("are drawn evenly where fewer are asked for", () => {
    const { problem } = make(kernels);
    const counts = [0, 0, 0];
    for (let draws = 0; draws < 900; draws++) {
      const visited = problem.expertTrajectories(1);
      const rows = String(visitedRows(kernels, visited));
      const which = [0, 1, 2].find((episode) => String(own(episode)) === rows) ?? -1;
      counts[which]++;
      expect(visited.weights[1]).toBe(0.5);
    }
    // Mean 300, variance 900 (1/3)(2/3) = 200.
    for (const count of counts) expect(Math.abs(count - 300)).toBeLessThan(4 * Math.sqrt(200));
  });
});

/** Weights 1, 1/2, 1/4, ... from step t to the horizon. */
const from = (t: number, horizon = 7): number => 2 * (0.5 ** t - 0.5 ** horizon);

describeBuilds("trajectories up to the horizon", (kernels) => {
  it("weigh what follows an end of the expert's", () => {
    const { problem } = make(kernels);
    const ends = [3, 5, 2].map((length) => from(length));
    expect(problem.expertTrajectories(3).absorbingWeight).toBeCloseTo((ends[0] + ends[1] + ends[2]) / 3, 15);
    expect(problem.expertTrajectories(4).absorbingWeight).toBeCloseTo(
      (2 * ends[0] + ends[1] + ends[2]) / 4,
      15,
    );
  });

  it("end, both sides' and all, at the shortest that was cut", () => {
    // 5 steps cut, 3 and 2 ended: with a horizon of 5 one has 2 steps after its end, the other 3.
    const demonstrations = discreteTrajectories([...cut(1), EXPERT[0], EXPERT[2]]);
    const { problem, rollout } = make(kernels, {}, { demonstrations });
    const expert = problem.expertTrajectories(3);
    expect(expert.count).toBe(5 + 3 + 2);
    expect(expert.absorbingWeight).toBeCloseTo((from(3, 5) + from(2, 5)) / 3, 15);
    const agent = problem.agentTrajectories(draw(kernels, 20), 8);
    const lengths = rollout.log.map(({ actions }) => actions.length);
    expect(Math.max(...lengths)).toBe(5);
    expect([...agent.weights.subarray(0, agent.count)]).toEqual(
      lengths.flatMap((length) => Array.from({ length }, (_, t) => 0.5 ** t / 8)),
    );
    const after = rollout.log.map(({ terminated, actions: { length } }) =>
      terminated ? from(length, 5) / 8 : 0,
    );
    expect(agent.absorbingWeight).toBeCloseTo(
      after.reduce((sum, each) => sum + each, 0),
      15,
    );
    expect(new Set(rollout.log.map(({ terminated }) => terminated))).toEqual(new Set([true, false]));
    expect(problem.steps.rewardRollout).toBe(stepsTaken(rollout));
    // A longer one that was cut counts as far as the shortest.
    const both = make(kernels, {}, { demonstrations: discreteTrajectories(cut(0, 1)) }).problem;
    expect(both.expertTrajectories(2)).toMatchObject({ count: 6, absorbingWeight: 0 });
  });

  it("end there where a demonstration is longer, with nothing after", () => {
    const maxEpisodeSteps = 4;
    const demonstrations = discreteTrajectories([EXPERT[1], EXPERT[0]]);
    const { problem } = make(kernels, {}, { demonstrations, environment: { maxEpisodeSteps } });
    const guard = kernels.allocate(16);
    kernels.f32(guard, 16).fill(7);
    const visited = problem.expertTrajectories(8);
    expect(visited.count).toBe(4 * (4 + 3));
    expect(problem.steps.expert).toBe(visited.count);
    expect(visitedRows(kernels, visited).slice(0, 7)).toEqual(
      [...stepsOf([EXPERT[1]]).slice(0, 4), ...stepsOf([EXPERT[0]])].map(({ row }) => row),
    );
    expect(visited.absorbingWeight).toBeCloseTo((4 * 0.5 ** 3) / 8, 15);
    expect([...kernels.f32(guard, 16)]).toEqual(Array.from({ length: 16 }, () => 7));
  });

  it("have nothing after a cut that comes before the horizon", () => {
    const early = { ...unstableEnvironment({ maxEpisodeSteps: 5, growth: 0 }), maxEpisodeSteps: 7 };
    const problem = createEnvironmentProblem(
      kernels,
      { train: unstableEnvironment(), rollout: early },
      FEATURES,
      discreteTrajectories(EXPERT),
      SAMPLING,
      KEY,
    );
    const { count, absorbingWeight: after } = problem.agentTrajectories(draw(kernels, 20), 2);
    expect([count, after]).toEqual([10, 0]);
  });

  it("are weighed as those of continuous actions are", () => {
    const { problem, rollout } = make(kernels, { gradientDiscount: 0.9 });
    const expert = problem.expertTrajectories(3);
    const agent = problem.agentTrajectories(draw(kernels, 20), 8);
    const span = { discount: 0.9, horizon: 7 };
    const own = rollout.log.map(({ terminated, actions: { length } }) =>
      absorbingWeight(terminated, length, span),
    );
    const experts = [3, 5, 2].map((length) => absorbingWeight(true, length, span));
    expectClose(
      [expert.absorbingWeight, agent.absorbingWeight],
      [experts.reduce((sum, each) => sum + each / 3, 0), own.reduce((sum, each) => sum + each / 8, 0)],
      1e-14,
    );
  });
});

describeBuilds("an environment's problem", (kernels) => {
  const everything = (made: Made): string => {
    const network = draw(kernels, 20);
    const parts = [0, 1].map(() => [
      read(kernels, made.problem.transitions(network, 20)),
      [made.problem.agentTrajectories(network, 2), made.problem.expertTrajectories(2)].map((visited) => [
        visitedRows(kernels, visited),
        [...visited.weights.subarray(0, visited.count)],
      ]),
    ]);
    return JSON.stringify(parts);
  };

  it("draws the same from the same key, other things from another, and never sees the true reward", () => {
    const plain = everything(make(kernels));
    const maxEpisodeSteps = 7;
    expect(everything(make(kernels))).toBe(plain);
    expect(everything(make(kernels, {}, { environment: { maxEpisodeSteps, trueReward: Number.NaN } }))).toBe(
      plain,
    );
    expect(everything(make(kernels, {}, { seed: 18 }))).not.toBe(plain);
  });

  it.each<Partial<EnvironmentSampling>>([
    { sampling: "replay", replayCapacity: 50 },
    { gradientDiscount: 0.6 },
  ])("is changed by its options: %o", (sampling) => {
    expect(everything(make(kernels, sampling))).not.toBe(everything(make(kernels)));
  });

  it("is changed by the size of its replay", () => {
    const [small, large] = [10, 50].map((replayCapacity) =>
      everything(make(kernels, { sampling: "replay", replayCapacity })),
    );
    expect(small).not.toBe(large);
  });

  it("refuses what does not fit", () => {
    const demonstrations = discreteTrajectories(EXPERT);
    const environments = { train: unstableEnvironment(), rollout: unstableEnvironment() };
    const create = (
      given: Partial<{ environments: Parameters<typeof createEnvironmentProblem>[1] }>,
      features = FEATURES,
      trajectories = demonstrations,
    ): (() => unknown) => {
      const both = given.environments ?? environments;
      return () => createEnvironmentProblem(kernels, both, features, trajectories, SAMPLING, KEY);
    };
    const continuous = pointEnvironment();
    const message = "createEnvironmentProblem: Point-v0 has continuous actions; use createMlIrl";
    expect(create({ environments: { ...environments, train: continuous } })).toThrow(message);
    expect(create({ environments: { ...environments, rollout: continuous } })).toThrow(message);
    expect(create({}, oneHotFeatures(4, 3))).toThrow(
      "createEnvironmentProblem: Unstable-v0 has 3 actions and observations of 2, the features 3 and 1; make them for this task",
    );
    expect(
      create(
        {},
        customFeatures(1, 2, 4, () => {}),
      ),
    ).toThrow("the features 4 and 2");
    expect(create({}, FEATURES, { ...demonstrations, actionSize: 2 })).toThrow(
      "takes demonstrations with observations of 2 and one action number, got 2 and 2; check the file",
    );
    expect(create({}, FEATURES, { ...demonstrations, observationSize: 3 })).toThrow("got 3 and 1");
    for (const wrong of [3, -1, 0.5, Number.NaN]) {
      const actions = demonstrations.actions.with(4, wrong);
      expect(create({}, FEATURES, { ...demonstrations, actions })).toThrow(
        `takes actions from 0 to 2, the demonstrations hold ${wrong}; check the file`,
      );
    }
  });

  it("refuses more trajectories at a time than it has room for", () => {
    const { problem } = make(kernels);
    const message =
      "createEnvironmentProblem: expected at most 8 trajectories at a time, got 9; raise trajectoryCapacity";
    expect(() => problem.agentTrajectories(draw(kernels, 20), 9)).toThrow(message);
    expect(() => problem.expertTrajectories(9)).toThrow(message);
    expect(problem.steps).toEqual({ train: 0, rewardRollout: 0, evaluation: 0, expert: 0 });
  });
});

describeBuilds("the softmax of a Q-network", (kernels) => {
  it("looks, draws by its cumulated probabilities and knows the best", () => {
    const actor = createSoftmaxActor(kernels, FEATURES);
    const network = draw(kernels, 1);
    // f = relu of 2 log 3 / 2, 2 log 2 / 2 and 0 / 2: probabilities 3/6, 2/6 and 1/6.
    setNetwork(kernels, network, [[0, 0, 2 * Math.log(3), 2 * Math.log(2), 0]], [1]);
    actor.look(network, [0.25, 0.5]);
    expectClose([...actor.actionValues], [Math.log(3), Math.log(2), 0], 2 ** -23);
    expectClose([...actor.logPolicy].map(Math.exp), [3 / 6, 2 / 6, 1 / 6], 2 ** -22);
    expect(actor.best()).toBe(0);
    const at = [0, 0.499, 0.501, 0.833, 0.834, 0.999_999_999];
    expect(at.map((uniform) => actor.draw(uniform))).toEqual([0, 0, 1, 1, 2, 2]);
    expect(rowsIn(kernels, actor.indices, actor.values, 3)).toEqual(nextRowsOf([0.25, 0.5]));
    setNetwork(kernels, network, [[0, 0, 1, 2, 3]], [1]);
    actor.look(network, [0, 0]);
    expect(actor.best()).toBe(2);
  });
});
