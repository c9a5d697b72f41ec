import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  foldIn,
  keyFromSeed,
  type FindingRecord,
  type HeldOutRecord,
  type Trajectories,
  type TrainingRecord,
} from "../../src/core/index.ts";
import { makeEnvironment } from "../../src/envs/index.ts";
import { deterministicPolicy, evaluate, randomPolicy, stateDistance } from "../../src/eval/index.ts";
import { createMlIrl, mlIrlIteration, rewardsAlong } from "../../src/irl/index.ts";
import { loadKernels } from "../../src/kernels/index.ts";
import { policyTemperature, rollout } from "../../src/rl/index.ts";
import {
  AIRL_DEFAULTS,
  BC_DEFAULTS,
  createRunFolder,
  loadSavedRun,
  readTensors,
  runTraining,
  saveCheckpoint,
  savedPolicy,
  TRAIN_DEFAULTS,
  type ExpertConfig,
  type RunConfig,
  DAC_DEFAULTS,
  F_IRL_DEFAULTS,
  IQ_LEARN_DEFAULTS,
  MCE_IRL_DEFAULTS,
  SQIL_DEFAULTS,
  type MlIrlConfig,
  type Summary,
  type TrainConfig,
  type TrainingHooks,
} from "../../src/runs/index.ts";

const key = keyFromSeed(7);
const environment = await makeEnvironment("HalfCheetah-v5", { maxEpisodeSteps: 50 });
const demonstrations: Trajectories = rollout(environment, randomPolicy(foldIn(key, 0)), 1, foldIn(key, 1));

const config: TrainConfig & { algorithm: MlIrlConfig } = {
  format: "tandem-run/1",
  command: "train",
  version: "0",
  env: { id: "HalfCheetah-v5", options: { maxEpisodeSteps: 50 } },
  seed: 7,
  steps: 200,
  demos: {
    path: "-",
    sha256: "-",
    episodes: 1,
    firstEpisode: 0,
    transitions: 50,
    shuffled: false,
    constant: false,
    heldOut: [],
  },
  instruments: false,
  algorithm: {
    ...TRAIN_DEFAULTS,
    sac: { ...TRAIN_DEFAULTS.sac, hidden: [16, 16], batchSize: 16 },
    startSteps: 50,
    policyStepsPerRewardStep: 50,
  },
  evaluation: { every: 100, episodes: 1, finalEpisodes: 1 },
  kernels: "simd",
  node: "-",
};

const hooks = (stop = false): TrainingHooks => ({
  clock: () => 0,
  onProgress: () => {},
  stopRequested: () => stop,
});

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tandem-runs-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("a fixed horizon", () => {
  it("lives on to the limit in training and fresh rollouts, and ends natively in evaluation", async () => {
    const options = { maxEpisodeSteps: 50 };
    const endless = await makeEnvironment("Hopper-v5", { ...options, terminateWhenUnhealthy: false });
    const whole = rollout(endless, randomPolicy(foldIn(key, 0)), 1, foldIn(key, 1));
    endless.close();
    const algorithm = {
      ...config.algorithm,
      termination: "fixed-horizon",
      agentTrajectories: "fresh",
    } as const;
    const hopper = { ...config, env: { id: "Hopper-v5", options }, algorithm };
    const lengths: number[] = [];
    const summary = await runTraining(folder, hopper, whole, {
      ...hooks(),
      onRecord: (record) => record.kind === "episode" && lengths.push(record.length),
    });
    expect(lengths).toEqual([50, 50, 50, 50]);
    expect(summary?.steps.rewardRollout).toBe(4 * 50);
    expect(summary?.steps.evaluation).toBeLessThan(4 * 50);
  });
});

