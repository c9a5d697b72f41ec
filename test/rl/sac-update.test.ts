import { describe, expect, it } from "vitest";
import { keyFromSeed, nextNormal, nextUniform, streamOf } from "../../src/core/index.ts";
import type { Kernels } from "../../src/kernels/index.ts";
import {
  addTransition,
  createAnchor,
  createReplay,
  createSac,
  emptySacMetrics,
  sacTemperature,
  sacUpdate,
  type BatchReward,
  type Replay,
  type Sac,
  type SacOptions,
} from "../../src/rl/index.ts";
import { describeBuilds, download } from "../kernels/builds.ts";
import { float32Tolerance } from "../reference/autodiff.ts";
import { expectClose } from "../reference/closeness.ts";
import { readMlp } from "../reference/mlp.ts";
import {
  emptyMemory,
  update,
  type Learner,
  type Measured,
  type Memory,
  type Row,
  type Setting,
} from "../reference/soft-actor-critic.ts";

const N = 3;
const D = 2;
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

interface Transition {
  observation: number[];
  action: number[];
  nextObservation: number[];
  terminated: boolean;
}

/** Transitions in float32, the first `terminated` of every two ending their episode. */
function transitions(seed: number, endings: "some" | "all" | "none"): Transition[] {
  const stream = streamOf(keyFromSeed(seed));
  const normals = (count: number): number[] =>
    Array.from({ length: count }, () => Math.fround(nextNormal(stream)));
  return Array.from({ length: ROWS }, (_, i) => ({
    observation: normals(N),
    action: Array.from({ length: D }, () => Math.fround(2 * nextUniform(stream) - 1)),
    nextObservation: normals(N),
    terminated: endings === "all" || (endings === "some" && i % 2 === 0),
  }));
}

/** A reward of its own for each update, so that a stored or stale one shows. */
const rewardOf = (update: number, row: ArrayLike<number>): number =>
  Math.fround((1 + update) * (row[0] - 0.5 * row[N + 1]) - 0.3 * update);

const batchReward =
  (kernels: Kernels, update: number): BatchReward =>
  ({ size, rows, stride }, out) => {
    for (let i = 0; i < size; i++)
      kernels.f32(out + 4 * i, 1)[0] = rewardOf(update, kernels.f32(rows + 4 * i * stride, N + D));
  };

function fill(kernels: Kernels, data: readonly Transition[]): Replay {
  const replay = createReplay(kernels, {
    observationSize: N,
    actionSize: D,
    capacity: ROWS,
    keepTrueRewards: false,
  });
  for (const { observation, action, nextObservation, terminated } of data)
    addTransition(kernels, replay, observation, action, nextObservation, terminated, Number.NaN);
  return replay;
}

/** The library's learner as the reference holds it. */
function learnerOf(kernels: Kernels, sac: Sac): Learner {
  const critic = (block: number, which: number): number[] =>
    readMlp(kernels, sac.criticShape, block + 4 * which * sac.criticShape.blockLength);
  return {
    actor: readMlp(kernels, sac.actorShape, sac.actor),
    critics: [critic(sac.critics, 0), critic(sac.critics, 1)],
    targets: [critic(sac.targetCritics, 0), critic(sac.targetCritics, 1)],
    logTemperature: kernels.f32(sac.logTemperature, 1)[0],
  };
}

/** The library's Adam moments, in the reference's order: means, then squares. */
function momentsOf(kernels: Kernels, sac: Sac): number[] {
  const { blockLength } = sac.criticShape;
  const half = (which: 0 | 1): number[] => [
    ...readMlp(kernels, sac.actorShape, sac.actorAdam.moments + 4 * which * sac.actorAdam.length),
    ...[0, 1].flatMap((critic) =>
      readMlp(kernels, sac.criticShape, sac.criticAdam.moments + 4 * (2 * which + critic) * blockLength),
    ),
    kernels.f32(sac.temperatureAdam.moments + 4 * which, 1)[0],
  ];
  return [...half(0), ...half(1)];
}

