import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { episodeCount, sliceEpisodes, type Trajectories } from "../../src/core/index.ts";
import { fromGymnasiumSpec, toGymnasiumSpec } from "../../src/demos/gymnasium-spec.ts";
import { createHdf5Writer } from "../../src/demos/hdf5-writer.ts";
import { openDemonstrations, readDemonstrations } from "../../src/demos/index.ts";
import { createMinariSink } from "../../src/demos/minari-sink.ts";
import { parsePythonJson, pythonJson } from "../../src/demos/python-json.ts";
import { environmentIds, makeEnvironment } from "../../src/envs/index.ts";
import { anyTrajectories, countingEpisodes, golden } from "./recordings.ts";

const folder = mkdtempSync(join(tmpdir(), "tandem-minari-"));
afterAll(() => rmSync(folder, { recursive: true }));

let made = 0;
const newPlace = (): string => join(folder, `set-${made++}-v0`);

async function write(
  path: string,
  trajectories: Trajectories,
  metadata: Record<string, unknown>,
): Promise<void> {
  const sink = await createMinariSink(path, metadata);
  await sink.append(trajectories);
  await sink.finish();
}

function descriptionOf(path: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(path, "data", "metadata.json"), "utf8")) as Record<string, unknown>;
}

/** A space but for its type of number. */
function bounds(text: unknown): unknown {
  return { ...(parsePythonJson(text as string) as object), dtype: null };
}

