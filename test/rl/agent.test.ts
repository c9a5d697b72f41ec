import { expect, it } from "vitest";
import { foldIn, keyFromSeed, transitionCount, type Trajectories } from "../../src/core/index.ts";
import { makeEnvironment } from "../../src/envs/index.ts";
import type { Kernels } from "../../src/kernels/index.ts";
import {
  agentStep,
  createAgent,
  recordedReward,
  rollout,
  actBy,
  policyOptimisers,
  policyTensors,
  takePolicyRecord,
  type Agent,
  type AgentOptions,
  type BatchReward,
  type SacOptions,
} from "../../src/rl/index.ts";
import { describeBuilds, download } from "../kernels/builds.ts";
import { checksum, expectClose } from "../reference/closeness.ts";
import { pointEnvironment, type PointOptions } from "../reference/point-environment.ts";

const SAC: SacOptions = {
  hidden: [8],
  batchSize: 8,
  discount: 0.9,
  learningRate: 1e-2,
  polyak: 0.1,
  temperature: "learnt",
  targetEntropy: "auto",
};
const OPTIONS: AgentOptions = { sac: SAC, startSteps: 10, replayCapacity: 20, keepTrueRewards: false };

/** Reward of a row from its own state and action alone. */
const ownReward =
  (kernels: Kernels): BatchReward =>
  ({ size, rows, stride }, out) => {
    for (let i = 0; i < size; i++) {
      const [x, , a] = kernels.f32(rows + 4 * i * stride, 3);
      kernels.f32(out + 4 * i, 1)[0] = -x * x + a;
    }
  };

interface Training {
  agent: Agent;
  episodes: Trajectories[];
  updatesAt: number[];
}

function train(
  kernels: Kernels,
  steps: number,
  options: Partial<AgentOptions> = {},
  point: Partial<PointOptions> = {},
  seed = 1,
): Training {
  const agent = createAgent(kernels, pointEnvironment(point), { ...OPTIONS, ...options }, keyFromSeed(seed));
  const episodes: Trajectories[] = [];
  const updatesAt: number[] = [];
  const reward = ownReward(kernels);
  for (let t = 0; t < steps; t++) {
    const episode = agentStep(kernels, agent, reward, () => 0);
    if (episode) episodes.push(episode);
    updatesAt.push(agent.policy.updates);
  }
  return { agent, episodes, updatesAt };
}

const learnt = (kernels: Kernels, { agent }: Training): number =>
  checksum(Object.values(policyTensors(agent.policy)).map(([at, length]) => download(kernels, at, length)));

/** The replay's termination column. */
const storedTerminations = (kernels: Kernels, { agent }: Training): number[] => {
  const { rows, stride, added } = agent.replay;
  return Array.from({ length: added }, (_, t) => kernels.f32(rows + 4 * (t * stride + stride - 1), 1)[0]);
};

