import { describe, expect, it } from "vitest";
import { keyFromSeed, nextInteger, nextNormal, streamOf, type Trajectories } from "../../src/core/index.ts";
import type { Kernels } from "../../src/kernels/index.ts";
import {
  addTransition,
  createDeepSoftQ,
  createReplay,
  deepSoftQAct,
  deepSoftQTemperature,
  deepSoftQTensors,
  deepSoftQUpdate,
  drawBatch,
  drawsOf,
  emptySacMetrics,
  softValueIteration,
  type BatchReward,
  type DeepSoftQ,
  type Replay,
  type SacOptions,
} from "../../src/rl/index.ts";
import { describeBuilds, download } from "../kernels/builds.ts";
import { float32Tolerance } from "../reference/autodiff.ts";
import { checksum, expectClose } from "../reference/closeness.ts";
import {
  emptyMemory,
  update,
  type Learner,
  type Measured,
  type Memory,
  type Row,
  type Setting,
} from "../reference/deep-soft-q.ts";
import { readMlp } from "../reference/mlp.ts";
import { normalTable } from "../reference/tabular.ts";

const N = 3;
const A = 4;
const ROWS = 10;

const OPTIONS: SacOptions = {
  hidden: [8, 7],
  batchSize: 6,
  discount: 0.9,
  learningRate: 1e-2,
  polyak: 0.1,
  temperature: "learnt",
  targetEntropy: "auto",
};

type Transition = Omit<Row, "reward">;

/** Transitions in float32, the first of every two ending their episode where some do. */
function transitions(seed: number, endings: "some" | "all" | "none"): Transition[] {
  const stream = streamOf(keyFromSeed(seed));
  const normals = (): number[] => Array.from({ length: N }, () => Math.fround(nextNormal(stream)));
  return Array.from({ length: ROWS }, (_, i) => ({
    observation: normals(),
    action: nextInteger(stream, A),
    nextObservation: normals(),
    terminated: endings === "all" || (endings === "some" && i % 2 === 0),
  }));
}

/** A reward of its own for each update, so that a stored or stale one shows; of the observation and the action's place. */
const rewardOf = (update: number, row: ArrayLike<number>): number =>
  Math.fround((1 + update) * (row[0] - row[N + 1]) - 0.3 * update);

const batchReward =
  (kernels: Kernels, update: number): BatchReward =>
  ({ size, rows, stride }, out) => {
    for (let i = 0; i < size; i++)
      kernels.f32(out + 4 * i, 1)[0] = rewardOf(update, kernels.f32(rows + 4 * i * stride, N + A));
  };

const oneHot = (action: number, count = A): number[] =>
  Array.from({ length: count }, (_, a) => (a === action ? 1 : 0));

function fill(kernels: Kernels, data: readonly Transition[]): Replay {
  const replay = createReplay(kernels, {
    observationSize: N,
    actionSize: A,
    capacity: ROWS,
    keepTrueRewards: false,
  });
  for (const { observation, action, nextObservation, terminated } of data)
    addTransition(kernels, replay, observation, oneHot(action), nextObservation, terminated, Number.NaN);
  return replay;
}

const make = (kernels: Kernels, options: Partial<SacOptions> = {}): DeepSoftQ =>
  createDeepSoftQ(kernels, N, A, { ...OPTIONS, ...options }, keyFromSeed(11));

/** The library's learner as the reference holds it. */
const learnerOf = (kernels: Kernels, { shape, q, targetQ, logTemperature }: DeepSoftQ): Learner => ({
  q: readMlp(kernels, shape, q),
  target: readMlp(kernels, shape, targetQ),
  logTemperature: kernels.f32(logTemperature, 1)[0],
});

/** The library's Adam moments, in the reference's order: means, then squares. */
const momentsOf = (kernels: Kernels, { shape, qAdam, temperatureAdam }: DeepSoftQ): number[] =>
  [0, 1].flatMap((which) => [
    ...readMlp(kernels, shape, qAdam.moments + 4 * which * qAdam.length),
    kernels.f32(temperatureAdam.moments + 4 * which, 1)[0],
  ]);

