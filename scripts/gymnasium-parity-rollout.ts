/**
 * The near side of gymnasium-parity.py: reads `{ cases: [...] }` from standard input, runs each case in the environment
 * of this library and prints `{ versions, rollouts: [...] }`.
 */
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";

import { type EnvironmentState, makeEnvironment } from "../src/envs/index.ts";
import { loadMujoco } from "../src/envs/mujoco/simulation.ts";

interface Case {
  id: string;
  options: Record<string, unknown>;
  seed: number;
  /** The state the episode starts from. */
  start: EnvironmentState;
  actions: number[][];
  /** Before the step of this number, the state is set to `start` again; null for never. */
  setStateAt: number | null;
  /** Gymnasium's whole state before each step, to start each step from; null to run freely. */
  states: EnvironmentState[] | null;
}

interface Rollout {
  /** The model that MuJoCo compiled. */
  mjcf: string;
  resetInfo: string[];
  startObservation: number[];
  qpos: number[][];
  qvel: number[][];
  observation: number[][];
  reward: number[];
  terminated: boolean[];
  truncated: boolean[];
  info: Record<string, number>[];
}

const mujoco = await loadMujoco();
let compiled = "";
// oxlint-disable-next-line typescript/unbound-method -- the proxy passes `this` on
mujoco.MjModel.from_xml_string = new Proxy(mujoco.MjModel.from_xml_string, {
  apply(compile, self, words: [string]) {
    compiled = words[0];
    return Reflect.apply(compile, self, words);
  },
});

async function rollOut({ id, options, seed, start, actions, setStateAt, states }: Case): Promise<Rollout> {
  const env = await makeEnvironment(id, options);
  const { info } = env.reset({ seed });
  const parts = Object.keys(env.getState());
  const rollout: Rollout = {
    mjcf: compiled,
    resetInfo: Object.keys(info).sort(),
    startObservation: Array.from(env.setState(start)),
    qpos: [],
    qvel: [],
    observation: [],
    reward: [],
    terminated: [],
    truncated: [],
    info: [],
  };
  actions.forEach((action, t) => {
    if (t === setStateAt) env.setState(start);
    if (states) env.setState(Object.fromEntries(parts.map((name) => [name, states[t][name]])));
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
const manifest = new URL("../node_modules/@mujoco/mujoco/package.json", import.meta.url);
const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };
console.log(JSON.stringify({ versions: { node: process.version, "@mujoco/mujoco": version }, rollouts }));
