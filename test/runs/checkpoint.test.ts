import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { foldIn, keyFromSeed, nextInteger, SimulationDiverged, streamOf } from "../../src/core/index.ts";
import { makeEnvironment, type Environment } from "../../src/envs/index.ts";
import { evaluate, randomPolicy } from "../../src/eval/index.ts";
import { createMlIrl, mlIrlIteration, type MlIrl } from "../../src/irl/index.ts";
import { loadKernels } from "../../src/kernels/index.ts";
import { addTransition, rollout } from "../../src/rl/index.ts";
import {
  checkpointStep,
  deleteReplay,
  hasCheckpoint,
  readTensors,
  restoreCheckpoint,
  saveCheckpoint,
  takeSnapshot,
  TRAIN_DEFAULTS,
} from "../../src/runs/index.ts";
import { SEGMENT_ROWS } from "../../src/runs/replay-log.ts";
import { writeAtomically } from "../../src/runs/run-folder.ts";
import { decodeSafetensors, encodeSafetensors } from "../../src/runs/safetensors.ts";

const kernels = await loadKernels({ build: "simd" });
const key = keyFromSeed(5);
const environment = await makeEnvironment("HalfCheetah-v5", { maxEpisodeSteps: 30 });
const demonstrations = rollout(environment, randomPolicy(foldIn(key, 0)), 1, foldIn(key, 1));

const options = {
  ...TRAIN_DEFAULTS,
  sac: { ...TRAIN_DEFAULTS.sac, hidden: [8], batchSize: 8 },
  reward: { ...TRAIN_DEFAULTS.reward, network: { kind: "two-layer" as const, width: 16 } },
  startSteps: 20,
  policyStepsPerRewardStep: 25,
  /** Less than the steps taken, so that the oldest transitions are overwritten. */
  replayCapacity: 60,
};

const create = (train: Environment = environment): MlIrl =>
  createMlIrl(kernels, { train, rollout: null }, demonstrations, options, key);

function trainTo(learner: MlIrl, steps: number): void {
  while (learner.agent.steps < steps)
    mlIrlIteration(
      kernels,
      learner,
      steps,
      () => {},
      () => 0,
    );
}

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tandem-checkpoint-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const place = (name: string): string => join(folder, "checkpoint", name);
const STATE = "state.safetensors";
const PREVIOUS = "state.previous.safetensors";
const save = (learner: MlIrl): void =>
  saveCheckpoint(kernels, folder, learner.agent, learner, learner.steps, learner.agent.steps);
const restore = (learner: MlIrl): ReturnType<typeof restoreCheckpoint> =>
  restoreCheckpoint(kernels, folder, learner.agent, learner, learner.steps);
const snapshot = (learner: MlIrl): unknown => takeSnapshot(kernels, learner.agent, learner, learner.steps, 0);

/** A learner with checkpoints at 50 and 100 of its steps, and where a whole training stands after 150. */
function twoCheckpoints(): { learner: MlIrl; whole: unknown } {
  const learner = create();
  trainTo(learner, 50);
  save(learner);
  trainTo(learner, 100);
  save(learner);
  const files = [STATE, PREVIOUS].map((name) => readFileSync(place(name)));
  trainTo(learner, 150);
  const whole = snapshot(learner);
  expect([STATE, PREVIOUS].map((name) => readFileSync(place(name)))).toEqual(files);
  return { learner, whole };
}

function expectGoesOnFrom(step: number, whole: unknown): string | null {
  const again = create();
  const { seconds, fallback } = restore(again);
  expect(seconds).toBe(step);
  expect(again.agent.steps).toBe(step);
  trainTo(again, 150);
  expect(snapshot(again)).toEqual(whole);
  return fallback;
}

