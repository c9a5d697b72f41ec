import { isDeepStrictEqual } from "node:util";
import { parsePythonJson, pythonJson } from "./python-json.ts";

/** An environment as our files name it. */
export interface NamedEnvironment {
  readonly env: string;
  readonly envOptions: Readonly<Record<string, unknown>>;
}

/** Gymnasium's keyword arguments for our options, where they are called otherwise than in snake case. */
const RENAMED: readonly (readonly [ours: string, theirs: string])[] = [
  ["controlCostWeight", "ctrl_cost_weight"],
  ["rewardDistanceWeight", "reward_dist_weight"],
];

/** Our options that Gymnasium 1.3 takes too, in any of its environments. */
const SHARED = new Set(
  [
    "frameSkip forwardRewardWeight controlCostWeight contactCostWeight contactForceRange healthyReward",
    "terminateWhenUnhealthy healthyStateRange healthyZRange healthyAngleRange resetNoiseScale",
    "excludeCurrentPositionsFromObservation includeCinertInObservation includeCvelInObservation",
    "includeQfrcActuatorInObservation includeCfrcExtInObservation rewardNearWeight rewardDistanceWeight",
    "rewardControlWeight suttonBartoReward goalVelocity gravity enableWind windPower turbulencePower",
  ].flatMap((line) => line.split(" ")),
);

/**
 * What Gymnasium's v4 tasks take, those that are not named nothing. Ant's contact costs have no place here: v4 charges them only with
 * an option that shows the forces too.
 */
const V4: Readonly<Record<string, string>> = {
  Ant: "controlCostWeight healthyReward terminateWhenUnhealthy healthyZRange",
  HalfCheetah: "forwardRewardWeight controlCostWeight",
  Hopper:
    "forwardRewardWeight controlCostWeight healthyReward terminateWhenUnhealthy healthyStateRange healthyZRange healthyAngleRange",
  Humanoid: "forwardRewardWeight controlCostWeight healthyReward terminateWhenUnhealthy healthyZRange",
  Swimmer: "forwardRewardWeight controlCostWeight",
  Walker2d:
    "forwardRewardWeight controlCostWeight healthyReward terminateWhenUnhealthy healthyZRange healthyAngleRange",
};
/** What all of them take. */
const EVERY_V4 = "resetNoiseScale excludeCurrentPositionsFromObservation";
/** Gymnasium's pendulums always fall for good. */
const PENDULUMS = /^Inverted(Double)?Pendulum-/;

/** Where Gymnasium keeps its environments, and after how many steps it cuts an episode. */
const CLASSIC: Readonly<Record<string, readonly [entryPoint: string, steps: number]>> = {
  "Acrobot-v1": ["gymnasium.envs.classic_control.acrobot:AcrobotEnv", 500],
  "CartPole-v0": ["gymnasium.envs.classic_control.cartpole:CartPoleEnv", 200],
  "CartPole-v1": ["gymnasium.envs.classic_control.cartpole:CartPoleEnv", 500],
  "LunarLander-v3": ["gymnasium.envs.box2d.lunar_lander:LunarLander", 1000],
  "MountainCar-v0": ["gymnasium.envs.classic_control.mountain_car:MountainCarEnv", 200],
};
const MUJOCO_STEPS: Readonly<Record<string, number>> = {
  Ant: 1000,
  HalfCheetah: 1000,
  Hopper: 1000,
  Humanoid: 1000,
  InvertedDoublePendulum: 1000,
  InvertedPendulum: 1000,
  Pusher: 100,
  Reacher: 50,
  Swimmer: 1000,
  Walker2d: 1000,
};

/**
 * The environment as Gymnasium's EnvSpec in JSON, from which Minari makes it again; null where Gymnasium has no such
 * environment or cannot be given one of the options.
 *
 * @param defaults options of the environment where none is given. Those that are at their default are left out, as
 *   Gymnasium's is the same. The one that is not: contact margins, which Gymnasium sums in every version.
 */
export function toGymnasiumSpec(
  { env, envOptions }: NamedEnvironment,
  defaults: Readonly<Record<string, unknown>> = {},
): string | null {
  const registered = registration(env);
  if (registered === null) return null;
  const { maxEpisodeSteps = registered.steps, ...given } = envOptions;
  const theirs: Readonly<Record<string, unknown>> = { ...defaults, contactMargins: "summed" };
  const options = Object.fromEntries(
    Object.entries(given).filter(([name, value]) => !isDeepStrictEqual(value, theirs[name])),
  );
  if (!Object.keys(options).every((name) => takes(env, name))) return null;
  return pythonJson({
    id: env,
    entry_point: registered.entryPoint,
    reward_threshold: null,
    nondeterministic: false,
    max_episode_steps: maxEpisodeSteps,
    order_enforce: true,
    disable_env_checker: false,
    kwargs: Object.fromEntries(Object.entries(options).map(([name, value]) => [theirName(name), value])),
    additional_wrappers: [],
    vector_entry_point: null,
  });
}

/** The environment of an EnvSpec in JSON, its keyword arguments under our names; null where that names none. */
export function fromGymnasiumSpec(text: string): NamedEnvironment | null {
  const spec = objectOf(text);
  if (typeof spec?.id !== "string") return null;
  const given = typeof spec.kwargs === "object" && spec.kwargs !== null ? Object.entries(spec.kwargs) : [];
  const options = given
    .filter(([name]) => name !== "render_mode")
    .map(([name, value]) => [ourName(name), value]);
  const steps = spec.max_episode_steps;
  if (typeof steps === "number" && steps !== registration(spec.id)?.steps)
    options.push(["maxEpisodeSteps", steps]);
  return { env: spec.id, envOptions: Object.fromEntries(options) };
}

function takes(env: string, option: string): boolean {
  if (env.endsWith("-v4")) {
    const [task] = env.split("-");
    return Object.hasOwn(V4, task) && `${V4[task]} ${EVERY_V4}`.split(" ").includes(option);
  }
  if (option === "terminateWhenUnhealthy" && PENDULUMS.test(env)) return false;
  return SHARED.has(option);
}

function registration(env: string): { entryPoint: string; steps: number } | null {
  if (Object.hasOwn(CLASSIC, env)) {
    const [entryPoint, steps] = CLASSIC[env];
    return { entryPoint, steps };
  }
  const [, name, version] = /^(\w+)-v([45])$/.exec(env) ?? [];
  if (name === undefined || !Object.hasOwn(MUJOCO_STEPS, name)) return null;
  const entryPoint = `gymnasium.envs.mujoco.${snakeCase(name)}_v${version}:${name}Env`;
  return { entryPoint, steps: MUJOCO_STEPS[name] };
}

function theirName(name: string): string {
  return RENAMED.find(([ours]) => ours === name)?.[1] ?? snakeCase(name);
}

function ourName(name: string): string {
  const renamed = RENAMED.find(([, theirs]) => theirs === name)?.[0];
  return renamed ?? name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** HalfCheetah: half_cheetah. */
function snakeCase(name: string): string {
  return name.replace(/(?<!^)[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
}

function objectOf(text: string): Record<string, unknown> | null {
  try {
    const value = parsePythonJson(text);
    return typeof value === "object" ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