/** Rows of the coming update, drawn as the contract of the kernels has it. */
function drawRows(kernels: Kernels, learner: DeepSoftQ, data: readonly Transition[], update: number): Row[] {
  const size = learner.options.batchSize;
  const [key0, key1] = learner.key;
  const room = kernels.allocate(size);
  kernels.fillIndices(size, room, data.length, key0, key1, learner.counter);
  return Array.from(kernels.u32(room, size), (index) => ({
    ...data[index],
    reward: rewardOf(update, [...data[index].observation, ...oneHot(data[index].action)]),
  }));
}

const flat = ({ q, target, logTemperature }: Learner): number[] => [...q, ...target, logTemperature];
const flatMemory = ({ q, temperature }: Memory): number[] =>
  (["first", "second"] as const).flatMap((which) => [...q[which], ...temperature[which]]);

/** Sums over updates, as the library reports them. */
const totals = (measured: readonly Measured[]): number[] =>
  (["criticLoss", "meanQ", "logProb", "reward"] as const).map((name) =>
    measured.reduce((total, own) => total + own[name], 0),
  );

interface Variant {
  name: string;
  options: Partial<SacOptions>;
  endings: "some" | "all" | "none";
  valueAfterEnd?: number;
}
const VARIANTS: Variant[] = [
  { name: "learnt temperature", options: {}, endings: "some" },
  { name: "fixed temperature", options: { temperature: 0.3 }, endings: "some" },
  { name: "a target entropy of its own", options: { targetEntropy: 1.2 }, endings: "none" },
  { name: "one hidden layer, every row terminated", options: { hidden: [9] }, endings: "all" },
  { name: "an end that is worth something", options: {}, endings: "some", valueAfterEnd: -2.5 },
];

describeBuilds("an update of deep soft Q-learning", (kernels) => {
  for (const { name, options, endings, valueAfterEnd = 0 } of VARIANTS) {
    it.each([1, 3])(`agrees with its definition after %i updates: ${name}`, (updates) => {
      const data = transitions(5, endings);
      const replay = fill(kernels, data);
      const learner = make(kernels, options);
      const start = learnerOf(kernels, learner);
      const batches: Row[][] = [];
      const metrics = emptySacMetrics();
      for (let i = 0; i < updates; i++) {
        batches.push(drawRows(kernels, learner, data, i));
        // Where there is no value after the end it may be left out.
        const end = valueAfterEnd === 0 ? [] : [valueAfterEnd];
        deepSoftQUpdate(kernels, learner, replay, batchReward(kernels, i), metrics, ...end);
      }
      const { temperature, targetEntropy } = learner.options;
      const setting: Setting = {
        ...learner.options,
        sizes: learner.shape.sizes,
        targetEntropy:
          temperature === "learnt" ? (targetEntropy === "auto" ? Math.log(A) / 2 : targetEntropy) : null,
        valueAfterEnd,
      };
      const expected = (): number[] => {
        const memory = emptyMemory(start);
        const measured: Measured[] = [];
        let current = start;
        for (const batch of batches) {
          const next = update(setting, current, memory, batch);
          measured.push(next.measured);
          current = next;
        }
        return [...flat(current), ...flatMemory(memory), ...totals(measured)];
      };
      expect([metrics.updates, learner.updates]).toEqual([updates, updates]);
      const actual = [
        ...flat(learnerOf(kernels, learner)),
        ...momentsOf(kernels, learner),
        ...totals([metrics]),
      ];
      expectClose(actual, expected(), float32Tolerance(expected));
      const logTemperature = kernels.f32(learner.logTemperature, 1)[0];
      expectClose([deepSoftQTemperature(kernels, learner)], [Math.exp(logTemperature)], 2 ** -22);
    });
  }

  const learnt = (options: Partial<SacOptions>, rate?: number): number => {
    const learner = make(kernels, options);
    if (rate !== undefined) learner.learningRate = rate;
    const replay = fill(kernels, transitions(5, "some"));
    for (let i = 0; i < 3; i++)
      deepSoftQUpdate(kernels, learner, replay, batchReward(kernels, i), emptySacMetrics());
    return checksum(
      Object.values(deepSoftQTensors(learner)).map(([at, length]) => download(kernels, at, length)),
    );
  };

  it.each<Partial<SacOptions>>([
    { hidden: [8, 8] },
    { batchSize: 7 },
    { discount: 0.91 },
    { learningRate: 2e-2 },
    { polyak: 0.2 },
    { temperature: 1 },
    { targetEntropy: 0.5 },
  ])("comes out otherwise with %o", (options) => {
    expect(learnt(options)).not.toBe(learnt({}));
    expect(learnt(options)).toBe(learnt(options));
  });

  it("steps at the rate in force, temperature too", () => {
    expect(learnt({}, 3e-3)).toBe(learnt({ learningRate: 3e-3 }));
  });

  /** Q after one update on rows that all end as `endings` says. */
  const after = (endings: "all" | "none", discount: number, seedOfNext: number): number[] => {
    const others = transitions(seedOfNext, endings);
    const data = transitions(5, endings).map((row, i) => ({
      ...row,
      nextObservation: others[i].nextObservation,
    }));
    const learner = make(kernels, { discount });
    deepSoftQUpdate(kernels, learner, fill(kernels, data), batchReward(kernels, 0), emptySacMetrics());
    return learnerOf(kernels, learner).q;
  };

  it("does not reach past a terminated step, nor take its next observation for anything", () => {
    expect(after("all", 0.5, 5)).toEqual(after("all", 0.9, 5));
    expect(after("all", 0.9, 6)).toEqual(after("all", 0.9, 5));
    expect(after("none", 0.5, 5)).not.toEqual(after("none", 0.9, 5));
    expect(after("none", 0.9, 6)).not.toEqual(after("none", 0.9, 5));
  });
});