describe("a saved run", () => {
  it.each<MlIrlConfig["reward"]["network"]>([
    { kind: "two-layer", width: 64 },
    { kind: "mlp", hidden: [8, 8] },
  ])("gives back the very reward that was learned, whatever key it is loaded with: %o", async (network) => {
    const kernels = await loadKernels({ build: "simd" });
    const algorithm = { ...config.algorithm, reward: { ...config.algorithm.reward, network } };
    const learner = createMlIrl(
      kernels,
      { train: environment, rollout: null },
      demonstrations,
      { ...algorithm, replayCapacity: 200 },
      key,
    );
    for (let k = 0; k < 3; k++)
      mlIrlIteration(
        kernels,
        learner,
        200,
        () => {},
        () => 0,
      );
    saveCheckpoint(kernels, folder, learner.agent, learner, learner.steps, 0);
    const saved = await loadSavedRun(folder, { ...config, algorithm }, environment, keyFromSeed(99));
    const learned = saved.reward && rewardsAlong(saved.kernels, saved.reward, demonstrations);
    expect(learned).toEqual(rewardsAlong(kernels, learner.reward, demonstrations));
  });
});

describe("a training", () => {
  it("stops at a measurement that is not finite, names it, and keeps the last checkpoint", async () => {
    await runTraining(folder, config, demonstrations, hooks(true));
    const reward = { ...config.algorithm.reward, stepSize: 1e39, regulariser: { kind: "none" } as const };
    const broken = {
      ...config,
      algorithm: { ...config.algorithm, reward, taughtBy: "constant reward" as const },
    };
    await expect(runTraining(folder, broken, demonstrations, hooks())).rejects.toThrow(
      /^training: \w+ of the reward level became (Infinity|NaN) by step 100; the last checkpoint is kept/,
    );
    const whole = await runTraining(folder, config, demonstrations, hooks());
    expect(whole?.steps.train).toBe(200);
  });

  it("has no summary any more once it is made longer", async () => {
    await runTraining(folder, config, demonstrations, hooks());
    expect(existsSync(join(folder, "summary.json"))).toBe(true);
    await runTraining(folder, { ...config, steps: 400 }, demonstrations, hooks(true));
    expect(existsSync(join(folder, "summary.json"))).toBe(false);
  });
});

/** The run's records, of one kind if so asked. */
function recordsOf(kind?: TrainingRecord["kind"]): TrainingRecord[] {
  const lines = readFileSync(join(folder, "metrics.jsonl"), "utf8").trim().split("\n");
  const records = lines.map((line) => JSON.parse(line) as TrainingRecord);
  return records.filter((record) => kind === undefined || record.kind === kind);
}

/** What a run has come to, stopped once after so many iterations if so asked. Its folder is emptied for the next. */
async function outcomeOf(
  config: RunConfig,
  stopAfter = 0,
  resumed = config,
  expert = demonstrations,
): Promise<{ summary: unknown; records: TrainingRecord[]; tensors: Record<string, Float32Array> }> {
  if (stopAfter > 0) {
    let iterations = 0;
    const stopRequested = (): boolean => ++iterations === stopAfter;
    await runTraining(folder, config, expert, { ...hooks(), stopRequested });
  }
  const summary = await runTraining(folder, resumed, expert, hooks());
  const outcome = { summary, records: recordsOf(), tensors: readTensors(folder) };
  rmSync(folder, { recursive: true });
  folder = mkdtempSync(join(tmpdir(), "tandem-runs-"));
  return outcome;
}

/** The upper level of `config`, for a nested loop. */
const { policyStepsPerRewardStep: _, taughtBy: __, ...LIKELIHOOD } = config.algorithm;
const NESTED = { ...LIKELIHOOD, method: "ml-irl-nested" } as const;

