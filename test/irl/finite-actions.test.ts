import { expect, it } from "vitest";
import { foldIn, keyFromSeed, type Trajectories } from "../../src/core/index.ts";
import { makeEnvironment } from "../../src/envs/index.ts";
import { randomPolicy } from "../../src/eval/index.ts";
import {
  createDac,
  createMlIrl,
  createRewardModel,
  createSqil,
  learnedReward,
  rewardsAlong,
  type RewardOptions,
} from "../../src/irl/index.ts";
import { agentStep, createAgent, policyTensors, rollout } from "../../src/rl/index.ts";
import { DAC_DEFAULTS, SQIL_DEFAULTS, taskDefaults } from "../../src/runs/index.ts";
import { describeBuilds, download } from "../kernels/builds.ts";
import { checksum, expectClose } from "../reference/closeness.ts";

const key = keyFromSeed(3);
const environment = await makeEnvironment("CartPole-v1", { maxEpisodeSteps: 30 });
const demonstrations = rollout(environment, randomPolicy(foldIn(key, 0)), 4, foldIn(key, 1));
const usual = { ...taskDefaults("CartPole-v1").train, replayCapacity: 100 };

/** The demonstrations with one action throughout. */
const one = (action: number): Trajectories => ({
  ...demonstrations,
  actions: demonstrations.actions.map(() => action),
});

describeBuilds("a learned reward of finitely many actions", (kernels) => {
  const REWARD: RewardOptions = {
    ...usual.reward,
    network: { kind: "two-layer", width: 64 },
    absorbing: false,
  };
  const model = (options: Partial<RewardOptions> = {}): ReturnType<typeof createRewardModel> =>
    createRewardModel(kernels, 4, environment.actionSpace, { ...REWARD, ...options }, key);

  it("is the same of a step in a trajectory and of that step in the replay", () => {
    const { sac, startSteps } = usual;
    const options = { sac, startSteps, replayCapacity: 100, keepTrueRewards: false };
    const agent = createAgent(kernels, environment, options, key);
    const episodes: Trajectories[] = [];
    for (let t = 0; t < 100; t++) {
      const episode = agentStep(
        kernels,
        agent,
        () => {},
        () => 0,
      );
      if (episode) episodes.push(episode);
    }
    const reward = model();
    const along = episodes.flatMap((episode) => [...rewardsAlong(kernels, reward, episode)]);
    const { rows, stride } = agent.replay;
    const out = kernels.allocate(along.length);
    learnedReward(kernels, reward)({ size: along.length, rows, stride, indices: 0 }, out);
    expect([...download(kernels, out, along.length)]).toEqual(along);
    expect(new Set(along).size).toBe(along.length);
  });

  it("tells actions apart in one state, unless it is of states alone", () => {
    const [left, right] = [0, 1].map((action) => rewardsAlong(kernels, model(), one(action)));
    left.forEach((reward, t) => expect(reward).not.toBe(right[t]));
    const [before, after] = [0, 1].map((action) =>
      rewardsAlong(kernels, model({ inputs: "state" }), one(action)),
    );
    expectClose(before, after, 0);
  });
});

describeBuilds("a method with finitely many actions", (kernels) => {
  const wrong = { ...demonstrations, actions: demonstrations.actions.with(2, -1) };
  it.each([
    ["createMlIrl", () => createMlIrl(kernels, { train: environment, rollout: null }, wrong, usual, key)],
    ["createDac", () => createDac(kernels, environment, wrong, { ...DAC_DEFAULTS, replayCapacity: 9 }, key)],
    [
      "createSqil",
      () => createSqil(kernels, environment, wrong, { ...SQIL_DEFAULTS, replayCapacity: 9 }, key),
    ],
  ])("refuses demonstrations of an action there is not: %s", (name, create) => {
    expect(create).toThrow(
      `${name}: CartPole-v1 has the actions 0 to 1, but step 2 of the demonstrations takes -1; check that they are of this environment`,
    );
  });

  const learnt = (...valueAfterEnd: number[]): number => {
    const { sac } = usual;
    const options = { sac, startSteps: 60, replayCapacity: 100, keepTrueRewards: false };
    const agent = createAgent(kernels, environment, options, key);
    const reward = ({ size }: { size: number }, out: number): void => kernels.fill(size, out, 1);
    for (let t = 0; t < 80; t++) agentStep(kernels, agent, reward, () => 0, ...valueAfterEnd);
    return checksum(
      Object.values(policyTensors(agent.policy)).map(([at, length]) => download(kernels, at, length)),
    );
  };

  it("bootstraps from the value after an end that it is given", () => {
    expect(learnt(0)).toBe(learnt());
    expect(learnt(5)).not.toBe(learnt());
  });
});