describeBuilds("an agent", (kernels) => {
  it("updates once a step after its random start, and counts its steps", () => {
    const { agent, updatesAt } = train(kernels, 14);
    expect(updatesAt).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
    expect(agent.steps).toBe(14);
    expect(takePolicyRecord(kernels, agent)).toMatchObject({ step: 14, updates: 4 });
    expect(takePolicyRecord(kernels, agent)).toBeNull();
  });

  it("hands out each episode when it ends, chained from step to step and in the environment's units", () => {
    const { episodes, agent } = train(kernels, 35, {}, { maxEpisodeSteps: 16, low: -3, high: 1 });
    expect(episodes.map(transitionCount)).toEqual([16, 16]);
    expect(agent.episode.rows).toBe(3);
    for (const { observations, nextObservations, actions } of episodes) {
      for (let t = 0; t < 16; t++) {
        // x' = x + a: what was recorded as the action is the move that was made.
        expectClose([nextObservations[2 * t + 1]], [actions[t]], 0);
        if (t < 15)
          expect(nextObservations.subarray(2 * t, 2 * t + 2)).toEqual(
            observations.subarray(2 * t + 2, 2 * t + 4),
          );
      }
    }
    expect(Math.min(...episodes.flatMap(({ actions }) => [...actions]))).toBeLessThan(-1);
  });

  it("starts every episode elsewhere", () => {
    const starts = train(kernels, 64).episodes.map(({ observations }) => observations[0]);
    expect(new Set(starts).size).toBe(4);
  });

  it("stores actions in policy units", () => {
    const { agent, episodes } = train(kernels, 16, {}, { low: -3, high: 1 });
    const { replay } = agent;
    for (let t = 0; t < 16; t++) {
      const unit = kernels.f32(replay.rows + 4 * t * replay.stride, 3)[2];
      expectClose([episodes[0].actions[t]], [-3 + 2 * (unit + 1)], 4 * 2 ** -24);
    }
  });

  it("stores a step as terminated where the task ends it, not where the time limit does", () => {
    const cut = train(kernels, 16, {}, { maxEpisodeSteps: 4 });
    expect(storedTerminations(kernels, cut)).toEqual(Array.from({ length: 16 }, () => 0));
    expect([...cut.episodes[0].truncated]).toEqual([0, 0, 0, 1]);
    const ended = train(kernels, 16, {}, { edge: 0 });
    expect(storedTerminations(kernels, ended)).toEqual(Array.from({ length: 16 }, () => 1));
    expect(ended.episodes.map(transitionCount)).toEqual(Array.from({ length: 16 }, () => 1));
  });

  it("never lets the environment's reward into what it learns", () => {
    const plain = learnt(kernels, train(kernels, 40));
    for (const trueReward of [() => Number.NaN, () => 1e30])
      expect(learnt(kernels, train(kernels, 40, {}, { trueReward }))).toBe(plain);
  });

  it("learns the same bits from the same seed and others from another", () => {
    const plain = learnt(kernels, train(kernels, 60));
    expect(learnt(kernels, train(kernels, 60))).toBe(plain);
    expect(learnt(kernels, train(kernels, 60, {}, {}, 2))).not.toBe(plain);
  });

  it.each<{ name: string; options: Partial<AgentOptions> }>([
    { name: "hidden", options: { sac: { ...SAC, hidden: [8, 8] } } },
    { name: "batchSize", options: { sac: { ...SAC, batchSize: 9 } } },
    { name: "discount", options: { sac: { ...SAC, discount: 0.91 } } },
    { name: "learningRate", options: { sac: { ...SAC, learningRate: 2e-2 } } },
    { name: "polyak", options: { sac: { ...SAC, polyak: 0.2 } } },
    { name: "temperature", options: { sac: { ...SAC, temperature: 1 } } },
    { name: "targetEntropy", options: { sac: { ...SAC, targetEntropy: -1.5 } } },
    { name: "startSteps", options: { startSteps: 11 } },
    { name: "replayCapacity", options: { replayCapacity: 19 } },
  ])("learns otherwise when $name is changed", ({ options }) => {
    expect(learnt(kernels, train(kernels, 30, options))).not.toBe(learnt(kernels, train(kernels, 30)));
  });

  it("learns at its slow rate from the update after the given step on, and not before", () => {
    const slowdown = { from: 20, learningRate: 2e-3 };
    expect(learnt(kernels, train(kernels, 20, { slowdown }))).toBe(learnt(kernels, train(kernels, 20)));
    expect(learnt(kernels, train(kernels, 21, { slowdown }))).not.toBe(learnt(kernels, train(kernels, 21)));
    const slowAtOnce = train(kernels, 30, { slowdown: { ...slowdown, from: 10 } });
    const slow = train(kernels, 30, { sac: { ...SAC, learningRate: 2e-3 } });
    expect(learnt(kernels, slowAtOnce)).toBe(learnt(kernels, slow));
  });

  it("moves the actor at its own rate and all else at the learning rate, a slowdown both in one proportion", () => {
    // Adam's first step is the rate, but for float32 rounding of the parameters.
    const moved = (options: Partial<AgentOptions>): Record<string, number> => {
      const tensors = ({ agent }: Training): [string, number[]][] =>
        Object.entries(policyTensors(agent.policy)).map(([name, [at, length]]) => [
          name,
          // Beside the logarithm lie its gradient and the temperature.
          [...download(kernels, at, name === "logTemperature" ? 1 : length)],
        ]);
      const after = new Map(tensors(train(kernels, 11, options)));
      return Object.fromEntries(
        tensors(train(kernels, 10, options)).map(([name, before]) => [
          name,
          Math.max(...before.map((x, i) => Math.abs(x - after.get(name)![i]))),
        ]),
      );
    };
    const sac = { ...SAC, actorRate: 4e-3 };
    for (const [options, scale] of [
      [{ sac }, 1],
      [{ sac, slowdown: { from: 10, learningRate: 2e-3 } }, 0.2],
    ] as const) {
      const { actor, critics, logTemperature } = moved(options);
      expect(actor).toBeCloseTo(4e-3 * scale, 6);
      expect(critics).toBeCloseTo(1e-2 * scale, 6);
      expect(logTemperature).toBeCloseTo(1e-2 * scale, 6);
    }
    const same = { sac: { ...SAC, actorRate: SAC.learningRate } };
    expect(learnt(kernels, train(kernels, 30, same))).toBe(learnt(kernels, train(kernels, 30)));
  });

  it("takes a target entropy of minus the action coordinates where it is auto", () => {
    const explicit = learnt(kernels, train(kernels, 30, { sac: { ...SAC, targetEntropy: -1 } }));
    expect(explicit).toBe(learnt(kernels, train(kernels, 30)));
  });

  it("reads the true reward only where it is told to keep and use it", () => {
    const { agent } = train(kernels, 5, { keepTrueRewards: true });
    const { replay } = agent;
    const out = kernels.allocate(1);
    const indices = kernels.allocate(1);
    recordedReward(kernels, replay)({ size: 1, rows: 0, stride: replay.stride, indices }, out);
    const arrived = kernels.f32(replay.rows, replay.stride)[3];
    expectClose(download(kernels, out, 1), [-arrived * arrived], 4 * 2 ** -24);
  });
});

