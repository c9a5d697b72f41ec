import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { keyFromSeed, nextInteger, nextUniform, streamOf, TandemError } from "../../src/core/index.ts";
import {
  type Environment,
  type VectorEnvironment,
  makeEnvironment,
  makeVectorEnvironment,
  vectorEpisodeSeed,
} from "../../src/envs/index.ts";

/** Seed of every batch here. */
const SEED = 5;

/** The threads started in a test. */
let threads: Worker[] = [];
const collect = (thread: Worker): void => void threads.push(thread);
beforeEach(() => {
  threads = [];
  process.on("worker", collect);
});
afterEach(() => void process.off("worker", collect));

/** Actions of [steps, count * d], of which some in a box lie out of bounds. */
function drawActions({ actionSpace, count }: VectorEnvironment, steps: number): Float64Array[] {
  const stream = streamOf(keyFromSeed(17));
  const draw = (): number =>
    actionSpace.kind === "box" ? 2.4 * nextUniform(stream) - 1.2 : nextInteger(stream, actionSpace.count);
  const width = actionSpace.kind === "box" ? actionSpace.size : 1;
  return Array.from({ length: steps }, () => Float64Array.from({ length: count * width }, draw));
}

/** What one environment of a batch gives in a step, and where it is then. */
interface Row {
  observation: number[];
  nextObservation: number[];
  reward: number;
  terminated: number;
  truncated: number;
}

/** All that one environment gives: its observation at the start and its rows. */
interface Run {
  first: number[];
  rows: Row[];
}

/** Environment `index` of a batch, run by itself under its own actions. */
async function runAlone(
  id: string,
  options: Record<string, unknown>,
  index: number,
  actions: readonly Float64Array[],
): Promise<Run> {
  const environment = await makeEnvironment(id, options);
  let episodes = 0;
  const begin = (): number[] =>
    Array.from(environment.reset({ seed: vectorEpisodeSeed(SEED, index, episodes++) }).observation);
  const first = begin();
  const rows = actions.map((action) => {
    const { observation, reward, terminated, truncated } = environment.step(action);
    const nextObservation = Array.from(observation);
    return {
      observation: terminated || truncated ? begin() : nextObservation,
      nextObservation,
      reward,
      terminated: Number(terminated),
      truncated: Number(truncated),
    };
  });
  environment.close();
  return { first, rows };
}

const rowOf = (column: Float64Array, index: number, count: number): number[] => {
  const width = column.length / count;
  return Array.from(column.subarray(index * width, (index + 1) * width));
};

/** The runs of all environments of a batch. */
function runTogether(vector: VectorEnvironment, actions: readonly Float64Array[]): Run[] {
  const { count } = vector;
  const start = vector.reset();
  const runs = Array.from({ length: count }, (_, i) => ({
    first: rowOf(start, i, count),
    rows: [] as Row[],
  }));
  for (const action of actions) {
    const step = vector.step(action);
    for (const [i, { rows }] of runs.entries()) {
      rows.push({
        observation: rowOf(step.observations, i, count),
        nextObservation: rowOf(step.nextObservations, i, count),
        reward: step.rewards[i],
        terminated: step.terminated[i],
        truncated: step.truncated[i],
      });
    }
  }
  return runs;
}