describe("a run that was stopped", () => {
  const options = { maxEpisodeSteps: 50 };
  const falling: typeof config = {
    ...config,
    env: { id: "Hopper-v5", options },
    steps: 300,
    algorithm: {
      ...config.algorithm,
      termination: "absorbing",
      // Few steps between two stops, so that episodes from before a stop still count after it.
      policyStepsPerRewardStep: 20,
      trajectoriesPerRewardStep: 6,
      slowdown: { from: 120, learningRate: 1e-4 },
      reward: { ...config.algorithm.reward, optimiser: "adam", stepSize: 1e-2 },
    },
  };
  let fallen: Trajectories;
  beforeAll(async () => {
    const hopper = await makeEnvironment("Hopper-v5", options);
    fallen = rollout(hopper, randomPolicy(foldIn(key, 2)), 4, foldIn(key, 3));
    hopper.close();
  });

  it.each(["training", "fresh"] as const)(
    "keeps all that ended episodes, Adam's reward and slow learning need, agent trajectories: %s",
    async (agentTrajectories) => {
      const algorithm = { ...falling.algorithm, agentTrajectories };
      const whole = await outcomeOf({ ...falling, algorithm }, 0, { ...falling, algorithm }, fallen);
      for (const stopAfter of [5, 9])
        expect(
          await outcomeOf({ ...falling, algorithm }, stopAfter, { ...falling, algorithm }, fallen),
        ).toEqual(whole);
    },
  );

  it("keeps its records as far apart as one that was not", async () => {
    // 50 steps apart; an iteration takes 20.
    const long: TrainConfig = {
      ...falling,
      steps: 500_000,
      algorithm: { ...falling.algorithm, replayCapacity: 1000 },
    };
    const stepsKept = async (...stops: number[]): Promise<number[]> => {
      for (const stop of stops) {
        let iterations = 0;
        const stopRequested = (): boolean => ++iterations === stop;
        await runTraining(folder, long, fallen, { ...hooks(), stopRequested });
      }
      const kept = recordsOf("reward").map(({ step }) => step);
      rmSync(folder, { recursive: true });
      folder = mkdtempSync(join(tmpdir(), "tandem-runs-"));
      return kept;
    };
    const whole = await stepsKept(11);
    expect(whole).toEqual([20, 80, 140, 200]);
    expect(await stepsKept(5, 6)).toEqual(whole);
  });

  it("keeps all that the classifier of an adversarial method needs", async () => {
    const { discriminator } = DAC_DEFAULTS;
    const adversarial: TrainConfig = {
      ...falling,
      steps: 2500,
      evaluation: { every: 1000, episodes: 1, finalEpisodes: 1 },
      algorithm: {
        ...DAC_DEFAULTS,
        sac: falling.algorithm.sac,
        startSteps: 50,
        termination: "absorbing",
        discriminator: { ...discriminator, hidden: [16], batchSize: 16 },
      },
    };
    const whole = await outcomeOf(adversarial, 0, adversarial, fallen);
    for (const stopAfter of [1, 2])
      expect(await outcomeOf(adversarial, stopAfter, adversarial, fallen)).toEqual(whole);
    const kinds = new Set(whole.records.map(({ kind }) => kind));
    expect([...kinds].sort()).toEqual(["discriminator", "episode", "evaluation", "policy"]);
  });

  it("keeps all that a method without a reward needs", async () => {
    const { sac } = falling.algorithm;
    const plain: TrainConfig = {
      ...falling,
      steps: 2500,
      evaluation: { every: 1000, episodes: 1, finalEpisodes: 1 },
      algorithm: { ...SQIL_DEFAULTS, sac, startSteps: 50, termination: "absorbing" },
    };
    const whole = await outcomeOf(plain, 0, plain, fallen);
    for (const stopAfter of [1, 2]) expect(await outcomeOf(plain, stopAfter, plain, fallen)).toEqual(whole);
    expect(whole.summary).toMatchObject({ pearson: null, spearman: null });
  });

  const classifier = { hidden: [16], batchSize: 16 };
  it.each<{ name: string; algorithm: TrainConfig["algorithm"]; steps: number; stops: number[] }>([
    {
      name: "AIRL",
      algorithm: {
        ...AIRL_DEFAULTS,
        sac: falling.algorithm.sac,
        startSteps: 50,
        termination: "absorbing",
        discriminator: {
          ...AIRL_DEFAULTS.discriminator,
          ...classifier,
          shapingHidden: [8],
          recentSteps: 300,
        },
      },
      steps: 2200,
      stops: [1, 2],
    },
    {
      name: "f-IRL",
      algorithm: {
        ...F_IRL_DEFAULTS,
        sac: falling.algorithm.sac,
        startSteps: 50,
        termination: "absorbing",
        reward: { ...F_IRL_DEFAULTS.reward, network: { kind: "two-layer", width: 16 } },
        discriminator: { ...F_IRL_DEFAULTS.discriminator, ...classifier, stepsPerRewardStep: 3 },
        policyStepsPerRewardStep: 40,
        trajectoriesPerRewardStep: 4,
        expertTrajectoriesPerRewardStep: 1,
      },
      steps: 300,
      stops: [3, 6],
    },
    {
      name: "IQ-Learn",
      algorithm: {
        ...IQ_LEARN_DEFAULTS,
        sac: falling.algorithm.sac,
        startSteps: 50,
        termination: "absorbing",
        regularisedRows: "both",
        valueTerm: "initial",
      },
      steps: 2200,
      stops: [1, 2],
    },
    {
      name: "ML-IRL in a nested loop",
      algorithm: {
        ...NESTED,
        termination: "absorbing",
        solve: { roundSteps: 100, tolerance: 0.01, mostRounds: 3 },
      },
      steps: 900,
      stops: [2, 5],
    },
    {
      name: "ML-IRL in a trust region",
      algorithm: { ...falling.algorithm, trustRegion: 0.3 },
      steps: 300,
      stops: [5, 9],
    },
  ])("keeps all that $name needs", async ({ algorithm, steps, stops }) => {
    const evaluation = { every: 1000, episodes: 1, finalEpisodes: 1 };
    const run: TrainConfig = { ...falling, steps, evaluation, algorithm };
    const whole = await outcomeOf(run, 0, run, fallen);
    for (const stopAfter of stops)
      expect(await outcomeOf(run, stopAfter, run, fallen), `stopped after ${stopAfter}`).toEqual(whole);
    // A reward was learnt, and not the one it began with.
    const { pearson } = whole.summary as Summary;
    expect(pearson).not.toBeNull();
    if (algorithm.method === "iq-learn") return;
    expect(whole.tensors.rewardParameters).not.toEqual(whole.tensors.rewardInitial);
  });

  it.each(["bc", "dagger"] as const)("keeps all that cloning needs: %s", async (method) => {
    const { sac } = falling.algorithm;
    // The teacher is a run of before.
    const teacherPolicy = mkdtempSync(join(tmpdir(), "tandem-teacher-"));
    const teacher = { ...falling, steps: 60 };
    createRunFolder(teacherPolicy, teacher);
    await runTraining(teacherPolicy, teacher, fallen, hooks());
    const algorithm = { ...BC_DEFAULTS, sac, weightDecay: 0.01 };
    const cloning: TrainConfig = {
      ...falling,
      steps: 2500,
      evaluation: { every: 1000, episodes: 1, finalEpisodes: 1 },
      algorithm: method === "bc" ? algorithm : { ...algorithm, method, teacherPolicy },
    };
    const whole = await outcomeOf(cloning, 0, cloning, fallen);
    for (const stopAfter of [1, 2])
      expect(await outcomeOf(cloning, stopAfter, cloning, fallen)).toEqual(whole);
    const { steps } = whole.summary as Summary;
    expect(steps.train).toBe(method === "bc" ? 0 : 2500);
    expect(whole.summary).toMatchObject({ end: 2500, pearson: null });
    rmSync(teacherPolicy, { recursive: true });
  });

  it("keeps all that the exact ascent of MCE-IRL needs", async () => {
    const env = { id: "GridWorld-v0", options: { maxEpisodeSteps: 30, observations: "one-hot" } };
    const task = await makeEnvironment(env.id, env.options);
    const walked = rollout(task, randomPolicy(foldIn(key, 6)), 2, foldIn(key, 7));
    const algorithm = { ...MCE_IRL_DEFAULTS, sac: { ...MCE_IRL_DEFAULTS.sac, hidden: [25] }, radius: 40 };
    const evaluation = { every: 20, episodes: 1, finalEpisodes: 1 };
    const exact: TrainConfig = { ...config, env, steps: 60, evaluation, algorithm };
    const whole = await outcomeOf(exact, 0, exact, walked);
    for (const stopAfter of [1, 3]) expect(await outcomeOf(exact, stopAfter, exact, walked)).toEqual(whole);
    expect(whole.summary).toMatchObject({ end: 60, steps: { train: 0 }, pearson: expect.any(Number) });
    const climbs = whole.records.filter(({ kind }) => kind === "reward");
    expect(climbs.length).toBeGreaterThan(3);
  });

  describe("with finitely many actions", () => {
    const balancing = { id: "CartPole-v1", options: { maxEpisodeSteps: 50 } };
    const sac = { ...falling.algorithm.sac, temperature: "learnt" } as const;
    let shown: Trajectories;
    beforeAll(async () => {
      const cartPole = await makeEnvironment(balancing.id, balancing.options);
      shown = rollout(cartPole, randomPolicy(foldIn(key, 4)), 4, foldIn(key, 5));
    });

    it.each<{ name: string; algorithm: TrainConfig["algorithm"]; steps: number; stops: number[] }>([
      {
        name: "ML-IRL, trajectories of training",
        algorithm: { ...falling.algorithm, sac },
        steps: 300,
        stops: [5, 9],
      },
      {
        name: "ML-IRL, fresh trajectories, an undiscounted gradient",
        algorithm: { ...falling.algorithm, sac, agentTrajectories: "fresh", discountedGradient: false },
        steps: 300,
        stops: [4, 11],
      },
      {
        name: "DAC",
        algorithm: {
          ...DAC_DEFAULTS,
          sac,
          startSteps: 50,
          termination: "absorbing",
          discriminator: { ...DAC_DEFAULTS.discriminator, hidden: [16], batchSize: 16 },
        },
        steps: 2500,
        stops: [1, 2],
      },
      {
        name: "SQIL",
        algorithm: { ...SQIL_DEFAULTS, sac, startSteps: 50, termination: "absorbing" },
        steps: 2500,
        stops: [1, 2],
      },
      {
        name: "AIRL",
        algorithm: {
          ...AIRL_DEFAULTS,
          sac,
          startSteps: 50,
          termination: "absorbing",
          discriminator: { ...AIRL_DEFAULTS.discriminator, ...classifier, shapingHidden: [8] },
        },
        steps: 2500,
        stops: [1, 2],
      },
      {
        name: "f-IRL",
        algorithm: {
          ...F_IRL_DEFAULTS,
          sac,
          startSteps: 50,
          discriminator: { ...F_IRL_DEFAULTS.discriminator, ...classifier, stepsPerRewardStep: 3 },
          policyStepsPerRewardStep: 40,
        },
        steps: 300,
        stops: [3, 6],
      },
      {
        name: "IQ-Learn",
        algorithm: {
          ...IQ_LEARN_DEFAULTS,
          sac,
          startSteps: 50,
          termination: "absorbing",
          regularisedRows: "both",
          valueTerm: "initial",
        },
        steps: 2500,
        stops: [1, 2],
      },
    ])("keeps all that $name needs", async ({ algorithm, steps, stops }) => {
      const evaluation = { every: 1000, episodes: 1, finalEpisodes: 1 };
      const run: TrainConfig = { ...config, env: balancing, steps, evaluation, algorithm };
      const whole = await outcomeOf(run, 0, run, shown);
      for (const stopAfter of stops)
        expect(await outcomeOf(run, stopAfter, run, shown), `stopped after ${stopAfter}`).toEqual(whole);
      expect(Object.keys(whole.tensors)).toContain("softQ");
      const lengths = whole.records.filter(({ kind }) => kind === "episode");
      expect(lengths.length).toBeGreaterThan(3);
      // Another seed is another run.
      const { tensors } = await outcomeOf({ ...run, seed: 8 }, 0, { ...run, seed: 8 }, shown);
      expect(tensors.softQ).not.toEqual(whole.tensors.softQ);
    });

    it("keeps all that an expert needs, and learns from the true reward", async () => {
      const { startSteps, replayCapacity } = config.algorithm;
      const expert: ExpertConfig = {
        ...config,
        command: "expert",
        demos: null,
        env: balancing,
        steps: 2200,
        evaluation: { every: 1000, episodes: 1, finalEpisodes: 1 },
        algorithm: { sac, startSteps, replayCapacity },
      };
      const whole = await outcomeOf(expert);
      for (const stopAfter of [1, 2]) expect(await outcomeOf(expert, stopAfter)).toEqual(whole);
      const [policy] = whole.records.filter(({ kind }) => kind === "policy");
      expect(policy).toMatchObject({ meanReward: 1 });
    });

    it("a saved run gives back policy and temperature, whatever key it is loaded with", async () => {
      const kernels = await loadKernels({ build: "simd" });
      const cartPole = await makeEnvironment(balancing.id, balancing.options);
      const run: TrainConfig = { ...config, env: balancing, algorithm: { ...config.algorithm, sac } };
      const learner = createMlIrl(
        kernels,
        { train: cartPole, rollout: null },
        shown,
        { ...(run.algorithm as MlIrlConfig), replayCapacity: 200 },
        key,
      );
      while (learner.agent.steps < 200)
        mlIrlIteration(
          kernels,
          learner,
          200,
          () => {},
          () => 0,
        );
      saveCheckpoint(kernels, folder, learner.agent, learner, learner.steps, 0);
      const [one, other] = await Promise.all(
        [99, 100].map((seed) => loadSavedRun(folder, run, cartPole, keyFromSeed(seed))),
      );
      expect(policyTemperature(one.kernels, one.policy)).toBe(
        policyTemperature(kernels, learner.agent.policy),
      );
      expect(policyTemperature(kernels, learner.agent.policy)).not.toBe(1);
      const played = [
        deterministicPolicy(kernels, learner.agent.policy),
        savedPolicy(one, "mode"),
        savedPolicy(other, "mode"),
        savedPolicy(one, "sample"),
        savedPolicy(other, "sample"),
      ].map((act) => rollout(cartPole, act, 3, keyFromSeed(1)).actions);
      expect(played[1]).toEqual(played[0]);
      expect(played[2]).toEqual(played[0]);
      expect(played[3]).not.toEqual(played[0]);
      expect(played[4]).not.toEqual(played[3]);
      const learned = one.reward && rewardsAlong(one.kernels, one.reward, shown);
      expect(learned).toEqual(rewardsAlong(kernels, learner.reward, shown));
      const wider = { ...run, algorithm: { ...run.algorithm, sac: { ...sac, hidden: [8] } } };
      await expect(loadSavedRun(folder, wider, cartPole, key)).rejects.toThrow(/floats of softQ/);
    });
  });

  it("learns slower where it is told to, an expert too", async () => {
    const { sac, startSteps, replayCapacity } = config.algorithm;
    const expert: ExpertConfig = {
      ...config,
      command: "expert",
      demos: null,
      algorithm: { sac, startSteps, replayCapacity },
    };
    const slowdown = { from: 120, learningRate: 1e-4 };
    const slow = { ...expert, algorithm: { ...expert.algorithm, slowdown } };
    const plain = await outcomeOf(expert);
    expect((await outcomeOf(slow)).tensors).not.toEqual(plain.tensors);
    const late = { ...slow, algorithm: { ...slow.algorithm, slowdown: { ...slowdown, from: 200 } } };
    expect((await outcomeOf(late)).tensors).toEqual(plain.tensors);
  });
});

