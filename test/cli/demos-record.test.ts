import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { episodeCount, episodeReturns, type Trajectories } from "../../src/core/index.ts";
import { readDemonstrations, type Demonstrations } from "../../src/demos/index.ts";
import { makeEnvironment } from "../../src/envs/index.ts";
import { loadSavedRun, readConfig, savedPolicy } from "../../src/runs/index.ts";
import { HOOK_TIMEOUT, tandem, temporaryFolder, TINY_POLICY, type Outcome } from "./tandem.ts";

const folder = temporaryFolder();
const cwd = folder.path;
const MODEL = fileURLToPath(new URL("../policies/onnx/cart-pole-logits.onnx", import.meta.url));
const WITHOUT_ONNX = new URL("without-onnx.ts", import.meta.url).href;

/** The weights of cart-pole-logits.onnx. */
const FEEDBACK = [0.1, 0.3, 1, 1];
const LOGITS = [...FEEDBACK.map((weight) => -weight), ...FEEDBACK];

/** One dense layer W, [outputs, inputs], as a policy of its own. */
function writePolicy(name: string, weights: number[], inputs: number, changes: object): void {
  const outputs = weights.length / inputs;
  const content = {
    format: "plain-policy/1",
    name,
    obsAdapter: {},
    obsNorm: null,
    layers: [{ weight: "w", bias: "b", in: inputs, out: outputs, activation: "linear" }],
    tensors: { w: { shape: [outputs, inputs], offset: 4 * outputs }, b: { shape: [outputs], offset: 0 } },
    published: { mean: 450, std: 25.5, where: "nowhere" },
    source: { licence: "none" },
    ...changes,
  };
  mkdirSync(join(cwd, name));
  writeFileSync(join(cwd, name, "policy.json"), JSON.stringify(content));
  const bias = Array.from({ length: outputs }, () => 0);
  writeFileSync(
    join(cwd, name, "weights.bin"),
    new Uint8Array(Float32Array.from([...bias, ...weights]).buffer),
  );
}

const DISCRETE = { output: { kind: "argmax" }, stochastic: { kind: "categorical" } };
const CHEETAH_WEIGHTS = Array.from({ length: 6 * 17 }, (_, i) => 0.5 * Math.sin(i));

beforeAll(async () => {
  const cart = { id: "CartPole-v1", obsDim: 4, actionKind: "discrete", actDim: 2 };
  writePolicy("cart-pole", LOGITS, 4, { ...DISCRETE, env: cart });
  writePolicy("old-cart-pole", LOGITS, 4, { ...DISCRETE, env: { ...cart, id: "CartPole-v9" } });
  const limits = { low: Array(6).fill(-1), high: Array(6).fill(1) };
  const cheetah = { id: "HalfCheetah-v5", obsDim: 17, actionKind: "box", actDim: 6, ...limits };
  const vector = { output: { kind: "box", squash: "none" }, stochastic: null };
  writePolicy("cheetah", CHEETAH_WEIGHTS, 17, { ...vector, env: cheetah, published: null });
  // Its action is a force of up to 3, not 1.
  const expert = [
    "expert",
    "--env",
    "InvertedPendulum-v5",
    "--env-option",
    "maxEpisodeSteps=60",
    ...TINY_POLICY,
  ];
  await tandem([...expert, "--seed", "3", "--out", "run", "--record", "by-expert.npz"], { cwd });
}, HOOK_TIMEOUT);
afterAll(folder.remove);

const record = (...args: string[]): Promise<Outcome> => tandem(["demos", "record", ...args], { cwd });
const read = (file: string): Promise<Demonstrations> => readDemonstrations(join(cwd, file));

/** Record to `file`, which must work, and read it. */
async function recorded(file: string, ...args: string[]): Promise<Demonstrations & { outcome: Outcome }> {
  const outcome = await record(...args, "--out", file);
  expect(outcome).toMatchObject({ code: 0 });
  return { ...(await read(file)), outcome };
}

const beyond = (actions: Float32Array): number => actions.filter((action) => Math.abs(action) > 1).length;

const SHORT = ["--episodes", "2", "--env-option", "maxEpisodeSteps=40"];

