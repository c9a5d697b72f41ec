import { describe, expect, it } from "vitest";
import { nearestName } from "../../src/cli/nearest.ts";
import { TRAIN_OPTIONS } from "../../src/cli/options.ts";
import type { GivenOptions } from "../../src/cli/option-values.ts";
import { algorithmSettings, instrumentSettings } from "../../src/cli/method-settings.ts";
import { askedEnvironment, demonstrationSettings, runSettings } from "../../src/cli/settings.ts";
import { makeEnvironment } from "../../src/envs/index.ts";
import {
  algorithmConfig,
  DAC_DEFAULTS,
  EVALUATION_DEFAULTS,
  SQIL_DEFAULTS,
  TRAIN_DEFAULTS,
  taskDefaults,
} from "../../src/runs/index.ts";

const given = (options: Record<string, string | string[]>): GivenOptions =>
  new Map(Object.entries(options).map(([name, text]) => [name, { texts: [text].flat(), from: `--${name}` }]));

process.env.TANDEM_IQ_LEARN = "1";

const required = { steps: "1000", demos: "demo.npz" };
const settingsOf = (options: Record<string, string | string[]>): object => {
  const all = given({ ...required, ...options });
  return {
    env: askedEnvironment(all, null),
    run: runSettings(all, null, null),
    demos: demonstrationSettings(all, null),
    algorithm: algorithmSettings(all, undefined, TRAIN_DEFAULTS),
    instruments: instrumentSettings(all, undefined, algorithmSettings(all, undefined, TRAIN_DEFAULTS)),
  };
};

/** Every option of `tandem train`, with a value that is not its default. */
const OTHER_VALUES: Record<string, string | string[]> = {
  env: "HalfCheetah-v4",
  "env-option": ["frameSkip=4", "excludeCurrentPositionsFromObservation=false"],
  demos: "other.npz",
  episodes: "all",
  "first-episode": "2",
  "held-out": "3,5",
  steps: "2_000",
  seed: "7",
  out: "runs/mine",
  "checkpoint-every": "20",
  hidden: "64, 32",
  "batch-size": "32",
  discount: "0.9",
  "learning-rate": "1e-4",
  "actor-rate": "1e-4",
  "slow-from": "800",
  "slow-learning-rate": "3e-5",
  polyak: "1",
  temperature: "0.2",
  "target-entropy": "-3",
  "start-steps": "0",
  "replay-capacity": "5000",
  "reward-inputs": "state",
  method: "dac",
  "discriminator-hidden": "16",
  "discriminator-batch": "32",
  "discriminator-rate": "1e-4",
  "discriminator-every": "2",
  "gradient-penalty": "1",
  "trust-region": "0.5",
  "round-steps": "4000",
  "solve-tolerance": "0.5",
  "most-rounds": "3",
  "shaping-hidden": "16",
  "recent-steps": "500",
  "discriminator-steps": "7",
  divergence: "forward-kl",
  "log-ratio-clip": "2",
  "expert-trajectories": "1",
  "value-term": "initial",
  regulariser: "0.1",
  "regularised-rows": "both",
  "next-value": "target",
  "weight-decay": "0.01",
  "teacher-policy": "runs/expert",
  "reward-network": "mlp:64,64",
  "reward-optimiser": "adam",
  "reward-step-size": "0.5",
  "reward-step-size-decay": "0.6",
  "reward-radius": "none",
  "reward-weight-decay": "0.01",
  "policy-steps-per-reward-step": "500",
  "trajectories-per-reward-step": "3",
  "agent-trajectories": "fresh",
  gradient: "undiscounted",
  termination: "absorbing",
  "evaluate-every": "77",
  "evaluation-episodes": "3",
  "final-episodes": "4",
  instruments: "true",
  teacher: "constant",
  "shuffle-expert": "true",
  "constant-expert": "true",
  kernels: "simd",
};

/** What some of them are not given without. */
const COMPANY: Record<string, Record<string, string>> = {
  "reward-optimiser": { "reward-step-size": "10" },
  "slow-learning-rate": { "slow-from": "500" },
  "discriminator-hidden": { method: "dac" },
  "discriminator-batch": { method: "dac" },
  "discriminator-rate": { method: "dac" },
  "discriminator-every": { method: "dac" },
  "gradient-penalty": { method: "dac" },
  "weight-decay": { method: "bc" },
  "round-steps": { method: "ml-irl-nested" },
  "solve-tolerance": { method: "ml-irl-nested" },
  "most-rounds": { method: "ml-irl-nested" },
  "shaping-hidden": { method: "airl" },
  "recent-steps": { method: "airl" },
  "discriminator-steps": { method: "f-irl" },
  divergence: { method: "f-irl" },
  "log-ratio-clip": { method: "f-irl" },
  "expert-trajectories": { method: "f-irl" },
  "value-term": { method: "iq-learn" },
  regulariser: { method: "iq-learn" },
  "regularised-rows": { method: "iq-learn" },
  "next-value": { method: "iq-learn" },
};