describe("a checkpoint", () => {
  it("is gone on with to the bit, its replay overwritten on the way or not", () => {
    const { whole } = twoCheckpoints();
    expect(expectGoesOnFrom(100, whole)).toBeNull();
  });

  it("whose new state never got its name leaves the one before", () => {
    const { whole } = twoCheckpoints();
    rmSync(place(STATE));
    expect(hasCheckpoint(folder)).toBe(true);
    expect(checkpointStep(folder)).toBe(50);
    expect(expectGoesOnFrom(50, whole)).toBeNull();
  });

  it.each([
    ["cut short", (bytes: Buffer) => bytes.subarray(0, bytes.length - 1)],
    ["empty", () => Buffer.alloc(0)],
    ["cut in its header", (bytes: Buffer) => bytes.subarray(0, 40)],
    ["of zeros at its end", (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -64), Buffer.alloc(64)])],
  ])("%s is put aside, and the one before it serves", (_, damage) => {
    const { whole } = twoCheckpoints();
    const damaged = damage(readFileSync(place(STATE)));
    writeFileSync(place(STATE), damaged);
    expect(() => readTensors(folder)).toThrow(
      /state\.safetensors is .*; going on with the run \(--resume\) falls back to the checkpoint before it$/,
    );
    expect(expectGoesOnFrom(50, whole)).toMatch(
      /state\.safetensors is .*damaged.*goes on from the checkpoint before it, step 50$/,
    );
    expect(readFileSync(place("state.damaged.safetensors"))).toEqual(damaged);
  });

  it("with any one bit another is found out, wherever it lies", () => {
    const { learner } = twoCheckpoints();
    const whole = readFileSync(place(STATE));
    const stream = streamOf(keyFromSeed(11));
    const header = 8 + Number(whole.readBigUInt64LE(0));
    const found = { damaged: 0, harmless: 0 };
    for (let i = 0; i < 200; i++) {
      const bytes = Buffer.from(whole);
      const at = nextInteger(stream, i % 2 === 0 ? header : whole.length);
      bytes[at] ^= 1 << nextInteger(stream, 8);
      writeFileSync(place(STATE), bytes);
      const again = create();
      const { fallback } = restore(again);
      expect(again.agent.steps).toBe(fallback === null ? 100 : 50);
      found[fallback === null ? "harmless" : "damaged"]++;
    }
    expect(learner.agent.steps).toBe(150);
    // Blanks that pad the header, and the shape of a flat array, say nothing that is read.
    expect(found.harmless).toBeLessThan(60);
    expect(found.damaged).toBeGreaterThan(140);
  });

  it("with another counter in its state is damaged, though it has the form of a state", () => {
    twoCheckpoints();
    const { arrays, metadata } = decodeSafetensors(readFileSync(place(STATE)), "it");
    const state = metadata.state.replace(
      /"sacCounter":(\d+)/,
      (_, count) => `"sacCounter":${Number(count) + 1}`,
    );
    expect(state).not.toBe(metadata.state);
    writeFileSync(place(STATE), encodeSafetensors(arrays, { ...metadata, state }));
    expect(restore(create()).fallback).toMatch(/damaged: its checksum is another/);
  });

  it("keeps the transitions of the one before, in whichever file they lie", () => {
    const learner = create();
    const { replay } = learner.agent;
    const row = Array.from({ length: 17 }, (_, i) => i);
    const fill = (added: number): void => {
      while (replay.added < added)
        addTransition(kernels, replay, row, [0, 0, 0, 0, 0, 0], row, false, replay.added);
    };
    fill(SEGMENT_ROWS - 10);
    save(learner);
    fill(2 * SEGMENT_ROWS);
    save(learner);
    const newest = readFileSync(place(STATE));
    rmSync(place(STATE));
    const again = create();
    expect(restore(again).fallback).toBeNull();
    expect(again.agent.replay.added).toBe(SEGMENT_ROWS - 10);
    // The same where the newest was damaged when the next one was made.
    writeFileSync(place(STATE), newest.subarray(0, 100));
    fill(3 * SEGMENT_ROWS);
    save(learner);
    rmSync(place(STATE));
    restore(again);
    expect(again.agent.replay.added).toBe(SEGMENT_ROWS - 10);
  });

  it("damaged while the training goes on does not take the place of the good one before it", () => {
    const learner = twoCheckpoints().learner;
    const good = readFileSync(place(PREVIOUS));
    truncateSync(place(STATE), 10);
    save(learner);
    expect(readFileSync(place(PREVIOUS))).toEqual(good);
    const again = create();
    expect(restore(again)).toEqual({ seconds: 150, records: null, fallback: null });
    rmSync(place(STATE));
    expect(restore(create()).seconds).toBe(50);
  });

  it("without another is refused where it is damaged, and so where both are", () => {
    const learner = create();
    trainTo(learner, 50);
    save(learner);
    truncateSync(place(STATE), 100);
    expect(() => restore(create())).toThrow(
      /state\.safetensors is .*damaged; there is no checkpoint before it: the run cannot go on/,
    );
    save(learner);
    save(learner);
    truncateSync(place(STATE), 100);
    truncateSync(place(PREVIOUS), 100);
    expect(() => restore(create())).toThrow(/state\.previous\.safetensors is .*damaged/);
    expect(existsSync(place(STATE))).toBe(true);
  });

  it("whose transitions are damaged is put aside where the one before it does not need them", () => {
    const { whole } = twoCheckpoints();
    const log = join(place("replay"), "000000.f32");
    const bytes = readFileSync(log);
    bytes[bytes.length - 3] ^= 4;
    writeFileSync(log, bytes);
    expect(expectGoesOnFrom(50, whole)).toMatch(/000000\.f32 is damaged: its checksum is another; /);
  });

  it("says what is left where transitions are damaged that both need", () => {
    twoCheckpoints();
    const log = join(place("replay"), "000000.f32");
    const bytes = readFileSync(log);
    bytes[10] ^= 4;
    writeFileSync(log, bytes);
    expect(() => restore(create())).toThrow(
      /000000\.f32 is damaged: its checksum is another; the checkpoint before it is of no use either \(.*000000\.f32 is damaged.*\): the run cannot go on; begin a new one, or use what its states still hold/,
    );
    expect(readdirSync(join(folder, "checkpoint")).sort()).toEqual(["replay", PREVIOUS, STATE].sort());
    expect(Object.keys(readTensors(folder))).toContain("actor");
    // The same where the newest never got its name.
    rmSync(place(STATE));
    expect(() => restore(create())).toThrow(
      /000000\.f32 is damaged: its checksum is another: the run cannot go on; begin a new one/,
    );
  });

  it("of a newer format is no damaged one, whatever lies before it", () => {
    twoCheckpoints();
    const { arrays, metadata } = decodeSafetensors(readFileSync(place(STATE)), "it");
    const state = JSON.stringify({ ...JSON.parse(metadata.state), format: "tandem-checkpoint/3" });
    const newer = encodeSafetensors(arrays, { state });
    writeFileSync(place(STATE), newer);
    expect(() => restore(create())).toThrow(/a newer Tandem made it: use that one/);
    expect(readFileSync(place(STATE))).toEqual(Buffer.from(newer));
  });

  it("that cannot be written leaves both that there are", () => {
    const { learner, whole } = twoCheckpoints();
    const files = [STATE, PREVIOUS].map((name) => readFileSync(place(name)));
    mkdirSync(place(`${STATE}.tmp`));
    expect(() => save(learner)).toThrow(
      /^run folder: cannot write to .*checkpoint: a folder of that name is in the way/,
    );
    rmdirSync(place(`${STATE}.tmp`));
    expect([STATE, PREVIOUS].map((name) => readFileSync(place(name)))).toEqual(files);
    expect(expectGoesOnFrom(100, whole)).toBeNull();
  });

  it("that cannot be read says so in words", () => {
    twoCheckpoints();
    rmSync(place(STATE));
    mkdirSync(place(STATE));
    expect(() => readTensors(folder)).toThrow(/state\.safetensors cannot be read \(EISDIR\)/);
  });

  it("keeps policy and reward, and says so, where its transitions are deleted", () => {
    twoCheckpoints();
    deleteReplay(folder);
    expect(Object.keys(readTensors(folder))).toContain("actor");
    expect(() => restore(create())).toThrow(
      /replay is not there any more; its policy and reward can be used, but the run cannot go on: begin a new one$/,
    );
  });

  it.each([
    [
      "tandem-checkpoint/1",
      /was made by an earlier Tandem \(tandem-checkpoint\/1\); [^;]* cannot go on: begin a new one$/,
    ],
    ["tandem-checkpoint/3", /is of format tandem-checkpoint\/3, expected .*a newer Tandem made it/],
  ])("of format %s is refused with words", (format, message) => {
    const learner = create();
    save(learner);
    const { arrays, metadata } = decodeSafetensors(readFileSync(place(STATE)), "it");
    const state = JSON.stringify({ ...JSON.parse(metadata.state), format, replay: undefined });
    writeFileSync(place(STATE), encodeSafetensors(arrays, { state }));
    expect(() => restore(create())).toThrow(message);
    if (format.endsWith("1")) expect(readTensors(folder)).toEqual(arrays);
    else expect(() => readTensors(folder)).toThrow(message);
  });
});