describeBuilds("a fresh deep soft Q", (kernels) => {
  it("has a target that is a copy, the temperature asked for, and its own network for each key", () => {
    const { q, target } = learnerOf(kernels, make(kernels));
    expect(target).toEqual(q);
    const other = createDeepSoftQ(kernels, N, A, OPTIONS, keyFromSeed(12));
    expect(learnerOf(kernels, other).q).not.toEqual(q);
    expect(deepSoftQTemperature(kernels, make(kernels))).toBe(1);
    expectClose([deepSoftQTemperature(kernels, make(kernels, { temperature: 0.3 }))], [0.3], 2 ** -22);
  });

  it("refuses a rate of an actor that it does not have", () => {
    expect(() => make(kernels, { actorRate: 1e-4 })).toThrow(/^createDeepSoftQ: .*there is no actor/);
  });

  it("refuses a temperature of 0, and entropies that no policy of its actions has", () => {
    expect(() => make(kernels, { temperature: 0 })).toThrow(
      /^createDeepSoftQ: expected a temperature above 0, got 0/,
    );
    for (const targetEntropy of [-3, 0, Math.log(A)])
      expect(() => make(kernels, { targetEntropy })).toThrow(
        /^createDeepSoftQ: expected a target entropy between 0 and log 4 = 1\.386/,
      );
    // Of no consequence where the temperature is fixed.
    expect(make(kernels, { temperature: 1, targetEntropy: -3 }).options.temperature).toBe(1);
    expect(createDeepSoftQ(kernels, N, 1, OPTIONS, keyFromSeed(1)).targetEntropy).toBe(0);
  });
});

/** Q of a network that ignores what it sees: all weights 0, the last biases `values`. */
function setValues(kernels: Kernels, learner: DeepSoftQ, values: readonly number[]): void {
  const { shape, q } = learner;
  kernels.fill(shape.blockLength, q, 0);
  kernels.f32(q + shape.layers[shape.layers.length - 1].bias, A).set(values);
}