/** Options that do not describe the run itself. */
const ABOUT_THE_COMMAND = ["resume", "config", "json"];

describe("settings of a training", () => {
  it("are the defaults where nothing is said", () => {
    expect(settingsOf({})).toEqual({
      env: null,
      run: {
        envOptions: {},
        seed: 0,
        steps: 1000,
        evaluation: EVALUATION_DEFAULTS,
        kernels: undefined,
        out: null,
      },
      demos: {
        path: "demo.npz",
        episodes: 1,
        firstEpisode: 0,
        shuffled: false,
        constant: false,
        heldOut: [],
      },
      algorithm: TRAIN_DEFAULTS,
      instruments: false,
    });
  });

  it("take a task's usual steps where none are given, and its algorithm", () => {
    expect(runSettings(given({}), null, 70).steps).toBe(70);
    expect(runSettings(given({ steps: "5" }), null, 70).steps).toBe(5);
    expect(() => runSettings(given({}), null, null)).toThrow("--steps: expected");
    const { train } = taskDefaults("Hopper-v5");
    expect(algorithmSettings(given({ discount: "0.5" }), undefined, train)).toEqual({
      ...train,
      sac: { ...train.sac, discount: 0.5 },
    });
    expect(taskDefaults("Hopper-v4")).toEqual(taskDefaults("Hopper-v5"));
    expect(taskDefaults("Nowhere-v0")).toMatchObject({ trainSteps: null, train: TRAIN_DEFAULTS });
  });

  it.each([
    "CartPole-v1",
    "Acrobot-v1",
    "MountainCar-v0",
    "LunarLander-v3",
    "GridWorld-v0",
    "Garnet-v0",
    "Chain-v0",
    "ObjectWorld-v0",
  ])("are those of finitely many actions in %s, for every method and for an expert", async (id) => {
    const { actionSpace } = await makeEnvironment(id);
    expect(actionSpace.kind).toBe("discrete");
    const { train, trainSteps, airl, expert, expertSteps } = taskDefaults(id);
    expect([trainSteps, expertSteps].every((steps) => (steps ?? 0) >= 50_000)).toBe(true);
    const small = { hidden: [64, 64], batchSize: 64, temperature: 1, discount: 0.99 };
    expect(train).toMatchObject({ sac: small, startSteps: 500, policyStepsPerRewardStep: 100 });
    expect(expert).toMatchObject({ sac: { ...small, learningRate: 5e-4 }, startSteps: 2500 });
    for (const method of ["dac", "sqil"]) {
      const rival = algorithmSettings(given({ method }), undefined, train);
      expect(rival).toMatchObject({ method, sac: train.sac, startSteps: 500 });
      expect(algorithmSettings(given({ method }), rival, TRAIN_DEFAULTS)).toEqual(rival);
    }
    // A reward step as often as ML-IRL's, and a classifier that is faster than the policy.
    const fIrl = algorithmSettings(given({ method: "f-irl" }), undefined, train, airl);
    expect(fIrl).toMatchObject({ sac: train.sac, policyStepsPerRewardStep: 100 });
    expect(algorithmSettings(given({ method: "airl" }), undefined, train, airl)).toMatchObject({
      sac: { ...train.sac, learningRate: 3e-4 },
      startSteps: 500,
      discriminator: { learningRate: 3e-3, recentSteps: 2000, inputs: "state" },
    });
  });

  it("of a rival are the task's lower level and the method's own rest", () => {
    const usual = {
      ...TRAIN_DEFAULTS,
      startSteps: 7,
      replayCapacity: 77,
      sac: { ...TRAIN_DEFAULTS.sac, polyak: 0.7 },
    };
    const { sac, startSteps, replayCapacity } = usual;
    expect(algorithmSettings(given({ method: "dac" }), undefined, usual)).toEqual({
      ...DAC_DEFAULTS,
      sac,
      startSteps,
      replayCapacity,
    });
    expect(algorithmSettings(given({ method: "sqil" }), undefined, usual)).toEqual({
      ...SQIL_DEFAULTS,
      sac,
      startSteps,
      replayCapacity,
    });
    const others = given({ method: "sqil", "start-steps": "9" });
    expect(algorithmSettings(others, usual, usual)).toMatchObject({ startSteps: 9, replayCapacity: 77, sac });
  });

  it("know every option", () => {
    const names = TRAIN_OPTIONS.map((option) => option.name());
    expect(names.filter((name) => !ABOUT_THE_COMMAND.includes(name)).sort()).toEqual(
      Object.keys(OTHER_VALUES).sort(),
    );
  });

  it.each(Object.entries(OTHER_VALUES))("change with --%s %j", (name, value) => {
    if (name === "teacher-policy") return;
    const company = COMPANY[name] ?? {};
    expect(settingsOf({ ...company, [name]: value })).not.toEqual(settingsOf(company));
  });

  it("read each value as what it is", () => {
    expect(settingsOf({ "env-option": OTHER_VALUES["env-option"], steps: "2_000" })).toMatchObject({
      run: { steps: 2000, envOptions: { frameSkip: 4, excludeCurrentPositionsFromObservation: false } },
    });
    expect(settingsOf({ hidden: "64, 32", "reward-network": "two-layer:32" })).toMatchObject({
      algorithm: { sac: { hidden: [64, 32] }, reward: { network: { kind: "two-layer", width: 32 } } },
    });
    expect(settingsOf({ "reward-radius": "3" })).toMatchObject({
      algorithm: { reward: { regulariser: { kind: "projection", radius: 3 } } },
    });
    expect(settingsOf({ "reward-weight-decay": "0.1", teacher: "zero" })).toMatchObject({
      algorithm: { reward: { regulariser: { kind: "weight-decay", rate: 0.1 } }, taughtBy: "zero reward" },
    });
  });

  it("do without a regulariser of IQ-Learn's, in the words of JSON", () => {
    const iq = { method: "iq-learn", regulariser: "none" };
    const { algorithm } = JSON.parse(JSON.stringify(settingsOf(iq)));
    expect(algorithm.regulariserCoefficient).toBe("none");
    expect(algorithmConfig.parse(algorithm)).toEqual(algorithm);
    // As runs before there was a choice have it.
    expect(algorithmConfig.parse({ ...algorithm, regulariserCoefficient: 0.5 })).toMatchObject({
      regulariserCoefficient: 0.5,
    });
    expect(() => settingsOf({ ...iq, "regularised-rows": "both" })).toThrow(
      /^--regularised-rows: has no effect without a regulariser/,
    );
    expect(algorithmSettings(given({ "learning-rate": "1e-4" }), algorithm, TRAIN_DEFAULTS)).toMatchObject({
      regulariserCoefficient: "none",
    });
  });

  it("keep an actor's rate of its own, and have none where none is given", () => {
    const base = algorithmSettings(given({ "actor-rate": "3e-5" }), undefined, TRAIN_DEFAULTS);
    expect(base.sac.actorRate).toBe(3e-5);
    expect(algorithmSettings(given({ "learning-rate": "1e-4" }), base, TRAIN_DEFAULTS).sac).toMatchObject({
      learningRate: 1e-4,
      actorRate: 3e-5,
    });
    expect("actorRate" in algorithmSettings(given({}), undefined, TRAIN_DEFAULTS).sac).toBe(false);
    for (const method of ["bc", "mce-irl"])
      expect(() => settingsOf({ method, "actor-rate": "3e-5" })).toThrow(/^--actor-rate: has no effect on/);
  });

  it("leave IQ-Learn off until it is switched on", () => {
    delete process.env.TANDEM_IQ_LEARN;
    expect(() => settingsOf({ method: "iq-learn" })).toThrow(
      /^--method: iq-learn is off by default.*TANDEM_IQ_LEARN=1/,
    );
    process.env.TANDEM_IQ_LEARN = "1";
    expect(settingsOf({ method: "iq-learn" })).toMatchObject({
      algorithm: { method: "iq-learn", sac: { temperature: 0.01 } },
    });
  });

  it("ask a teacher of DAgger's", () => {
    expect(settingsOf({ method: "dagger", "teacher-policy": "runs/one" })).toMatchObject({
      algorithm: { method: "dagger", teacherPolicy: "runs/one", weightDecay: 0 },
    });
    expect(() => settingsOf({ method: "dagger" })).toThrow(
      /^--method: dagger asks a policy.*--teacher-policy/,
    );
  });

  it("slow learning to a fifth where no rate is given", () => {
    const slow = { "learning-rate": "0.01", "slow-from": "500" };
    expect(settingsOf(slow)).toMatchObject({ algorithm: { slowdown: { from: 500, learningRate: 0.002 } } });
    const base = algorithmSettings(
      given({ ...slow, "slow-learning-rate": "0.003" }),
      undefined,
      TRAIN_DEFAULTS,
    );
    expect(algorithmSettings(given({ "slow-from": "600" }), base, TRAIN_DEFAULTS)).toMatchObject({
      slowdown: { from: 600, learningRate: 0.003 },
    });
  });

  it.each([
    ["discount", "1"],
    ["discount", "0x1"],
    ["learning-rate", "0"],
    ["polyak", "1.5"],
    ["temperature", "warm"],
    ["hidden", "64,"],
    ["hidden", "0"],
    ["actor-rate", "0"],
    ["seed", "-1"],
    ["seed", "9007199254740993"],
    ["batch-size", "1.5"],
    ["batch-size", ""],
    ["replay-capacity", "Infinity"],
    ["reward-network", "two-layer:8,8"],
    ["reward-network", "mlp"],
    ["reward-radius", "0"],
    ["reward-weight-decay", "1"],
    ["teacher", "nobody"],
    ["method", "gail"],
    ["env-option", "gravity"],
    ["env-option", "=3"],
  ])("refuse --%s %j", (name, value) => {
    expect(() => settingsOf({ [name]: value })).toThrow(`--${name}: expected`);
  });

  it.each([
    [{ temperature: "0.1", "target-entropy": "-3" }, /--target-entropy: has no effect/],
    [{ "reward-radius": "3", "reward-weight-decay": "0.1" }, /give one of the two/],
    [
      { "slow-from": "500", "slow-learning-rate": "1" },
      /expected less than the learning rate, 0\.001, got 1/,
    ],
    [{ "slow-learning-rate": "0.1" }, /--slow-learning-rate: has no effect without a step/],
    [{ "reward-optimiser": "adam" }, /does not suit adam/],
    [
      { "gradient-penalty": "1" },
      /^--gradient-penalty: is an option of dac, airl, f-irl, the method is ml-irl; leave it out, or add --method dac/,
    ],
    [{ method: "bc", discount: "0.9" }, /^--discount: has no effect on bc, which only clones actions/],
    [
      { method: "sqil", "reward-inputs": "state" },
      /^--reward-inputs: has no effect on sqil, which learns no/,
    ],
    [{ method: "bc", "teacher-policy": "x" }, /^--teacher-policy: is an option of dagger, the method is bc/],
    [{ method: "sqil", "weight-decay": "1" }, /is an option of bc, dagger, the method is sqil.*--method bc/],
    [
      { method: "dac", "reward-radius": "3" },
      /^--reward-radius: is an option of ml-irl, ml-irl-nested, f-irl, mce-irl, the method is dac/,
    ],
    [{ method: "dac", "discriminator-batch": "257" }, /expected/],
    [{ method: "dac", instruments: "true" }, /^--instruments: is an option of ml-irl/],
    [{ method: "sqil", "reward-inputs": "state" }, /^--reward-inputs: has no effect on sqil/],
    [{ method: "sqil", "gradient-penalty": "1" }, /^--gradient-penalty: is an option of dac/],
    [
      { instruments: "true", "reward-network": "mlp:8" },
      /^--instruments: measure the two-layer reward, got mlp/,
    ],
  ])("refuse what does not go together: %j", (options, says) => {
    expect(() => settingsOf(options)).toThrow(says);
  });
});

describe("instruments", () => {
  it("stay as they were in a configuration to start from, unless something is said", () => {
    expect(instrumentSettings(given({}), true, TRAIN_DEFAULTS)).toBe(true);
    expect(instrumentSettings(given({ instruments: "false" }), true, TRAIN_DEFAULTS)).toBe(false);
  });
});

describe("nearestName", () => {
  const names = ["HalfCheetah-v4", "HalfCheetah-v5", "Hopper-v5"];
  it.each([
    ["HalfCheeta-v5", "HalfCheetah-v5"],
    ["halfcheetah-v5", "HalfCheetah-v5"],
    ["Hoper-v5", "Hopper-v5"],
    ["Pendulum-v1", null],
  ])("of %s is %s", (word, name) => {
    expect(nearestName(word, names)).toBe(name);
  });
});
