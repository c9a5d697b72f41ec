/**
 * The near side of gymnasium-parity.py: reads `{ cases: [...] }` from standard input, runs each case in the environment
 * of this library and prints `{ models: { id: MJCF }, rollouts: [...] }`.
 */
import { text } from "node:stream/consumers";

import { type EnvironmentState, makeEnvironment } from "../src/envs/index.ts";
import { HALF_CHEETAH } from "../src/envs/mujoco/half-cheetah.ts";
import { toMjcf } from "../src/envs/mujoco/model.ts";

interface Case {
  id: string;
  options: Record<string, unknown>;
  seed: number;
  /** The state after Gymnasium's reset. */
  start: EnvironmentState;
  actions: number[][];
  /** Before the step of this number, the state is set to `start` again; null for never. */
  setStateAt: number | null;
  /** Gymnasium's whole state before each step, to start each step from; null to run freely. */
  states: EnvironmentState[] | null;
}

interface Rollout {
  resetInfo: string[];
  qpos: number[][];
  qvel: number[][];
  observation: number[][];
  reward: number[];
  terminated: boolean[];
  truncated: boolean[];
  info: Record<string, number>[];
}

async function rollOut({ id, options, seed, start, actions, setStateAt, states }: Case): Promise<Rollout> {
  const env = await makeEnvironment(id, options);
  const { info } = env.reset({ seed });
  const rollout: Rollout = {
    resetInfo: Object.keys(info).sort(),
    qpos: [],
    qvel: [],
    observation: [],
    reward: [],
    terminated: [],
    truncated: [],
    info: [],
  };
  env.setState(start);
  actions.forEach((action, t) => {
    if (t === setStateAt) env.setState(start);
    if (states) env.setState(states[t]);
    const result = env.step(action);
    const { qpos, qvel } = env.getState();
    rollout.qpos.push(Array.from(qpos));
    rollout.qvel.push(Array.from(qvel));
    rollout.observation.push(Array.from(result.observation));
    rollout.reward.push(result.reward);
    rollout.terminated.push(result.terminated);
    rollout.truncated.push(result.truncated);
    rollout.info.push({ ...result.info });
  });
  env.close();
  return rollout;
}

const { cases } = JSON.parse(await text(process.stdin)) as { cases: Case[] };
const rollouts: Rollout[] = [];
for (const one of cases) rollouts.push(await rollOut(one));
const halfCheetah = toMjcf(HALF_CHEETAH, "summed");
console.log(
  JSON.stringify({ models: { "HalfCheetah-v4": halfCheetah, "HalfCheetah-v5": halfCheetah }, rollouts }),
);