describe("data sets that Minari wrote", () => {
  type Expected = Record<keyof Trajectories | "lengths", number[]>;
  const { sets } = JSON.parse(readFileSync(golden("hdf5/expected.json"), "utf8")) as {
    sets: Record<string, Expected>;
  };

  test.each(Object.keys(sets))("%s holds the values that Python finds in it", async (name) => {
    const { trajectories, layout } = await readDemonstrations(golden(`hdf5/${name}`));
    const { lengths, ...columns } = sets[name];
    const starts = lengths.map((_, episode) => lengths.slice(0, episode).reduce((a, b) => a + b, 0));
    const rows = lengths.reduce((a, b) => a + b, 0);
    expect(layout).toBe("minari");
    expect([...trajectories.episodeStarts]).toEqual([...starts, rows]);
    expect(trajectories.observationSize * rows).toBe(columns.observations.length);
    for (const [column, values] of Object.entries(columns))
      expect([...(trajectories[column as "rewards"] ?? [])], column).toEqual(values);
  });

  test("the environment and its options come from env_spec, under our names", async () => {
    const hopper = await readDemonstrations(golden("hdf5/hopper-v0"));
    expect(hopper.env).toBe("Hopper-v5");
    // Its healthy_z_range reaches to infinity, for which JSON has no word.
    expect(hopper.metadata.envOptions).toEqual({ controlCostWeight: 0.01, maxEpisodeSteps: 8 });
    expect(hopper.metadata.algorithm_name).toBe("random");
    expect(hopper.warnings).toEqual([
      "Options of the environment that are not finite were left out: healthyZRange.",
    ]);
    const cartPole = await readDemonstrations(golden("hdf5/cartpole-v0"));
    expect([cartPole.env, cartPole.metadata.envOptions]).toEqual(["CartPole-v1", { maxEpisodeSteps: 11 }]);
    const old = await readDemonstrations(golden("hdf5/minari-0.4.hdf5"));
    expect([old.env, old.metadata.envOptions]).toEqual(["CartPole-v1", {}]);
    expect(old.warnings).toEqual(["Infos that were not read: angle."]);
  });

  test("of a Dict the key observation is taken; an episode without an end mark is taken as cut", async () => {
    expect((await readDemonstrations(golden("hdf5/dict-v0"))).warnings).toEqual([
      "Observations are a Dict: its key observation was read, without desired_goal.",
      "Episodes without an end mark: taken as cut there (truncated).",
    ]);
  });

  test("an episode is read by itself, from the folder, its data or the file", async () => {
    const whole = (await readDemonstrations(golden("hdf5/cartpole-v0"))).trajectories;
    for (const inside of ["", "data", "data/main_data.hdf5"]) {
      const file = await openDemonstrations(golden(join("hdf5/cartpole-v0", inside)));
      expect(file.env).toBe("CartPole-v1");
      const second = await file.readEpisodes(1, 2);
      expect(second.observations).toEqual(whole.observations.slice(11 * 4));
      expect(second.terminated.at(-1)).toBe(1);
      await file.close();
    }
  });

  test.each([
    ["no-steps", /expected at least one episode with a step/],
    ["no-final-observation", /episode_0\/observations must have 4 rows for 3 steps, got shape \[3, 2\]/],
    ["tuple", /a Dict with the key observation, got one with the keys _index_0, _index_1; flatten them/],
  ])("%s is refused", async (name, message) => {
    const read = readDemonstrations(golden(`hdf5/refused/${name}.hdf5`));
    await expect(read).rejects.toThrow(message);
    await expect(read).rejects.toThrow(/^readDemonstrations: \S+\.hdf5: [^\n]+$/);
  });

  test("a description that lies, is damaged, or speaks of JPEG images", async () => {
    const path = newPlace();
    await write(path, countingEpisodes([2, 3]), {});
    const description = join(path, "data", "metadata.json");
    const given = descriptionOf(path);
    writeFileSync(description, JSON.stringify({ ...given, total_episodes: 7 }));
    expect((await readDemonstrations(path)).warnings).toEqual([
      "Its description speaks of 7 episodes, there are 2.",
    ]);
    for (const text of ["{", "[1]", "null"]) {
      writeFileSync(description, text);
      await expect(readDemonstrations(path)).rejects.toThrow(/metadata\.json: expected a JSON object/);
    }
    const frames = Array<number[]>(32).fill(Array<number>(32).fill(0));
    const space = {
      type: "Box",
      dtype: "uint8",
      shape: [32, 32],
      low: frames,
      high: frames.map((row) => row.map(() => 255)),
    };
    const described = { ...given, tandem: undefined, observation_space: pythonJson(space) };
    writeFileSync(description, JSON.stringify(described));
    await expect(readDemonstrations(path)).rejects.toThrow(
      /JPEG images, .* save it with jpeg_encoding=False/,
    );
    writeFileSync(description, JSON.stringify({ ...described, jpeg_encoding: false }));
    expect((await readDemonstrations(path)).trajectories.observationSize).toBe(2);
  });

  test("an episode that differs from the others in width, or lacks a column, is refused by its name", async () => {
    const path = join(folder, "uneven.hdf5");
    const writer = await createHdf5Writer(path, path);
    for (const [episode, width] of [1, 2].entries()) {
      const group = `episode_${episode}`;
      writer.group(group);
      writer.dataset(`${group}/observations`, new Float32Array(3 * width), [3, width]);
      writer.dataset(`${group}/actions`, new Float32Array(2), [2, 1]);
      for (const flags of ["terminations", "truncations"])
        writer.dataset(`${group}/${flags}`, new Uint8Array(2), [2]);
    }
    writer.finish();
    const file = await openDemonstrations(path);
    expect(file.hasRewards).toBe(false);
    expect((await file.readEpisodes(0, 1)).rewards).toBeNull();
    await expect(file.readEpisodes(0, 2)).rejects.toThrow(
      /uneven\.hdf5: episode_1\/observations must have 1 columns/,
    );
    await file.close();
  });
});