describe("a batch of environments", () => {
  it("without workers needs no shared memory, which pages of browsers seldom have", async () => {
    vi.stubGlobal("SharedArrayBuffer", undefined);
    try {
      const vector = await makeVectorEnvironment("CartPole-v1", {}, { count: 2, seed: SEED });
      vector.reset();
      expect([...vector.step([0, 1]).rewards]).toEqual([1, 1]);
    } finally {
      vi.unstubAllGlobals();
    }
  });

  it.for([
    { id: "HalfCheetah-v5", options: { maxEpisodeSteps: 12 }, count: 5, workers: [0, 1, 3] },
    { id: "Hopper-v5", options: {}, count: 5, workers: [0, 2] },
    { id: "CartPole-v1", options: { maxEpisodeSteps: 20 }, count: 4, workers: [0, 9] },
    { id: "GridWorld-v0", options: { slip: 0.4, maxEpisodeSteps: 9 }, count: 3, workers: [0] },
  ])("of $id is each by itself, with any number of workers", async ({ id, options, count, workers }) => {
    const expected: Run[] = [];
    for (const asked of workers) {
      const vector = await makeVectorEnvironment(id, options, { count, seed: SEED, workers: asked });
      expect([vector.count, vector.workers]).toEqual([count, Math.min(asked, count - 1)]);
      const actions = drawActions(vector, 45);
      for (let i = expected.length; i < count; i++) {
        const own = actions.map((action) => Float64Array.from(rowOf(action, i, count)));
        expected.push(await runAlone(id, options, i, own));
      }
      expect(runTogether(vector, actions)).toEqual(expected);
      await vector.close();
    }
    const ends = expected.map(({ rows }) => rows.filter((row) => row.terminated || row.truncated).length);
    expect(Math.min(...ends)).toBeGreaterThan(0);
  });

  it("shows what terminated and what was cut, with the last observation kept", async () => {
    const vector = await makeVectorEnvironment(
      "CartPole-v1",
      { maxEpisodeSteps: 30 },
      { count: 2, seed: SEED },
    );
    vector.reset();
    const seen = { terminated: 0, truncated: 0 };
    for (let t = 0; t < 90; t++) {
      const { observations, nextObservations, terminated, truncated } = vector.step([1, t % 2]); // one tips over, one sways
      for (const i of [0, 1]) {
        const [now, next] = [observations, nextObservations].map((column) => rowOf(column, i, 2));
        seen.terminated += terminated[i];
        seen.truncated += truncated[i];
        if (terminated[i] || truncated[i]) {
          expect(Math.max(...now.map(Math.abs))).toBeLessThan(0.05);
          expect(Math.abs(next[2]) > 0.2095).toBe(terminated[i] === 1);
          expect(now).not.toEqual(next);
        } else expect(now).toEqual(next);
      }
    }
    expect(seen.terminated).toBeGreaterThan(7);
    expect(seen.truncated).toBeGreaterThan(0);
    await vector.close();
  });

  it("begins new episodes at each reset, from seeds that all differ", async () => {
    const vector = await makeVectorEnvironment("CartPole-v1", {}, { count: 3, seed: SEED });
    const single = await makeEnvironment("CartPole-v1");
    const starts = new Set<string>();
    for (let episode = 0; episode < 4; episode++) {
      const observations = vector.reset();
      for (let i = 0; i < 3; i++) {
        const seed = vectorEpisodeSeed(SEED, i, episode);
        expect(rowOf(observations, i, 3)).toEqual(Array.from(single.reset({ seed }).observation));
        starts.add(String(rowOf(observations, i, 3)));
      }
    }
    expect(starts.size).toBe(12);
    single.close();
    await vector.close();
  });

  it("writes into the same arrays at every step", async () => {
    const vector = await makeVectorEnvironment("CartPole-v1", {}, { count: 3, seed: SEED });
    const observations = vector.reset();
    const first = vector.step([0, 0, 0]);
    const arrays = [
      first.observations,
      first.nextObservations,
      first.rewards,
      first.terminated,
      first.truncated,
    ];
    const second = vector.step([1, 1, 1]);
    expect(second).toBe(first);
    expect(second.observations).toBe(observations);
    const { nextObservations, rewards, terminated, truncated } = second;
    const after = [second.observations, nextObservations, rewards, terminated, truncated];
    for (const [i, array] of after.entries()) expect(array).toBe(arrays[i]);
    await vector.close();
  });
});