/** The environment, whose simulation diverges in its steps number `at`, counted from 1 over all episodes. */
function diverging(at: (step: number) => boolean): Environment {
  let steps = 0;
  return {
    ...environment,
    id: environment.id,
    maxEpisodeSteps: environment.maxEpisodeSteps,
    observationSpace: environment.observationSpace,
    actionSpace: environment.actionSpace,
    reset: (given) => environment.reset(given),
    setState: (state) => environment.setState(state),
    getState: () => environment.getState(),
    close: () => {},
    step: (action) => {
      steps++;
      if (at(steps)) throw new SimulationDiverged("step", "it diverged");
      return environment.step(action);
    },
  };
}

describe("a simulation that diverges", () => {
  it("costs the learner that episode, which it counts, and nothing else", () => {
    const lengths: number[] = [];
    const learner = create(diverging((step) => step === 40 || step === 41));
    for (const steps of [25, 50, 75, 100, 125])
      mlIrlIteration(
        kernels,
        learner,
        steps,
        (record) => record.kind === "episode" && lengths.push(record.length),
        () => 0,
      );
    // 30 steps; 10 and 1 are dropped, the second time in an episode's first step; then whole ones.
    expect(lengths).toEqual([30, 30, 30]);
    expect(learner.agent.dropped).toEqual({ episodes: 2, since: 40 });
    expect(learner.agent.steps).toBe(125);
    expect(learner.agent.replay.added).toBe(123);
    expect(learner.steps.train).toBe(125);
  });

  it("is counted over a checkpoint, too", () => {
    const learner = create(diverging((step) => step === 40));
    trainTo(learner, 50);
    save(learner);
    trainTo(learner, 100);
    const whole = snapshot(learner);
    const again = create();
    restore(again);
    expect(again.agent.dropped).toEqual({ episodes: 1, since: 40 });
    trainTo(again, 100);
    expect(snapshot(again)).toEqual(whole);
  });

  it("gives way to another episode in an evaluation", () => {
    const act = randomPolicy(foldIn(key, 3));
    const dropped: number[] = [];
    const environmentOf = diverging((step) => step === 35);
    const note = (steps: number): void => void dropped.push(steps);
    const { trajectories, returns } = evaluate(environmentOf, act, 3, foldIn(key, 4), note);
    expect(Array.from(trajectories.episodeStarts)).toEqual([0, 30, 60, 90]);
    expect(returns).toHaveLength(3);
    expect(dropped).toEqual([5]);
  });

  it("is counted, with its steps, where the agent's trajectories are rolled out anew", () => {
    const environments = { train: environment, rollout: diverging((step) => step === 7) };
    const fresh = { ...options, agentTrajectories: "fresh" } as const;
    const learner = createMlIrl(kernels, environments, demonstrations, fresh, key);
    trainTo(learner, options.policyStepsPerRewardStep);
    expect(learner.agent.dropped.episodes).toBe(1);
    expect(learner.steps.rewardRollout).toBe(7 + 30 * options.trajectoriesPerRewardStep);
  });

  it("ends an evaluation that nothing else comes of", () => {
    const act = randomPolicy(foldIn(key, 3));
    const dropped: number[] = [];
    const always = diverging(() => true);
    expect(() => evaluate(always, act, 2, key, (steps) => void dropped.push(steps))).toThrow(
      SimulationDiverged,
    );
    expect(dropped).toEqual(Array.from({ length: 8 }, () => 1));
  });
});

it("a file is replaced by a new one, not written over", () => {
  const [path, other] = [join(folder, "file"), join(folder, "other")];
  writeAtomically(path, "old");
  linkSync(path, other);
  writeAtomically(path, "new");
  expect([path, other].map((each) => readFileSync(each, "utf8"))).toEqual(["new", "old"]);
});