/** Three actions. */
const environment = await makeEnvironment("Acrobot-v1", { maxEpisodeSteps: 25 });

describeBuilds("an agent of finitely many actions", (kernels) => {
  const run = (
    steps: number,
    options: Partial<AgentOptions> = {},
  ): { agent: Agent; episodes: Trajectories[] } => {
    const agent = createAgent(kernels, environment, { ...OPTIONS, ...options }, keyFromSeed(1));
    const episodes: Trajectories[] = [];
    const reward: BatchReward = ({ size, rows, stride }, out) => {
      for (let i = 0; i < size; i++)
        kernels.f32(out + 4 * i, 1)[0] = kernels.f32(rows + 4 * i * stride, stride)[7];
    };
    for (let t = 0; t < steps; t++) {
      const episode = agentStep(kernels, agent, reward, () => 0);
      if (episode) episodes.push(episode);
    }
    return { agent, episodes };
  };
  const N = 6;

  it("stores what it did with 1 in its place, and records it as a number, exploring and after", () => {
    const { agent, episodes } = run(75, { replayCapacity: 75 });
    expect(episodes.map(transitionCount)).toEqual([25, 25, 25]);
    const { rows, stride } = agent.replay;
    expect(stride).toBe(2 * N + 3 + 1);
    const all = episodes.flatMap(({ actions, actionSize }) => {
      expect(actionSize).toBe(1);
      return [...actions];
    });
    expect(new Set(all.slice(0, 10))).toEqual(new Set([0, 1, 2]));
    expect(new Set(all.slice(10))).toEqual(new Set([0, 1, 2]));
    all.forEach((action, t) => {
      const stored = [...download(kernels, rows + 4 * (t * stride + N), 3)];
      expect(stored).toEqual([0, 1, 2].map((place) => (place === action ? 1 : 0)));
    });
  });

  it("steps what it stores: the recorded actions lead to the recorded states", () => {
    const { episodes } = run(25);
    const [{ actions, nextObservations }] = episodes;
    const again = rollout(
      environment,
      (() => {
        let t = 0;
        return (_: Float64Array, unit: Float32Array) => {
          unit.fill(0);
          unit[actions[t++]] = 1;
        };
      })(),
      1,
      foldIn(keyFromSeed(1), 2),
    );
    expect(again.actions).toEqual(actions);
    expect(again.nextObservations).toEqual(nextObservations);
  });

  it("explores evenly", () => {
    const counts = [0, 0, 0];
    const { episodes } = run(2000, { startSteps: 2000, replayCapacity: 10 });
    for (const { actions } of episodes) for (const action of actions) counts[action]++;
    const total = counts.reduce((a, b) => a + b);
    expect(total).toBe(2000);
    for (const count of counts)
      expect(Math.abs(count / total - 1 / 3)).toBeLessThan(4 * Math.sqrt(2 / 9 / total));
  });

  it("draws what it does once it has explored", () => {
    // Nothing is learnt to speak of, and at this temperature all actions are as probable.
    const sac = { ...SAC, learningRate: 1e-12, temperature: 1e4 };
    const { episodes } = run(1010, { sac, replayCapacity: 10 });
    const actions = episodes.flatMap((episode) => [...episode.actions]).slice(10);
    for (const action of [0, 1, 2]) {
      const share = actions.filter((each) => each === action).length / actions.length;
      expect(Math.abs(share - 1 / 3)).toBeLessThan(4 * Math.sqrt(2 / 9 / actions.length));
    }
  });

  it("updates its one network, and says of what entropy and temperature it is", () => {
    const { agent } = run(40);
    expect([agent.policy.kind, agent.policy.updates]).toEqual(["deep-soft-q", 30]);
    const record = takePolicyRecord(kernels, agent);
    expect(record).toMatchObject({ step: 40, updates: 30 });
    expect(record?.entropy).toBeGreaterThan(0);
    expect(record?.entropy).toBeLessThanOrEqual(Math.log(3));
    // Half of log 3 is its target: an entropy above it has lowered the temperature.
    expect(record?.temperature).toBeLessThan(1);
    expect(Object.keys(policyTensors(agent.policy)).sort()).toEqual(
      ["logTemperature", "softQ", "softQMoments", "targetSoftQ", "temperatureMoments"].sort(),
    );
    expect(policyOptimisers(agent.policy).map(({ steps }) => steps)).toEqual([30, 30]);
  });

  it("learns from demonstrations beside its own steps, their actions as they are stored", () => {
    const shown = run(25).episodes[0];
    const { agent } = run(30, { demonstrations: shown });
    const { rows, count } = agent.replay.demonstrations!;
    expect(count).toBe(25);
    const { stride } = agent.replay;
    shown.actions.forEach((action, t) => {
      const row = [...download(kernels, rows + 4 * t * stride, stride)];
      expect(row).toEqual([
        ...shown.observations.subarray(N * t, N * t + N),
        ...[0, 1, 2].map((place) => (place === action ? 1 : 0)),
        ...shown.nextObservations.subarray(N * t, N * t + N),
        0,
      ]);
    });
  });

  const weights = (options: Partial<AgentOptions>): number =>
    checksum(
      Object.values(policyTensors(run(30, options).agent.policy)).map(([at, length]) =>
        download(kernels, at, length),
      ),
    );

  it("learns slower from where it is told to", () => {
    const slowdown = { from: 20, learningRate: 2e-3 };
    expect(weights({ slowdown })).not.toBe(weights({}));
    expect(weights({ slowdown: { ...slowdown, from: 10 } })).toBe(
      weights({ sac: { ...SAC, learningRate: 2e-3 } }),
    );
  });
});

describeBuilds("a rollout", (kernels) => {
  const { agent } = train(kernels, 30);
  const mode = (observation: Float64Array, action: Float32Array): void =>
    actBy(kernels, agent.policy, observation, "mode", action);

  it("runs whole episodes whose starts follow from the key", () => {
    const [first, again, other] = [1, 1, 2].map((seed) =>
      rollout(pointEnvironment(), mode, 3, keyFromSeed(seed)),
    );
    expect([...first.episodeStarts]).toEqual([0, 16, 32, 48]);
    expect(again).toEqual(first);
    const starts = [0, 16, 32].map((t) => first.observations[2 * t]);
    expect(new Set([...starts, other.observations[0]]).size).toBe(4);
  });

  it("of the mode draws no random numbers; of samples it does", () => {
    const before = agent.policy.counter;
    rollout(pointEnvironment(), mode, 1, keyFromSeed(1));
    expect(agent.policy.counter).toBe(before);
    const action = new Float32Array(1);
    const draws = Array.from({ length: 3 }, () => {
      actBy(kernels, agent.policy, [0.5, 0], "sample", action);
      return action[0];
    });
    expect(new Set(draws).size).toBe(3);
  });
});