describe("a data set of ours", () => {
  /** Minari has no place for a next observation that is not the following one, nor for an end without a mark. */
  const anyMinari = anyTrajectories.map((trajectories): Trajectories => {
    const { observations, nextObservations, observationSize, episodeStarts } = trajectories;
    const next = nextObservations.slice();
    const truncated = trajectories.truncated.slice();
    for (let episode = 0; episode + 1 < episodeStarts.length; episode++) {
      const [start, end] = [episodeStarts[episode], episodeStarts[episode + 1]];
      next.set(
        observations.subarray((start + 1) * observationSize, end * observationSize),
        start * observationSize,
      );
      truncated[end - 1] ||= +!trajectories.terminated[end - 1];
    }
    return { ...trajectories, nextObservations: next, truncated };
  });

  test("whatever is written is read back bit for bit, whole and by episodes", async () => {
    await fc.assert(
      fc.asyncProperty(anyMinari, async (trajectories) => {
        const path = newPlace();
        await write(path, trajectories, { env: "Any-v0" });
        const file = await openDemonstrations(path);
        const episodes = episodeCount(trajectories);
        expect(await file.readEpisodes(0, episodes)).toEqual(trajectories);
        const last = await file.readEpisodes(episodes - 1, episodes);
        const expected = sliceEpisodes(trajectories, episodes - 1, episodes);
        expect(last.observations).toEqual(expected.observations.slice());
        expect(last.rewards).toEqual(expected.rewards?.slice() ?? null);
        expect([file.warnings, file.format, file.env]).toEqual([[], "minari", "Any-v0"]);
        await file.close();
        rmSync(path, { recursive: true });
      }),
      { numRuns: 25 },
    );
  });

  test("long episodes, which are compressed, and episodes in parts", async () => {
    const path = newPlace();
    const long = countingEpisodes([30_000, 3]);
    const sink = await createMinariSink(path, {});
    await sink.append(sliceEpisodes(long, 0, 1));
    await sink.append(sliceEpisodes(long, 1, 2));
    await sink.finish();
    await sink.abandon();
    const { trajectories } = await readDemonstrations(path);
    expect(trajectories).toEqual(long);
    expect(descriptionOf(path)).toMatchObject({ total_episodes: 2, total_steps: 30_003 });
  });

  test("metadata are kept; Minari finds the environment and its spaces in its own words", async () => {
    const path = newPlace();
    const metadata = {
      env: "CartPole-v1",
      envOptions: { suttonBartoReward: true, maxEpisodeSteps: 20 },
      note: "é",
    };
    const poles: Trajectories = {
      ...countingEpisodes([3]),
      observationSize: 4,
      observations: Float32Array.from({ length: 12 }, (_, at) => at),
      nextObservations: Float32Array.from({ length: 12 }, (_, at) => at + 4),
      actions: Float32Array.of(0, 1, 1),
    };
    await write(path, poles, metadata);
    const read = await readDemonstrations(path);
    expect(read.metadata).toEqual(metadata);
    expect(read.trajectories.actions).toEqual(poles.actions);
    const { action_space, observation_space, env_spec, dataset_id, minari_version } = descriptionOf(path);
    expect(JSON.parse(action_space as string)).toEqual({ type: "Discrete", dtype: "int64", start: 0, n: 2 });
    expect(parsePythonJson(observation_space as string)).toMatchObject({
      type: "Box",
      dtype: "float32",
      shape: [4],
      high: [expect.closeTo(4.8, 6), Infinity, expect.closeTo(0.4189, 4), Infinity],
    });
    expect(JSON.parse(env_spec as string)).toMatchObject({
      id: "CartPole-v1",
      entry_point: "gymnasium.envs.classic_control.cartpole:CartPoleEnv",
      max_episode_steps: 20,
      kwargs: { sutton_barto_reward: true },
    });
    expect([dataset_id, minari_version]).toEqual([path.split("/").at(-1), "0.5.0"]);
  });

  test("below Minari's own folder it is named by its place there", async () => {
    const before = process.env.MINARI_DATASETS_PATH;
    process.env.MINARI_DATASETS_PATH = folder;
    try {
      mkdirSync(join(folder, "name", "space"), { recursive: true });
      const path = join(folder, "name", "space", "set-v7");
      await write(path, countingEpisodes([2]), {});
      expect(descriptionOf(path).dataset_id).toBe("name/space/set-v7");
    } finally {
      if (before === undefined) delete process.env.MINARI_DATASETS_PATH;
      else process.env.MINARI_DATASETS_PATH = before;
    }
  });

  test("actions that are none of a discrete space are refused", async () => {
    const sink = await createMinariSink(newPlace(), { env: "CartPole-v1" });
    await expect(
      sink.append({ ...countingEpisodes([3]), actions: Float32Array.of(0, 1, 2) }),
    ).rejects.toThrow(
      /episode_0\/actions must be whole numbers from 0 to 1, as its space is discrete, got 2 in row 2/,
    );
    await sink.abandon();
  });

  test("an unknown environment has unbounded spaces and no env_spec; the name gets a version", async () => {
    const path = join(folder, "counting episodes");
    await write(path, countingEpisodes([2]), { env: "Counting-v0" });
    const { env_spec, dataset_id, action_space } = descriptionOf(path);
    expect([env_spec, dataset_id]).toEqual([undefined, "counting-episodes-v0"]);
    expect(parsePythonJson(action_space as string)).toMatchObject({ low: [-Infinity], high: [Infinity] });
  });

  test("read from Minari and written again, spaces and env_spec are Minari's own", async () => {
    for (const name of ["hopper-v0", "cartpole-v0"]) {
      const theirs = await readDemonstrations(golden(`hdf5/${name}`));
      const path = newPlace();
      await write(path, theirs.trajectories, { ...theirs.metadata });
      const ours = await readDemonstrations(path);
      expect(ours.trajectories).toEqual(theirs.trajectories);
      expect(ours.metadata).toEqual(theirs.metadata);
      const [before, after] = [descriptionOf(golden(`hdf5/${name}`)), descriptionOf(path)];
      expect(after.env_spec).toBe(before.env_spec);
      expect(bounds(after.observation_space)).toEqual(bounds(before.observation_space));
      expect(bounds(after.action_space)).toEqual(bounds(before.action_space));
    }
  });

  test("next observations that are not the following ones are refused", async () => {
    const broken = countingEpisodes([3]);
    broken.nextObservations[0]++;
    const sink = await createMinariSink(newPlace(), {});
    await expect(sink.append(broken)).rejects.toThrow(
      /each next observation must be the following observation/,
    );
    await sink.abandon();
  });

  test("nothing is left of what is abandoned; what exists is not replaced", async () => {
    const place = join(folder, "place");
    mkdirSync(place);
    const abandoned = await createMinariSink(join(place, "a-v0"), {});
    await abandoned.append(countingEpisodes([2]));
    await abandoned.abandon();
    await abandoned.abandon();
    const empty = await createMinariSink(join(place, "b-v0"), {});
    await expect(empty.finish()).rejects.toThrow(
      /^writeDemonstrations: .*b-v0: expected at least one episode/,
    );
    expect(readdirSync(place)).toEqual([]);
    await expect(createMinariSink(place, {})).rejects.toThrow(
      /place: exists already; remove it or name another/,
    );
    await expect(createMinariSink(join(place, "c.hdf5"), {})).rejects.toThrow(
      /expected a folder .* leave out the ending/,
    );
    await expect(createMinariSink(join(place, "none", "d"), {})).rejects.toThrow(
      /cannot be written \(ENOENT\)/,
    );
    expect(readdirSync(place)).toEqual([]);
  });
});