describe("vectorEpisodeSeed", () => {
  it("differs with batch, environment and episode, and is a seed of 53 bits", () => {
    const numbers = Array.from({ length: 12 }, (_, i) => i);
    const seeds = numbers.flatMap((seed) =>
      numbers.flatMap((index) => numbers.map((episode) => vectorEpisodeSeed(seed, index, episode))),
    );
    expect(new Set(seeds).size).toBe(12 ** 3);
    expect(seeds.every((seed) => Number.isSafeInteger(seed) && seed >= 0)).toBe(true);
    expect(Math.max(...seeds)).toBeGreaterThan(2 ** 52);
    expect(seeds.filter((seed) => seed % 2 === 1).length).toBeGreaterThan(12 ** 3 / 3); // the low word counts too
  });
});

describe("an environment that refuses", () => {
  it("is named, and all go on after a reset with the same bits for any number of workers", async () => {
    const histories: unknown[][] = [];
    for (const workers of [0, 2]) {
      // Cheetahs that start at such speeds diverge, some of them soon.
      const vector = await makeVectorEnvironment(
        "HalfCheetah-v5",
        { resetNoiseScale: 10, maxEpisodeSteps: 5 },
        { count: 7, seed: SEED, workers },
      );
      const history: unknown[] = [Array.from(vector.reset())];
      for (const action of drawActions(vector, 30)) {
        try {
          const { observations, nextObservations, rewards } = vector.step(action);
          history.push([observations, nextObservations, rewards].map((column) => Array.from(column)));
        } catch (error) {
          expect(error).toBeInstanceOf(TandemError);
          history.push((error as Error).message);
          expect(() => vector.step(action)).toThrow(/no episodes to continue; call reset first/);
          history.push(Array.from(vector.reset()));
        }
      }
      await vector.close();
      histories.push(history);
    }
    const messages = histories[0].filter((entry) => typeof entry === "string");
    expect(messages[0]).toMatch(
      /^step: environment \d of 7, in its episode \d \(seed \d+\): the simulation of HalfCheetah-v5 diverged; /,
    );
    expect(new Set(messages.map((message) => message.slice(0, 20))).size).toBeGreaterThan(1);
    expect(messages.length).toBeLessThan(30);
    for (const history of histories) expect(history).toEqual(histories[0]);
  });

  it.for([0, 3])("is the one of lowest index, and the others step on; %i workers", async (workers) => {
    const options = { maxEpisodeSteps: 1 }; // every step ends an episode
    const vector = await makeVectorEnvironment("CartPole-v1", options, { count: 4, seed: SEED, workers });
    const single = await makeEnvironment("CartPole-v1");
    const episodes = [0, 0, 0, 0];
    const requireStarts = (observations: Float64Array): void => {
      for (const [i, episode] of episodes.entries()) {
        const { observation } = single.reset({ seed: vectorEpisodeSeed(SEED, i, episode) });
        expect(rowOf(observations, i, 4)).toEqual(Array.from(observation));
        episodes[i]++;
      }
    };
    for (const bad of [[2, 3], [3], [1, 2], [0, 1, 2, 3], [3], [0, 2], [2]]) {
      requireStarts(vector.reset());
      const [named] = bad;
      const seed = vectorEpisodeSeed(SEED, named, episodes[named] - 1);
      const place = `environment ${named} of 4, in its episode ${episodes[named] - 1} (seed ${seed})`;
      const problem = "CartPole-v1 takes a whole number from 0 to 1, got NaN";
      const actions = [0, 1, 2, 3].map((i) => (bad.includes(i) ? NaN : 1));
      expect(() => vector.step(actions)).toThrow(new TandemError("step", `${place}: ${problem}`));
      for (let i = 0; i < 4; i++) if (!bad.includes(i)) episodes[i]++;
    }
    requireStarts(vector.reset());
    requireStarts(vector.step([0, 1, 0, 1]).observations);
    single.close();
    await vector.close();
  });

  it("passes on what is no refusal as it is", async () => {
    const bug = new RangeError("a bug");
    const vector = await makeVectorEnvironment(makeCounter, {}, { count: 2, seed: SEED });
    vector.reset();
    made[1].step = () => {
      throw bug;
    };
    expect(() => vector.step([0, 0])).toThrow(bug);
    await vector.close();
  });
});