/** Batch indices and noise of the coming update, drawn as the contract of the kernels has it. */
function drawRows(kernels: Kernels, sac: Sac, data: readonly Transition[], update: number): Row[] {
  const size = sac.options.batchSize;
  const [key0, key1] = sac.key;
  const room = kernels.allocate(size * D);
  kernels.fillIndices(size, room, data.length, key0, key1, sac.counter);
  const indices = [...kernels.u32(room, size)];
  const normals = (counter: number): number[] => {
    kernels.fillNormal(size * D, room, key0, key1, counter);
    return [...download(kernels, room, size * D)];
  };
  const afterIndices = sac.counter + size / 2;
  const nextNoise = normals(afterIndices);
  const noise = normals(afterIndices + (size * D) / 2);
  return indices.map((index, i) => ({
    ...data[index],
    reward: rewardOf(update, [...data[index].observation, ...data[index].action]),
    nextNoise: nextNoise.slice(D * i, D * (i + 1)),
    noise: noise.slice(D * i, D * (i + 1)),
  }));
}

const flat = ({ actor, critics, targets, logTemperature }: Learner): number[] => [
  ...actor,
  ...critics.flat(),
  ...targets.flat(),
  logTemperature,
];
const flatMemory = ({ actor, critics, temperature }: Memory): number[] =>
  (["first", "second"] as const).flatMap((which) => [
    ...actor[which],
    ...critics.flatMap((critic) => critic[which]),
    ...temperature[which],
  ]);

/** Sums over updates, as the library reports them. */
const totals = (measured: readonly Measured[]): number[] =>
  (["criticLoss", "meanQ", "logProb", "reward", "divergence"] as const).map((name) =>
    measured.reduce((total, own) => total + own[name], 0),
  );

const makeSac = (kernels: Kernels, options: SacOptions): Sac =>
  createSac(kernels, N, D, options, keyFromSeed(11));

interface Variant {
  name: string;
  options: Partial<SacOptions>;
  endings: "some" | "all" | "none";
  /** mu of an anchor at another policy; none if absent. */
  coefficient?: number;
}

const VARIANTS: Variant[] = [
  { name: "learnt temperature", options: {}, endings: "some" },
  { name: "fixed temperature", options: { temperature: 0.3 }, endings: "some" },
  { name: "a target entropy of its own", options: { targetEntropy: 0.7 }, endings: "none" },
  { name: "one hidden layer, every row terminated", options: { hidden: [9] }, endings: "all" },
  { name: "held by an anchor", options: {}, endings: "some", coefficient: 0.7 },
  {
    name: "held by an anchor, little entropy",
    options: { temperature: 0.01 },
    endings: "none",
    coefficient: 2,
  },
];