describe("Gymnasium's specifications", () => {
  test("options go to keyword arguments and back", () => {
    const named = {
      env: "InvertedDoublePendulum-v5",
      envOptions: {
        frameSkip: 3,
        controlCostWeight: 1,
        healthyZRange: [0.5, Infinity],
        rewardDistanceWeight: 2,
      },
    };
    const spec = toGymnasiumSpec(named)!;
    expect(parsePythonJson(spec)).toMatchObject({
      entry_point: "gymnasium.envs.mujoco.inverted_double_pendulum_v5:InvertedDoublePendulumEnv",
      max_episode_steps: 1000,
      kwargs: { frame_skip: 3, ctrl_cost_weight: 1, healthy_z_range: [0.5, Infinity], reward_dist_weight: 2 },
    });
    expect(fromGymnasiumSpec(spec)).toEqual(named);
    const shorter = { env: "Reacher-v5", envOptions: { maxEpisodeSteps: 51 } };
    expect(fromGymnasiumSpec(toGymnasiumSpec(shorter)!)).toEqual(shorter);
    expect(fromGymnasiumSpec(toGymnasiumSpec({ ...shorter, envOptions: {} })!)).toEqual({
      ...shorter,
      envOptions: {},
    });
  });

  const tasks = environmentIds().filter((id) => /-v[45]$/.test(id));

  test.each(tasks)(
    "%s with every option at its default is Gymnasium's, but for larger margins",
    async (env) => {
      const made = await makeEnvironment(env);
      made.close();
      const { options, maxEpisodeSteps } = made;
      const spec = (envOptions: Record<string, unknown>) => toGymnasiumSpec({ env, envOptions }, options);
      const summed = "contactMargins" in options! ? { ...options, contactMargins: "summed" } : options!;
      expect(parsePythonJson(spec(summed)!)).toMatchObject({
        id: env,
        max_episode_steps: maxEpisodeSteps,
        kwargs: {},
      });
      expect(spec({ ...options, contactMargins: "larger" })).toBeNull();
      expect(spec({ ...options, wind: 1 })).toBeNull();
      expect(spec({ ...summed, frameSkip: 9 }) === null).toBe(env.endsWith("-v4"));
    },
  );

  test("a recording of ours, whose options are all named, is made again by Gymnasium", async () => {
    const { trajectories, metadata } = await readDemonstrations("demonstrations/hopper-v5-tandem-sac.npz");
    const path = newPlace();
    await write(path, trajectories, metadata);
    expect(Object.keys(metadata.envOptions as object).length).toBeGreaterThan(10);
    expect(fromGymnasiumSpec(descriptionOf(path).env_spec as string)).toEqual({
      env: "Hopper-v5",
      envOptions: {},
    });
    expect((await readDemonstrations(path)).metadata).toEqual(metadata);
    const options = { ...(metadata.envOptions as object), controlCostWeight: 0.002 };
    const changed = newPlace();
    await write(changed, trajectories, { ...metadata, envOptions: options });
    expect(fromGymnasiumSpec(descriptionOf(changed).env_spec as string)?.envOptions).toEqual({
      controlCostWeight: 0.002,
    });
  });

  test("what v4 takes is given to it, what it does not take is refused", () => {
    const doubled = toGymnasiumSpec({ env: "Hopper-v4", envOptions: { healthyReward: 2 } });
    expect(fromGymnasiumSpec(doubled!)?.envOptions).toEqual({ healthyReward: 2 });
    for (const refused of [
      { env: "Reacher-v4", envOptions: { resetNoiseScale: 1 } },
      { env: "Ant-v4", envOptions: { includeCfrcExtInObservation: true } },
      { env: "Ant-v4", envOptions: { contactCostWeight: 1 } },
      { env: "Ant-v4", envOptions: { forwardRewardWeight: 2 } },
      { env: "Humanoid-v4", envOptions: { contactCostWeight: 1 } },
      { env: "Walker2d-v4", envOptions: { healthyStateRange: [-1, 1] } },
      { env: "InvertedPendulum-v5", envOptions: { terminateWhenUnhealthy: false } },
    ])
      expect(toGymnasiumSpec(refused)).toBeNull();
  });

  test("what Gymnasium has not is not given as its own; what names no environment is none", () => {
    expect(toGymnasiumSpec({ env: "GridWorld-v0", envOptions: {} })).toBeNull();
    expect(toGymnasiumSpec({ env: "Hopper-v3", envOptions: {} })).toBeNull();
    expect(toGymnasiumSpec({ env: "Hopper-v5", envOptions: { gravityScale: 2 } })).toBeNull();
    for (const text of ["", "{", "null", "[]", '{"kwargs": {}}', '"Hopper-v5"'])
      expect(fromGymnasiumSpec(text)).toBeNull();
    expect(fromGymnasiumSpec('{"id": "A-v0", "kwargs": {"render_mode": "human", "a_b": NaN}}')).toEqual({
      env: "A-v0",
      envOptions: { aB: null },
    });
  });

  test("JSON as Python writes it, strings untouched", () => {
    const text = '{"a": [-Infinity, Infinity, NaN], "say \\"NaN\\"": "-Infinity, NaN"}';
    const value = { a: [-Infinity, Infinity, null], 'say "NaN"': "-Infinity, NaN" };
    expect(parsePythonJson(text)).toEqual(value);
    expect(parsePythonJson(pythonJson(value))).toEqual(value);
    fc.assert(
      fc.property(fc.jsonValue(), (any) => {
        expect(JSON.parse(pythonJson(any))).toEqual(JSON.parse(JSON.stringify(any)));
      }),
    );
  });
});