/** Environments of one's own, in the order they were made. */
let made: (Environment & { closes: number })[] = [];
beforeEach(() => void (made = []));

/** Counts its steps from the last digit of its seed; ends at `last`. */
function makeCounter({ last = 1e9, size = 1 }: { last?: number; size?: number }): Environment {
  const observation = new Float64Array(size);
  const bounds = { low: new Float64Array(1), high: new Float64Array(1) };
  const result = { observation, reward: 0, terminated: false, truncated: false, info: {} };
  const counter = {
    id: "Counter-v0",
    observationSpace: { kind: "box", size, low: new Float64Array(size), high: new Float64Array(size) },
    actionSpace: { kind: "box", size: 1, ...bounds },
    maxEpisodeSteps: 1e9,
    closes: 0,
    reset({ seed = NaN } = {}) {
      observation[0] = seed % 10;
      return { observation: observation.slice(), info: {} };
    },
    step(action: ArrayLike<number>) {
      const next = observation.slice(); // another array than that of reset
      next[0]++;
      observation.set(next);
      return { ...result, observation: next, reward: action[0], terminated: next[0] >= last };
    },
    setState: () => observation,
    getState: () => ({}),
    close: () => void counter.closes++,
  } satisfies Environment & { closes: number };
  made.push(counter);
  return counter;
}

describe("environments of one's own", () => {
  it("come from a function, with the options given", async () => {
    const vector = await makeVectorEnvironment(makeCounter, { last: 12 }, { count: 3, seed: SEED });
    const episodes = [0, 0, 0];
    const start = (i: number): number => vectorEpisodeSeed(SEED, i, episodes[i]++) % 10;
    let state = [0, 1, 2].map(start);
    expect(Array.from(vector.reset())).toEqual(state);
    for (let t = 0; t < 20; t++) {
      const next = state.map((value) => value + 1);
      const ends = next.map((value) => value >= 12);
      state = next.map((value, i) => (ends[i] ? start(i) : value));
      const actions = [t, 20 + t, 40 + t];
      const { observations, nextObservations, rewards, terminated } = vector.step(actions);
      const columns = [observations, nextObservations, rewards, terminated];
      expect(columns.map((column) => Array.from(column))).toEqual([state, next, actions, ends.map(Number)]);
    }
    expect(Math.min(...episodes)).toBeGreaterThan(1);
    await vector.close();
    await vector.close();
    expect(made.map(({ closes }) => closes)).toEqual([1, 1, 1]);
  });

  it("stay in this thread", async () => {
    const refused = makeVectorEnvironment(makeCounter, {}, { count: 3, seed: SEED, workers: 2 });
    await expect(refused).rejects.toThrow(
      /^makeVectorEnvironment: an environment of your own runs in this thread only.*pass workers: 0, got 2$/,
    );
    expect(made).toEqual([]);
  });

  it("are refused where they are not several of one kind, and closed", async () => {
    const one = makeCounter({});
    await expect(makeVectorEnvironment(() => one, {}, { count: 2, seed: SEED })).rejects.toThrow(
      /must make a new environment at each call/,
    );
    const mixed = (): Environment => makeCounter({ size: made.length });
    await expect(makeVectorEnvironment(mixed, {}, { count: 2, seed: SEED })).rejects.toThrow(
      /have observations and actions of one size, got \[1\] and \[1\], then \[2\] and \[1\]$/,
    );
    const failing = (): Environment => {
      if (made.length > 4) throw new TandemError("makeIt", "there is no more");
      return makeCounter({});
    };
    await expect(makeVectorEnvironment(failing, {}, { count: 9, seed: SEED })).rejects.toThrow(
      "makeIt: there",
    );
    expect(made.every(({ closes }) => closes > 0)).toBe(true);
  });
});