describeBuilds("an update of soft actor-critic", (kernels) => {
  for (const { name, options, endings, coefficient } of VARIANTS) {
    it.each([1, 3])(`agrees with the papers' formulas after %i updates: ${name}`, (updates) => {
      const data = transitions(5, endings);
      const replay = fill(kernels, data);
      const sac = makeSac(kernels, { ...OPTIONS, ...options });
      const start = learnerOf(kernels, sac);
      const other = createSac(kernels, N, D, sac.options, keyFromSeed(12));
      const anchor = coefficient && { coefficient, actor: learnerOf(kernels, other).actor };
      if (coefficient) {
        sac.anchor = createAnchor(kernels, sac.actorShape, other.actor, OPTIONS.batchSize, coefficient);
        // It holds a copy.
        kernels.fill(other.actorShape.blockLength, other.actor, Number.NaN);
      }
      const batches: Row[][] = [];
      const metrics = emptySacMetrics();
      for (let i = 0; i < updates; i++) {
        batches.push(drawRows(kernels, sac, data, i));
        sacUpdate(kernels, sac, replay, batchReward(kernels, i), metrics);
      }
      const setting: Setting = {
        ...sac.options,
        ...(anchor && { anchor }),
        actorSizes: sac.actorShape.sizes,
        criticSizes: sac.criticShape.sizes,
        targetEntropy:
          sac.options.temperature === "learnt"
            ? sac.options.targetEntropy === "auto"
              ? -D
              : sac.options.targetEntropy
            : null,
      };
      const expected = (): number[] => {
        const memory = emptyMemory(start);
        const measured: Measured[] = [];
        let learner = start;
        for (const batch of batches) {
          const next = update(setting, learner, memory, batch);
          measured.push(next.measured);
          learner = next;
        }
        return [...flat(learner), ...flatMemory(memory), ...totals(measured)];
      };
      expect(metrics.updates).toBe(updates);
      const actual = [...flat(learnerOf(kernels, sac)), ...momentsOf(kernels, sac), ...totals([metrics])];
      expectClose(actual, expected(), float32Tolerance(expected));
      expectClose(
        [sacTemperature(kernels, sac)],
        [Math.exp(kernels.f32(sac.logTemperature, 1)[0])],
        2 ** -22,
      );
    });
  }
});

describeBuilds("a fresh soft actor-critic", (kernels) => {
  it("has two different critics, and targets that are copies of them", () => {
    const { critics, targets } = learnerOf(kernels, makeSac(kernels, OPTIONS));
    expect(critics[0]).not.toEqual(critics[1]);
    expect(targets).toEqual(critics);
  });
});

describeBuilds("bootstrapping", (kernels) => {
  /** Both critics after one update on rows that all end as `endings` says. */
  const criticsAfter = (endings: "all" | "none", discount: number, seedOfNext: number): number[][] => {
    const others = transitions(seedOfNext, endings);
    const data = transitions(5, endings).map((row, i) => ({
      ...row,
      nextObservation: others[i].nextObservation,
    }));
    const sac = makeSac(kernels, { ...OPTIONS, discount });
    sacUpdate(kernels, sac, fill(kernels, data), batchReward(kernels, 0), emptySacMetrics());
    return [...learnerOf(kernels, sac).critics];
  };

  it("does not reach past a terminated step: neither discount nor next observation matter", () => {
    const critics = criticsAfter("all", 0.9, 5);
    expect(criticsAfter("all", 0.5, 5)).toEqual(critics);
    expect(criticsAfter("all", 0.9, 6)).toEqual(critics);
  });

  it("reaches past every other step", () => {
    const critics = criticsAfter("none", 0.9, 5);
    expect(criticsAfter("none", 0.5, 5)).not.toEqual(critics);
    expect(criticsAfter("none", 0.9, 6)).not.toEqual(critics);
  });
});

describe("the temperature", () => {
  describeBuilds("fixed", (kernels) => {
    it.each([0, 0.2, 1])("at %d stays there", (temperature) => {
      const sac = makeSac(kernels, { ...OPTIONS, temperature });
      const replay = fill(kernels, transitions(5, "some"));
      for (let i = 0; i < 3; i++) sacUpdate(kernels, sac, replay, batchReward(kernels, i), emptySacMetrics());
      expectClose([sacTemperature(kernels, sac)], [temperature], 8 * 2 ** -24 * temperature);
    });
  });

  describeBuilds("learnt", (kernels) => {
    it("starts at 1, rises while the entropy is below its target and falls while above", () => {
      for (const [targetEntropy, sign] of [
        [50, 1],
        [-50, -1],
      ]) {
        const sac = makeSac(kernels, { ...OPTIONS, targetEntropy });
        expect(sacTemperature(kernels, sac)).toBe(1);
        sacUpdate(
          kernels,
          sac,
          fill(kernels, transitions(5, "some")),
          batchReward(kernels, 0),
          emptySacMetrics(),
        );
        expect(Math.sign(sacTemperature(kernels, sac) - 1)).toBe(sign);
      }
    });
  });
});