describeBuilds("an action of deep soft Q", (kernels) => {
  const VALUES = [0.5, -1, 2, 1.9];
  const drawn = (temperature: number, draws: number, values = VALUES): Float64Array => {
    const learner = make(kernels, { temperature });
    setValues(kernels, learner, values);
    const counts = new Float64Array(A);
    const action = new Float32Array(A);
    for (let i = 0; i < draws; i++) {
      deepSoftQAct(kernels, learner, [0, 1, 2], "sample", action);
      expect(action.reduce((sum, x) => sum + x)).toBe(1);
      counts[action.indexOf(1)]++;
    }
    return counts;
  };

  it.each([0.5, 1, 3])("is drawn with the probabilities of the softmax at temperature %d", (temperature) => {
    const DRAWS = 4000;
    const weights = VALUES.map((value) => Math.exp(value / temperature));
    const mass = weights.reduce((a, b) => a + b);
    drawn(temperature, DRAWS).forEach((count, a) => {
      const p = weights[a] / mass;
      expect(Math.abs(count / DRAWS - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / DRAWS));
    });
  });

  it("is the best there is where the temperature is least, however large the values, and ties are drawn evenly", () => {
    expect([...drawn(1e-30, 50)]).toEqual([0, 0, 50, 0]);
    expect([...drawn(1e-6, 50, [1e6, 1e6 + 1, 0, 0])]).toEqual([0, 50, 0, 0]);
    const counts = drawn(1e-12, 400, [100, 100, 0, 0]);
    expect(counts[0] + counts[1]).toBe(400);
    expect(Math.abs(counts[0] - 200)).toBeLessThan(4 * Math.sqrt(100));
  });

  it("is the most probable one in its mode, the first of equals, and then costs no random number", () => {
    const learner = make(kernels);
    const action = new Float32Array(A).fill(7);
    for (const [values, best] of [
      [VALUES, 2],
      [[3, 1, 3, 0], 0],
      [[-3, -2, -1, 0], 3],
    ] as const) {
      setValues(kernels, learner, values);
      const before = learner.counter;
      deepSoftQAct(kernels, learner, [0, 1, 2], "mode", action);
      expect([...action]).toEqual(oneHot(best));
      expect(learner.counter).toBe(before);
    }
  });

  it("is the best of the network's outputs for what it sees", () => {
    const learner = make(kernels);
    const { shape, q } = learner;
    kernels.f32(q, shape.blockLength).set(normalTable(shape.blockLength, keyFromSeed(9)));
    const weights = readMlp(kernels, shape, q);
    const action = new Float32Array(A);
    const stream = streamOf(keyFromSeed(3));
    const seen = Array.from({ length: 50 }, () => {
      const observation = Array.from({ length: N }, () => Math.fround(nextNormal(stream)));
      deepSoftQAct(kernels, learner, observation, "mode", action);
      const values = forward(shape.sizes, weights, observation);
      expect(action.indexOf(1)).toBe(values.indexOf(Math.max(...values)));
      return action.indexOf(1);
    });
    expect(new Set(seen).size).toBeGreaterThan(2);
  });
});

describeBuilds("a temperature that is learnt", (kernels) => {
  it("falls while the entropy is above its target, rises while below, and is defined where it is least", () => {
    for (const [targetEntropy, sign] of [
      [1e-3, -1],
      [Math.log(A) - 1e-6, 1],
    ]) {
      const learner = make(kernels, { targetEntropy });
      setValues(kernels, learner, [0, 1, 0, -1]);
      deepSoftQUpdate(
        kernels,
        learner,
        fill(kernels, transitions(5, "some")),
        batchReward(kernels, 0),
        emptySacMetrics(),
      );
      expect(Math.sign(deepSoftQTemperature(kernels, learner) - 1)).toBe(sign);
    }
    const learner = make(kernels);
    kernels.fill(1, learner.logTemperature, -200);
    kernels.fill(1, learner.logTemperature + 8, 0);
    const metrics = emptySacMetrics();
    const replay = fill(kernels, transitions(5, "some"));
    deepSoftQUpdate(kernels, learner, replay, batchReward(kernels, 0), metrics);
    expect(metrics.logProb).toBeCloseTo(0, 12);
    expect(Object.values(metrics).every(Number.isFinite)).toBe(true);
    expect(learnerOf(kernels, learner).q.every(Number.isFinite)).toBe(true);
  });
});