describe("held-out demonstrations", () => {
  it("are measured on at each evaluation and change nothing else", async () => {
    const shown = rollout(environment, randomPolicy(foldIn(key, 5)), 1, foldIn(key, 6));
    const without = await outcomeOf(config);
    const summary = await runTraining(folder, config, demonstrations, hooks(), shown);
    const measured = recordsOf("held-out") as HeldOutRecord[];
    expect(measured.map(({ step }) => step)).toEqual([100, 200]);
    for (const { logLikelihood, rewardGap, stateDistance } of measured) {
      expect(Number.isFinite(logLikelihood) && Number.isFinite(rewardGap)).toBe(true);
      expect(stateDistance).toBeGreaterThan(0);
      expect(stateDistance).toBeLessThan(1);
    }
    expect(recordsOf().filter(({ kind }) => kind !== "held-out")).toEqual(without.records);
    expect({ summary, tensors: readTensors(folder) }).toEqual({
      summary: without.summary,
      tensors: without.tensors,
    });
  });

  it("are compared with lives up to the task's horizon", async () => {
    const hopper = { ...config, env: { id: "Hopper-v5", options: { maxEpisodeSteps: 300 } } };
    const task = await makeEnvironment(hopper.env.id, hopper.env.options);
    const shown = rollout(task, randomPolicy(foldIn(key, 5)), 1, foldIn(key, 6));
    await runTraining(folder, hopper, shown, hooks(), shown);
    const { kernels, policy } = await loadSavedRun(folder, hopper, task, key);
    const evaluationKey = foldIn(foldIn(key, 1), 200);
    const { trajectories } = evaluate(task, deterministicPolicy(kernels, policy), 1, evaluationKey);
    task.close();
    expect(trajectories.terminated.at(-1)).toBe(1);
    expect(trajectories.terminated.length).toBeLessThan(300);
    const { stateDistance: measured } = recordsOf("held-out").at(-1) as HeldOutRecord;
    expect(measured).toBe(stateDistance(shown, trajectories, 300));
  });
});