describe("tandem demos record", () => {
  it("writes what the policy did, and says how it was made", async () => {
    const { trajectories, env, metadata, outcome } = await recorded(
      "a.npz",
      "cart-pole",
      ...SHORT,
      "--seed",
      "7",
    );
    expect(env).toBe("CartPole-v1");
    expect(episodeCount(trajectories)).toBe(2);
    expect([...trajectories.truncated].map(Boolean).filter(Boolean)).toHaveLength(2);
    for (let t = 0; t < trajectories.rewards!.length; t++) {
      const seen = trajectories.observations.subarray(4 * t, 4 * t + 4);
      const lean = seen.reduce((sum, value, i) => sum + FEEDBACK[i] * value, 0);
      expect(trajectories.actions[t]).toBe(lean > 0 ? 1 : 0);
    }
    expect(new Set(trajectories.actions).size).toBe(2);
    const starts = [0, 40].map((t) => [...trajectories.observations.subarray(4 * t, 4 * t + 4)]);
    expect(starts[0]).not.toEqual(starts[1]);
    expect(metadata).toMatchObject({
      envOptions: { maxEpisodeSteps: 40 },
      policy: "cart-pole; its most likely actions",
      policySource: { path: "cart-pole", licence: "none" },
      published: { mean: 450, std: 25.5, where: "nowhere" },
      actions: "stepped as the policy gave them",
      returns: [40, 40],
      meanReturn: 40,
      madeBy: { command: "tandem demos record", seed: 7, version: expect.any(String) },
    });
    expect(outcome.stdout).toBe(
      "cart-pole in CartPole-v1, 2 episodes, seed 7\n\nTrue return\n  recorded   40.0 ± 0.0\n  published  450.0 ± 25.5\n",
    );
    expect(outcome.stderr).toBe(
      "Recording 2 episodes of CartPole-v1\nRecorded a.npz: 2 episodes, true return 40.0, 40.0\n",
    );
  });

  it.each([
    ["by its ending", "a.jsonl", []],
    ["as asked for", "a.hdf5", ["--format", "d4rl"]],
    ["as a data set of Minari's", "cart-pole-v0", ["--format", "minari"]],
  ])("in another format, %s", async (_, file, more) => {
    const { trajectories, env, metadata } = await recorded(
      file,
      "cart-pole",
      ...SHORT,
      "--seed",
      "7",
      ...more,
    );
    const first = await read("a.npz");
    expect(trajectories).toEqual(first.trajectories);
    expect({ env, metadata }).toEqual({ env: first.env, metadata: first.metadata });
  });

  it("gives the same for the same seed, other episodes for another, other actions where they are drawn", async () => {
    const { trajectories } = await recorded("b.npz", "cart-pole", ...SHORT, "--seed", "7");
    expect(trajectories).toEqual((await read("a.npz")).trajectories);
    const other = await recorded("c.npz", "cart-pole", ...SHORT, "--seed", "8");
    expect(other.trajectories.observations).not.toEqual(trajectories.observations);
    const drawn = await recorded("d.npz", "cart-pole", ...SHORT, "--seed", "7", "--sample");
    expect(drawn.trajectories.observations.subarray(0, 4)).toEqual(trajectories.observations.subarray(0, 4));
    expect(drawn.trajectories.actions).not.toEqual(trajectories.actions);
    expect(drawn.metadata.policy).toBe("cart-pole; sampled actions");
    const again = await recorded("e.npz", "cart-pole", ...SHORT, "--seed", "7", "--sample");
    expect(again.trajectories).toEqual(drawn.trajectories);
  });

  it("runs an ONNX model as it runs the same weights", async () => {
    const args = [MODEL, "--env", "CartPole-v1", ...SHORT, "--seed", "7"];
    const { trajectories, outcome } = await recorded("onnx.npz", ...args);
    expect(trajectories).toEqual((await read("a.npz")).trajectories);
    expect(outcome.stderr).toMatch(/^Recording [^\n]+\nRecorded [^\n]+\n$/);
  });

  it("without onnxruntime-web says in one line what to install", async () => {
    const args = ["demos", "record", MODEL, "--env", "CartPole-v1", "--out", "none.npz"];
    const env = { NODE_OPTIONS: `--import=${WITHOUT_ONNX}` };
    const { code, stdout, stderr } = await tandem(args, { cwd, env });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^tandem: [^\n]*npm install onnxruntime-web\n$/);
    expect(readdirSync(cwd)).not.toContain("none.npz");
  });

  it("steps and records actions out of bounds as they are, and says so; --clip moves them first", async () => {
    const args = ["cheetah", ...SHORT];
    const raw = await recorded("raw.npz", ...args);
    const share = beyond(raw.trajectories.actions) / raw.trajectories.actions.length;
    expect(share).toBeGreaterThan(0.1);
    expect(raw.outcome.stderr).toContain(
      `warning: ${(100 * share).toFixed(1)}% of the action entries lie outside the bounds, by up to `,
    );
    expectLinear(raw.trajectories, (action) => action);
    const clipped = await recorded("clipped.npz", ...args, "--clip");
    expect(beyond(clipped.trajectories.actions)).toBe(0);
    expect(clipped.outcome.stderr).not.toContain("warning");
    expect(clipped.metadata.actions).toBe("clipped to the bounds, then stepped");
    expectLinear(clipped.trajectories, (action) => Math.min(1, Math.max(-1, action)));
    // Up to the first action out of bounds both are the same; its force is too, but not what it costs.
    const first = Math.floor(raw.trajectories.actions.findIndex((action) => Math.abs(action) > 1) / 6);
    const [before, after] = [raw, clipped].map(({ trajectories }) => trajectories.rewards!.at(first));
    expect(clipped.trajectories.rewards!.slice(0, first)).toEqual(raw.trajectories.rewards!.slice(0, first));
    expect(after).toBeGreaterThan(before);
  });

  it("records what tandem expert records of the same run", async () => {
    const { trajectories, metadata } = await recorded(
      "by-record.npz",
      "run",
      "--episodes",
      "1",
      "--seed",
      "3",
    );
    const byExpert = await read("by-expert.npz");
    expect(trajectories).toEqual(byExpert.trajectories);
    expect(metadata.policy).toBe(byExpert.metadata.policy);
    expect(metadata.envOptions).toMatchObject({ maxEpisodeSteps: 60 });
    const drawn = await recorded("drawn.npz", "run", "--episodes", "1", "--seed", "3", "--sample");
    expect(drawn.trajectories.actions).not.toEqual(trajectories.actions);
    const unit = await unitActions(trajectories);
    expect([...trajectories.actions]).toEqual(
      Array.from(unit, (action) => Math.fround(-3 + 3 * (action + 1))),
    );
  });

  it("shows a run that saw less of the task the first coordinates of the whole", async () => {
    const less = ["--env-option", "maxEpisodeSteps=20", "--env-option", "includeCfrcExtInObservation=false"];
    const made = await tandem(
      ["expert", "--env", "Ant-v5", ...less, ...TINY_POLICY, "--out", "ant", "--record", "less.npz"],
      { cwd },
    );
    expect(made).toMatchObject({ code: 0 });
    const whole = await recorded(
      "whole.npz",
      "ant",
      "--episodes",
      "1",
      "--env-option",
      "includeCfrcExtInObservation=true",
    );
    const { trajectories: small } = await read("less.npz");
    expect([small.observationSize, whole.trajectories.observationSize]).toEqual([27, 105]);
    expect(whole.trajectories.actions).toEqual(small.actions);
    expect(whole.trajectories.observations.subarray(0, 27)).toEqual(small.observations.subarray(0, 27));
    const other = await record(
      "ant",
      "--out",
      "other.npz",
      "--env-option",
      "excludeCurrentPositionsFromObservation=false",
    );
    expect(other.code).toBe(1);
  });

  it("--json prints one line", async () => {
    const { outcome, trajectories } = await recorded("j.npz", "cheetah", ...SHORT, "--json");
    expect(outcome.stdout).toMatch(/^[^\n]+\n$/);
    const returns = Array.from(episodeReturns(trajectories)!);
    expect(JSON.parse(outcome.stdout)).toEqual({
      file: "j.npz",
      env: "HalfCheetah-v5",
      policy: "cheetah",
      actions: "mode",
      clipped: false,
      seed: 0,
      episodes: 2,
      returns,
      meanReturn: (returns[0] + returns[1]) / 2,
      // |a - b| / sqrt(2), for two
      stdReturn: expect.closeTo(Math.abs(returns[0] - returns[1]) * Math.SQRT1_2, 6),
      published: null,
    });
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("stopped by %s leaves nothing behind", async (signal, exitCode) => {
    const before = readdirSync(cwd).sort();
    const { code, stdout, stderr } = await tandem(
      ["demos", "record", "cheetah", "--episodes", "100000", "--out", "never.npz"],
      { cwd, onStderr: (text, kill) => !text.includes("Stopped") && kill(signal) },
    );
    expect({ code, stdout }).toEqual({ code: exitCode, stdout: "" });
    expect(stderr).toMatch(/Stopped after \d+ of 100000 episodes; nothing was written\.\n$/);
    expect(readdirSync(cwd).sort()).toEqual(before);
  });
});

/** What the run's own network gives for each observation, in [-1, 1]. */
async function unitActions({ observations, terminated }: Trajectories): Promise<Float32Array> {
  const environment = await makeEnvironment("InvertedPendulum-v5");
  const act = savedPolicy(
    await loadSavedRun(join(cwd, "run"), readConfig(join(cwd, "run")), environment, [0, 0]),
    "mode",
  );
  environment.close();
  const actions = new Float32Array(terminated.length);
  actions.forEach((_, t) =>
    act(Float64Array.from(observations.subarray(4 * t, 4 * t + 4)), actions.subarray(t, t + 1)),
  );
  return actions;
}

/** Every action is `limited` of what the linear policy gives for its observation, up to float32's rounding of both. */
function expectLinear({ actions, observations }: Trajectories, limited: (action: number) => number): void {
  actions.forEach((action, at) => {
    const [t, row] = [Math.floor(at / 6), at % 6];
    const seen = observations.subarray(17 * t, 17 * t + 17);
    let [sum, size] = [0, 0];
    seen.forEach((value, i) => {
      sum += CHEETAH_WEIGHTS[17 * row + i] * value;
      size += Math.abs(CHEETAH_WEIGHTS[17 * row + i] * value);
    });
    expect(Math.abs(action - limited(sum))).toBeLessThanOrEqual(20 * 2 ** -24 * size);
  });
}

const OUT = ["--out", "new.npz"];
const CASES: [why: string, args: string[], says: RegExp][] = [
  ["no policy", [...OUT], /missing required argument 'policy'/],
  ["nothing there", ["nowhere", ...OUT], /policy: expected at nowhere a folder with policy\.json/],
  ["no file to write", ["cart-pole"], /--out: expected a file to record to, got nothing/],
  [
    "a file of another kind",
    ["cart-pole", "--out", "new.txt"],
    /--out: expected a name that ends in \.npz, \.jsonl, \.csv or \.hdf5, .* got new\.txt/,
  ],
  ["a file that is there", ["cart-pole", "--out", "by-expert.npz"], /--out: by-expert\.npz is there already/],
  ["no environment", [MODEL, ...OUT], /--env: .*does not say for which environment/],
  [
    "an environment that is not here",
    ["old-cart-pole", ...OUT],
    /is for CartPole-v9, which is not here.* --env CartPole-v/,
  ],
  ["an unknown environment", ["cart-pole", "--env", "CartPool-v1", ...OUT], /did you mean CartPole-v1\?/],
  [
    "another environment",
    ["cart-pole", "--env", "MountainCar-v0", ...OUT],
    /cart-pole reads observations of 4, MountainCar-v0 gives 2/,
  ],
  [
    "another environment for a model",
    [MODEL, "--env", "MountainCar-v0", ...OUT],
    /expected an input float32 \[1, 2\]/,
  ],
  [
    "another environment for a run",
    ["run", "--env", "CartPole-v1", ...OUT],
    /the checkpoint of .* should have/,
  ],
  [
    "an unknown option of the environment",
    ["cart-pole", "--env-option", "wind=1", ...OUT],
    /has no option wind/,
  ],
  ["no episodes", ["cart-pole", "--episodes", "0", ...OUT], /--episodes: expected a whole number/],
  [
    "discrete actions to clip",
    ["cart-pole", "--clip", ...OUT],
    /--clip: has no effect on the discrete actions of CartPole-v1/,
  ],
  ["draws of a policy without", ["cheetah", "--sample", ...OUT], /stochastic: null.*leave sampling out/],
  [
    "an unknown option",
    ["cart-pole", "--smaple", ...OUT],
    /unknown option '--smaple' \(Did you mean --sample\?\)/,
  ],
];

describe("bad input is one line on stderr, and leaves nothing behind", () => {
  it.each(CASES)("%s", async (_, args, says) => {
    const before = readdirSync(cwd).sort();
    const { code, stdout, stderr } = await record(...args);
    expect(stderr).toMatch(says);
    expect(stderr).toMatch(/^tandem: [^\n]+\n$/);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(readdirSync(cwd).sort()).toEqual(before);
  });

  it("weights that are cut short", async () => {
    const weights = readFileSync(join(cwd, "cheetah", "weights.bin"));
    mkdirSync(join(cwd, "cut"));
    writeFileSync(join(cwd, "cut", "policy.json"), readFileSync(join(cwd, "cheetah", "policy.json")));
    writeFileSync(join(cwd, "cut", "weights.bin"), weights.subarray(0, 100));
    const { code, stderr } = await record("cut", ...OUT);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^tandem: readPolicy: cut\/policy\.json: tensor w ends at byte 432 of weights\.bin, which has 100; it may be cut short\n$/,
    );
  });
});
