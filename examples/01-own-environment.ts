/**
 * Bring your own environment: a point that is pushed along a line, an expert that parks it at x = 1, and a reward and a
 * policy learnt from one of the expert's episodes. Takes a few seconds: `npx node examples/01-own-environment.ts`.
 */
import { box, createMlIrl, evaluate, deterministicPolicy, keyFromSeed, loadKernels } from "../src/index.ts";
import { mlIrlIteration, rollout, split, TRAIN_DEFAULTS, type Act } from "../src/index.ts";
import type { Environment, StepResult } from "../src/envs/index.ts";

/** Position and velocity of a point on a line; the action is a force. The true reward is minus the distance to x = 1. */
function makePoint(): Environment {
  const MAX_STEPS = 50;
  const observation = new Float64Array(2);
  const result: StepResult = { observation, reward: 0, terminated: false, truncated: false, info: {} };
  let steps = 0;
  return {
    id: "Point-v0",
    observationSpace: box(2, -Infinity, Infinity),
    actionSpace: box(1, -1, 1),
    maxEpisodeSteps: MAX_STEPS,
    reset({ seed = 0 } = {}) {
      observation.set([(seed % 1000) / 1000 - 0.5, 0]);
      steps = 0;
      return { observation, info: {} };
    },
    step(action) {
      observation[1] = 0.8 * observation[1] + 0.1 * action[0];
      observation[0] += observation[1];
      result.reward = -Math.abs(1 - observation[0]);
      result.truncated = ++steps === MAX_STEPS;
      return result;
    },
    setState({ observation: state }) {
      observation.set(state);
      steps = 0;
      return observation;
    },
    getState: () => ({ observation: observation.slice() }),
    close() {},
  };
}

const expert: Act = ([x, v], action) => {
  action[0] = Math.max(-1, Math.min(1, 3 * (1 - x) - 6 * v));
};

const [expertKey, learningKey, evaluationKey] = split(keyFromSeed(1), 3);
const kernels = await loadKernels();
const environment = makePoint();
const demonstrations = rollout(environment, expert, 1, expertKey);

const learner = createMlIrl(
  kernels,
  { train: environment, rollout: null },
  demonstrations,
  {
    ...TRAIN_DEFAULTS,
    sac: { ...TRAIN_DEFAULTS.sac, hidden: [64, 64], learningRate: 1e-3, discount: 0.95 },
    startSteps: 500,
    replayCapacity: 10_000,
    policyStepsPerRewardStep: 50,
  },
  learningKey,
);
const STEPS = 10_000;
const trueReturn = (act: Act): string => evaluate(makePoint(), act, 5, evaluationKey).meanReturn.toFixed(2);
const clock = (): number => performance.now();
while (learner.agent.steps < STEPS) {
  mlIrlIteration(kernels, learner, STEPS, () => {}, clock);
  if (learner.agent.steps % 2000 > 0) continue;
  const policy = deterministicPolicy(kernels, learner.agent.policy);
  console.log(`after ${learner.agent.steps} steps the learned policy's true return is ${trueReturn(policy)}`);
}
console.log(`the expert's is ${trueReturn(expert)}`);