describe("instruments", () => {
  const instrumented = { ...config, instruments: true };

  it("measure at each evaluation and change nothing else", async () => {
    const without = await outcomeOf(config);
    const { summary, records, tensors } = await outcomeOf(instrumented);
    expect(summary).toEqual(without.summary);
    expect(tensors).toEqual(without.tensors);
    expect(records.filter(({ kind }) => kind !== "instruments")).toEqual(without.records);
    const measured = records.filter(({ kind }) => kind === "instruments");
    expect(measured).toMatchObject([
      { step: 100, rows: 100, radius: 40 },
      { step: 200, rows: 100, radius: 40 },
    ]);
    expect(measured[1]).not.toEqual({ ...measured[0], step: 200 });
  });

  it("measure the same in a run that was stopped, and can be switched on where one goes on", async () => {
    const whole = await outcomeOf(instrumented);
    // Each stop comes after an iteration of 50 steps.
    expect(await outcomeOf(instrumented, 3)).toEqual(whole);
    const late = await outcomeOf(config, 2, instrumented);
    expect(late.records).toEqual(
      whole.records.filter(({ kind, step }) => kind !== "instruments" || step > 100),
    );
    expect(late.tensors).toEqual(whole.tensors);
  });
});

describe("the watch over a training", () => {
  /** 70 reward steps in a ball that is full from the first on. */
  const saturated: typeof config = {
    ...config,
    steps: 400,
    algorithm: {
      ...config.algorithm,
      policyStepsPerRewardStep: 5,
      reward: { ...config.algorithm.reward, regulariser: { kind: "projection", radius: 1e-3 } },
    },
  };

  it("records a finding after what shows it, in the metrics, to whoever listens, and in the summary", async () => {
    const heard: FindingRecord[] = [];
    const summary = await runTraining(folder, saturated, demonstrations, {
      ...hooks(),
      onRecord: (record) => {
        if (record.kind === "finding") heard.push(record);
      },
    });
    // The policy learns from step 51 on, in the eleventh iteration; the first reward step is in the tenth.
    const [finding] = recordsOf("finding");
    expect(finding).toMatchObject({ signature: "reward saturation", step: 250, since: 2, until: null });
    const records = recordsOf();
    expect(records[records.findIndex(({ kind }) => kind === "finding") - 1]).toMatchObject({
      kind: "reward",
      rewardStep: 41,
    });
    expect(heard).toEqual([finding]);
    expect(summary?.findings).toEqual([{ ...finding, step: 400 }]);
  });

  it("remembers in a resumed run what it saw", async () => {
    const whole = await outcomeOf(saturated);
    // Once in the middle of the first window, once after the finding.
    expect(await outcomeOf(saturated, 30)).toEqual(whole);
    expect(await outcomeOf(saturated, 60)).toEqual(whole);
  });

  it("leaves a run that broke with the reason in its records", async () => {
    const reward = { ...config.algorithm.reward, stepSize: 1e39, regulariser: { kind: "none" } as const };
    const broken = { ...config, algorithm: { ...config.algorithm, reward } };
    await expect(runTraining(folder, broken, demonstrations, hooks())).rejects.toThrow(/^training: /);
    const records = recordsOf();
    expect(records.filter(({ kind }) => kind === "finding")).toEqual([records[records.length - 1]]);
    expect(records[records.length - 1]).toMatchObject({
      signature: "not finite",
      evidence: expect.stringMatching(/^\w+ of the \w+ level became (-?Infinity|NaN)$/),
    });
  });
});