/** The agent's row i: s | a | s' | terminated. */
const own = (i: number): number[] => [i, ...oneHot(i % 3, 3), i + 1, i === 2 ? 1 : 0];

describeBuilds("a batch", (kernels) => {
  const shown: Trajectories = {
    observationSize: 1,
    actionSize: 1,
    observations: Float32Array.of(100, 101, 102, 103, 104),
    actions: Float32Array.of(0, 1, 2, 1, 0),
    nextObservations: Float32Array.of(101, 102, 103, 104, 105),
    rewards: null,
    terminated: Uint8Array.of(0, 0, 0, 0, 1),
    truncated: new Uint8Array(5),
    episodeStarts: Uint32Array.of(0, 5),
  };
  const replay = createReplay(kernels, {
    observationSize: 1,
    actionSize: 3,
    capacity: 8,
    keepTrueRewards: false,
    demonstrations: { trajectories: shown, actionSpace: { kind: "discrete", count: 3 } },
  });
  for (let i = 0; i < 4; i++) addTransition(kernels, replay, [i], oneHot(i % 3, 3), [i + 1], i === 2, 0);
  const plain = { ...replay, demonstrations: null };
  const rows = (from: Replay, size: number, seed: number): number[][] => {
    const { stride } = from;
    const batch = {
      size,
      rows: kernels.allocate(size * stride),
      stride,
      indices: kernels.allocate(size),
    };
    const terminated = kernels.allocate(size);
    drawBatch(kernels, drawsOf(keyFromSeed(seed)), from, batch, terminated);
    const ends = download(kernels, terminated, size);
    return Array.from({ length: size }, (_, i) => {
      const row = [...download(kernels, batch.rows + 4 * i * stride, stride)];
      expect(ends[i]).toBe(row[stride - 1]);
      return row;
    });
  };
  const expert = (t: number): number[] => [100 + t, ...oneHot(shown.actions[t], 3), 101 + t, t === 4 ? 1 : 0];

  it.each([6, 7, 301])("of %i rows has size / 2 of the demonstrations last, rounded down", (size) => {
    const drawn = rows(replay, size, 1);
    const half = size - Math.floor(size / 2);
    drawn.forEach((row, i) => expect(row).toEqual(i < half ? own(row[0]) : expert(row[0] - 100)));
  });

  it("has every row of either side in it, evenly", () => {
    const SIZE = 2000;
    const counts = new Map<number, number>();
    for (const [place] of rows(replay, SIZE, 2)) counts.set(place, (counts.get(place) ?? 0) + 1);
    expect([...counts.keys()].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 100, 101, 102, 103, 104]);
    for (const [place, count] of counts) {
      const p = place < 100 ? 1 / 4 : 1 / 5;
      expect(Math.abs(count / 1000 - p)).toBeLessThan(4.5 * Math.sqrt((p * (1 - p)) / 1000));
    }
  });

  it("has none of them where there are none, other rows for another key and the same for the same", () => {
    const drawn = rows(plain, 40, 1);
    drawn.forEach((row) => expect(row).toEqual(own(row[0])));
    expect(rows(plain, 40, 1)).toEqual(drawn);
    expect(rows(plain, 40, 3)).not.toEqual(drawn);
  });
});