describe("refusals", () => {
  it.for([
    [{ count: 0, seed: 1 }, "takes a whole number from 1 as count, got 0"],
    [{ count: 1.5, seed: 1 }, "takes a whole number from 1 as count, got 1.5"],
    [{ count: 1, seed: -1 }, "takes a whole number from 0 as seed, got -1"],
    [{ count: 2, seed: 1, workers: -1 }, "takes a whole number from 0 as workers, got -1"],
    [{ count: 2, seed: 1, workers: NaN }, "takes a whole number from 0 as workers, got NaN"],
  ] as const)("of %o", async ([settings, problem]) => {
    await expect(makeVectorEnvironment("CartPole-v1", {}, settings)).rejects.toThrow(
      new TandemError("makeVectorEnvironment", problem),
    );
  });

  it("of what makeEnvironment refuses, before a thread is started", async () => {
    const settings = { count: 2, seed: 1, workers: 1 };
    await expect(makeVectorEnvironment("Nonsense-v0", {}, settings)).rejects.toThrow(
      /no environment is called/,
    );
    await expect(makeVectorEnvironment("CartPole-v1", { nonsense: 1 }, settings)).rejects.toThrow(
      /no option/,
    );
    expect(threads).toEqual([]);
  });

  it("of a step before a reset, of actions of another shape, and of all after close", async () => {
    const vector = await makeVectorEnvironment("CartPole-v1", {}, { count: 3, seed: SEED });
    expect(() => vector.step([0, 0, 0])).toThrow("step: the batch of CartPole-v1 has no episodes");
    vector.reset();
    expect(() => vector.step([0, 0])).toThrow(
      "step: 3 of CartPole-v1 take actions of shape [3, 1], 3 numbers, got 2",
    );
    expect(vector.step([0, 0, 0]).rewards[2]).toBe(1);
    await vector.close();
    expect(() => vector.reset()).toThrow("reset: this batch of CartPole-v1 is closed");
    expect(() => vector.step([0, 0, 0])).toThrow("step: this batch of CartPole-v1 is closed");
  });
});

describe("threads", () => {
  it("end at close", async () => {
    const vector = await makeVectorEnvironment("CartPole-v1", {}, { count: 3, seed: SEED, workers: 1 });
    expect(threads.map(({ threadId }) => threadId > 0)).toEqual([true]);
    vector.reset();
    await vector.close();
    expect(threads.map(({ threadId }) => threadId)).toEqual([-1]);
    await vector.close();
  });

  // In a process of its own, which can be ended should it hang.
  it("that die are an error, and those that live do not keep the process", async () => {
    const program = `
      import { once } from "node:events";
      import { makeVectorEnvironment } from ${JSON.stringify(import.meta.resolve("../../src/envs/index.ts"))};
      const threads = [];
      process.on("worker", (thread) => threads.push(thread));
      const vector = await makeVectorEnvironment("CartPole-v1", {}, { count: 5, seed: 1, workers: 2 });
      const attempt = (use) => {
        try {
          use();
        } catch (error) {
          console.log(String(error));
        }
      };
      vector.reset();
      const closed = once(threads[1], "exit");
      void threads[1].terminate();
      attempt(() => {
        for (;;) vector.step(new Float64Array(5)); // the thread may yet carry out some
      });
      await closed;
      setTimeout(() => attempt(() => vector.reset()), 20); // when the event loop knows
    `;
    const node = promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program], {
      timeout: 50_000,
    });
    const problem = "the thread of environments 3 to 4 has ended; close the batch and make a new one";
    expect((await node).stdout).toBe(`TandemError: step: ${problem}\nTandemError: reset: ${problem}\n`);
  });
});

it("nothing here imports Node's modules, so that environments run in a browser", () => {
  const folder = join(import.meta.dirname, "../../src/envs");
  const sources = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".ts"),
  );
  expect(sources.length).toBeGreaterThan(20);
  const importing = sources.filter((name) =>
    /^(import|export) (?!type).*from "node:|(?<!typeof )import\("node:/m.test(
      readFileSync(join(folder, name), "utf8"),
    ),
  );
  expect(importing).toEqual([]);
});
