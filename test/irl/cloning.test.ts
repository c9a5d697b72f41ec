import { expect, it } from "vitest";
import { keyFromSeed, streamOf, transitionCount, type TrainingRecord } from "../../src/core/index.ts";
import {
  bcIteration,
  createBc,
  createDagger,
  daggerIteration,
  type Bc,
  type BcOptions,
  type Dagger,
} from "../../src/irl/index.ts";
import { drawIndices, policyTensors, type SacOptions } from "../../src/rl/index.ts";
import { describeBuilds, download } from "../kernels/builds.ts";
import { checksum, expectClose } from "../reference/closeness.ts";
import { pointEnvironment, stepsIn } from "../reference/point-environment.ts";
import { SAC, walking, wayTo } from "./walking.ts";

const KEY = keyFromSeed(4);
const BASE: BcOptions = { sac: { ...SAC, hidden: [8], batchSize: 8 }, weightDecay: 0 };
/** BASE with some of its policy's options changed. */
const sac = (changed: Partial<SacOptions>): Partial<BcOptions> => ({ sac: { ...BASE.sac, ...changed } });
/** Straight to the origin, in the environment's units. */
const teacher = ([x]: Float64Array, action: Float32Array): void => {
  action[0] = Math.max(-0.25, Math.min(0.25, -x));
};

describeBuilds("behavioural cloning", (kernels) => {
  const make = (options: Partial<BcOptions> = {}): Bc =>
    createBc(kernels, pointEnvironment(), walking(), { ...BASE, ...options }, KEY);
  const learn = (state: Bc, updates: number): TrainingRecord[] => {
    const records: TrainingRecord[] = [];
    while (state.agent.steps < updates)
      bcIteration(
        kernels,
        state,
        updates,
        (record) => records.push(record),
        () => 0,
      );
    return records;
  };
  const learnt = ({ agent }: Bc): number =>
    checksum(Object.values(policyTensors(agent.policy)).map(([at, length]) => download(kernels, at, length)));

  it("learns from the demonstrated steps, in policy units, and from nothing else", () => {
    const environment = pointEnvironment();
    const demonstrations = walking();
    const state = createBc(kernels, environment, demonstrations, BASE, KEY);
    learn(state, 1500);
    expect(stepsIn(environment)).toBe(0);
    const count = transitionCount(demonstrations);
    expect(state.steps).toEqual({ train: 0, rewardRollout: 0, evaluation: 0, expert: count });
    const { rows, stride, added } = state.agent.replay;
    expect(added).toBe(count);
    const { observations, actions, nextObservations, terminated } = demonstrations;
    for (const t of [0, 17, count - 1]) {
      expectClose(
        download(kernels, rows + 4 * t * stride, stride),
        [
          ...observations.subarray(2 * t, 2 * t + 2),
          Math.fround(4 * actions[t]),
          ...nextObservations.subarray(2 * t, 2 * t + 2),
          terminated[t],
        ],
        1e-6,
      );
    }
  });

  it("reports the mean likelihood of its batches, every thousand updates", () => {
    const records = learn(make(), 1500);
    expect(records.map(({ kind, step }) => [kind, step])).toEqual([
      ["cloning", 1000],
      ["cloning", 1500],
    ]);
    const [first, second] = records as Extract<TrainingRecord, { kind: "cloning" }>[];
    expect(second.updates).toBe(1500);
    expect(second.logLikelihood).toBeGreaterThan(first.logLikelihood);
  });

  it("reports a mean over updates", () => {
    const [whole, parts] = [make(), make()];
    const [both, first, second] = [learn(whole, 2), learn(parts, 1), learn(parts, 2)].map(
      ([record]) => (record as Extract<TrainingRecord, { kind: "cloning" }>).logLikelihood,
    );
    expect(both).toBeCloseTo((first + second) / 2, 12);
  });

  it("obeys each of its options", () => {
    const outcomes = [{}, { weightDecay: 0.5 }, sac({ batchSize: 4 }), sac({ learningRate: 1e-3 })].map(
      (options) => {
        const state = make(options);
        learn(state, 20);
        return learnt(state);
      },
    );
    expect(new Set(outcomes).size).toBe(outcomes.length);
  });

  it("walks as it is shown", () => {
    const state = make();
    learn(state, 4000);
    expect(wayTo(kernels, state.agent.policy)).toBeGreaterThan(0.9);
  });
});

describeBuilds("DAgger", (kernels) => {
  const make = (labels: number, answer = teacher): Dagger =>
    createDagger(kernels, pointEnvironment(), answer, walking(), { ...BASE, labels }, KEY);
  const learn = (state: Dagger, steps: number): TrainingRecord[] => {
    const records: TrainingRecord[] = [];
    while (state.agent.steps < steps)
      daggerIteration(
        kernels,
        state,
        steps,
        (record) => records.push(record),
        () => 0,
      );
    return records;
  };

  it("keeps the states it visits beside what the teacher would have done there", () => {
    const environment = pointEnvironment();
    const state = createDagger(kernels, environment, teacher, walking(), { ...BASE, labels: 40 }, KEY);
    const expert = state.steps.expert;
    learn(state, 40);
    expect(state.steps).toEqual({ train: 40, rewardRollout: 0, evaluation: 0, expert: expert + 40 });
    const { rows, stride } = state.agent.replay;
    const visited = environment.log.flatMap(({ observations }) => observations);
    const acted = environment.log.flatMap(({ actions }) => actions);
    for (let t = 0; t < 40; t++) {
      const [x, last, answer, next] = download(kernels, rows + 4 * (expert + t) * stride, stride);
      expectClose([x, last], visited[t], 1e-6);
      expectClose([answer], [Math.max(-1, Math.min(1, -4 * x))], 1e-6);
      // It went where its own action led, not where the teacher's would have.
      expectClose([next], [x + acted[t][0]], 1e-6);
    }
    expect(
      acted.some(([a], t) => Math.abs(4 * a - Math.max(-1, Math.min(1, -4 * visited[t][0]))) > 0.1),
    ).toBe(true);
  });

  it("makes one update a step, on a batch of demonstrations and labels", () => {
    const state = make(100);
    learn(state, 60);
    expect(state.agent.policy.updates).toBe(60);
    // Its last batch again: rows of either origin, drawn evenly.
    const { policy, replay } = state.agent;
    const { size, stride, rows } = policy.room.batch;
    const again = { ...streamOf(policy.key), epochKey: policy.epochKey };
    again.counter = policy.counter - size / 2;
    const indices = kernels.allocate(size);
    drawIndices(kernels, again, size, indices, replay.added);
    const drawn = Array.from(kernels.u32(indices, size));
    drawn.forEach((index, i) =>
      expect(download(kernels, rows + 4 * i * stride, stride)).toEqual(
        download(kernels, replay.rows + 4 * index * stride, stride),
      ),
    );
    expect(replay.added).toBe(transitionCount(walking()) + 60);
  });

  it("learns to do as the teacher says, not as the demonstrations show", () => {
    // The other way: from the origin to the edge.
    const away = make(3000, ([x], action) => {
      action[0] = x > 0 ? 0.25 : -0.25;
    });
    const straight = make(3000);
    learn(away, 3000);
    const records = learn(straight, 3000);
    expect(wayTo(kernels, straight.agent.policy)).toBeGreaterThan(0.9);
    expect(wayTo(kernels, away.agent.policy)).toBeLessThan(0);
    expect(new Set(records.map(({ kind }) => kind))).toEqual(new Set(["cloning", "episode"]));
  });
});