describe("the fixed point", () => {
  /** States 0 to 3, state 4 absorbing; deterministic, so that sampled targets carry no noise of their own. */
  const [STATES, ACTIONS, ABSORBING] = [5, 3, 4];
  const next = (state: number, action: number): number =>
    state === ABSORBING ? ABSORBING : [1, 3, 0, 2, 4, 0, 3, 3, 1, 4, 2, 1][state * ACTIONS + action];
  const transitionTable = new Float64Array(STATES * ACTIONS * STATES);
  for (let pair = 0; pair < STATES * ACTIONS; pair++)
    transitionTable[pair * STATES + next(Math.floor(pair / ACTIONS), pair % ACTIONS)] = 1;
  const rewards = normalTable(STATES * ACTIONS, keyFromSeed(4)).map(Math.fround);
  const ABSORBING_REWARD = -0.75;
  rewards.fill(ABSORBING_REWARD, ABSORBING * ACTIONS);

  describeBuilds("on one-hot states", (kernels) => {
    it.each([
      [1, [], "no hidden layer, a table"],
      [0.5, [24], "a hidden layer"],
    ])(
      "is that of soft value iteration, centred, at temperature %d, the absorbing state in closed form: %o (%s)",
      (temperature, hidden) => {
        const discount = 0.8;
        const options: SacOptions = {
          hidden,
          batchSize: 48,
          discount,
          learningRate: 1e-2,
          polyak: 0.2,
          temperature,
          targetEntropy: "auto",
        };
        const replay = createReplay(kernels, {
          observationSize: STATES,
          actionSize: ACTIONS,
          capacity: ABSORBING * ACTIONS,
          keepTrueRewards: false,
        });
        for (let pair = 0; pair < ABSORBING * ACTIONS; pair++) {
          const [state, action] = [Math.floor(pair / ACTIONS), pair % ACTIONS];
          const after = next(state, action);
          const [here, there] = [oneHot(state, STATES), oneHot(after, STATES)];
          addTransition(kernels, replay, here, oneHot(action, ACTIONS), there, after === ABSORBING, NaN);
        }
        const reward: BatchReward = ({ size, indices }, out) => {
          const paid = kernels.f32(out, size);
          const drawn = kernels.u32(indices, size);
          for (let i = 0; i < size; i++) paid[i] = rewards[drawn[i]];
        };
        const learner = createDeepSoftQ(kernels, STATES, ACTIONS, options, keyFromSeed(8));
        for (const [rate, updates] of [
          [1e-2, 2500],
          [1e-3, 1000],
          [1e-4, 1000],
        ]) {
          learner.learningRate = rate;
          for (let i = 0; i < updates; i++)
            deepSoftQUpdate(
              kernels,
              learner,
              replay,
              reward,
              emptySacMetrics(),
              ABSORBING_REWARD / (1 - discount),
            );
        }
        // Q / temperature is the solution at temperature 1 of the rewards over the temperature.
        const { actionValues } = softValueIteration(
          { states: STATES, actions: ACTIONS, transitions: transitionTable },
          rewards.map((each) => each / temperature),
          { discount, tolerance: 1e-10, values: "centred" },
        );
        const weights = readMlp(kernels, learner.shape, learner.q);
        const values = Array.from({ length: ABSORBING }, (_, state) =>
          forward(learner.shape.sizes, weights, oneHot(state, STATES)),
        ).flat();
        const exact = Array.from(actionValues.subarray(0, ABSORBING * ACTIONS), (each) => temperature * each);
        // Adam stays within about its last rate of where it should be; the backup makes 1 / (1 - gamma) of it.
        expectClose(values, exact, (5 * 1e-4) / (1 - discount));
      },
    );
  });
});

/** Outputs of the perceptron, by its definition. */
function forward(sizes: readonly number[], weights: readonly number[], input: readonly number[]): number[] {
  let [x, at] = [[...input], 0];
  for (let layer = 0; layer + 1 < sizes.length; layer++) {
    const [inputs, outputs] = [sizes[layer], sizes[layer + 1]];
    const bias = at + inputs * outputs;
    x = Array.from({ length: outputs }, (_, j) =>
      x.reduce((sum, value, i) => sum + value * weights[at + i * outputs + j], weights[bias + j]),
    );
    if (layer + 2 < sizes.length) x = x.map((value) => Math.max(0, value));
    at = bias + outputs;
  }
  return x;
}
