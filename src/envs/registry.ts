import { TandemError } from "../core/index.ts";
import type { Environment } from "./environment.ts";
import { type LunarLanderOptions, makeLunarLander } from "./box2d/lunar-lander.ts";
import { type AntOptions, makeAnt } from "./mujoco/ant.ts";
import { type CustomAntOptions, makeCustomAnt } from "./mujoco/custom-ant.ts";
import { type HalfCheetahOptions, makeHalfCheetah } from "./mujoco/half-cheetah.ts";
import { type HopperOptions, makeHopper } from "./mujoco/hopper.ts";
import {
  type InvertedDoublePendulumOptions,
  makeInvertedDoublePendulum,
} from "./mujoco/inverted-double-pendulum.ts";
import { type InvertedPendulumOptions, makeInvertedPendulum } from "./mujoco/inverted-pendulum.ts";
import { type PusherOptions, makePusher } from "./mujoco/pusher.ts";
import { type ReacherOptions, makeReacher } from "./mujoco/reacher.ts";
import { type SwimmerOptions, makeSwimmer } from "./mujoco/swimmer.ts";
import { type HumanoidOptions, makeHumanoid } from "./mujoco/humanoid.ts";
import { type Walker2dOptions, makeWalker2d } from "./mujoco/walker2d.ts";
import { type AcrobotOptions, makeAcrobot } from "./classic-control/acrobot.ts";
import { type CartPoleOptions, makeCartPole } from "./classic-control/cart-pole.ts";
import { type MountainCarOptions, makeMountainCar } from "./classic-control/mountain-car.ts";
import { type GivenOptions, readOptions, requireCount, requireOneOf } from "./options.ts";
import { CHAIN, type ChainOptions, chainMdp } from "./tabular/chain.ts";
import { GARNET, type GarnetOptions, garnetMdp } from "./tabular/garnet.ts";
import { GRID_WORLD, type GridWorldOptions, gridWorldMdp } from "./tabular/grid-world.ts";
import { OBJECT_WORLD, type ObjectWorldOptions, objectWorldMdp } from "./tabular/object-world.ts";
import { tabularEnvironment } from "./tabular/tabular-environment.ts";
import type { TabularMdp } from "./tabular/tabular-mdp.ts";

/** What every tabular environment takes beside the options of its problem. */
export interface EpisodeOptions {
  /** Steps after which an episode is truncated; 100. */
  maxEpisodeSteps: number;
  /** "number": the state's, the default; "one-hot": 1 in its place of as many as there are states, for networks. */
  observations: string;
}

/** The options each environment takes, by id. */
export interface EnvironmentOptions {
  "Acrobot-v1": AcrobotOptions;
  "Ant-v4": AntOptions;
  "Ant-v5": AntOptions;
  "BigAnt-v0": CustomAntOptions;
  "CartPole-v0": CartPoleOptions;
  "CartPole-v1": CartPoleOptions;
  "Chain-v0": ChainOptions & EpisodeOptions;
  "CustomAnt-v0": CustomAntOptions;
  "DisabledAnt-v0": CustomAntOptions;
  "Garnet-v0": GarnetOptions & EpisodeOptions;
  "GridWorld-v0": GridWorldOptions & EpisodeOptions;
  "HalfCheetah-v4": HalfCheetahOptions;
  "HalfCheetah-v5": HalfCheetahOptions;
  "Hopper-v4": HopperOptions;
  "Hopper-v5": HopperOptions;
  "Humanoid-v4": HumanoidOptions;
  "Humanoid-v5": HumanoidOptions;
  "InvertedDoublePendulum-v4": InvertedDoublePendulumOptions;
  "InvertedDoublePendulum-v5": InvertedDoublePendulumOptions;
  "InvertedPendulum-v4": InvertedPendulumOptions;
  "InvertedPendulum-v5": InvertedPendulumOptions;
  "LunarLander-v3": LunarLanderOptions;
  "MountainCar-v0": MountainCarOptions;
  "ObjectWorld-v0": ObjectWorldOptions & EpisodeOptions;
  "Pusher-v4": PusherOptions;
  "Pusher-v5": PusherOptions;
  "Reacher-v4": ReacherOptions;
  "Reacher-v5": ReacherOptions;
  "Swimmer-v4": SwimmerOptions;
  "Swimmer-v5": SwimmerOptions;
  "Walker2d-v4": Walker2dOptions;
  "Walker2d-v5": Walker2dOptions;
}

type KnownId = keyof EnvironmentOptions;

/** Tabular problems by the id of their environment: defaults of their options, and how they are built. */
const TABULAR = {
  "Chain-v0": family(CHAIN, chainMdp),
  "Garnet-v0": family(GARNET, garnetMdp),
  "GridWorld-v0": family(GRID_WORLD, gridWorldMdp),
  "ObjectWorld-v0": family(OBJECT_WORLD, objectWorldMdp),
};

const MAKERS: Record<KnownId, (options: GivenOptions) => Promise<Environment>> = {
  "Acrobot-v1": makeAcrobot,
  "Ant-v4": (options) => makeAnt("Ant-v4", options),
  "Ant-v5": (options) => makeAnt("Ant-v5", options),
  "BigAnt-v0": (options) => makeCustomAnt("BigAnt-v0", options),
  "CartPole-v0": (options) => makeCartPole("CartPole-v0", options),
  "CartPole-v1": (options) => makeCartPole("CartPole-v1", options),
  "Chain-v0": tabularMaker("Chain-v0"),
  "CustomAnt-v0": (options) => makeCustomAnt("CustomAnt-v0", options),
  "DisabledAnt-v0": (options) => makeCustomAnt("DisabledAnt-v0", options),
  "Garnet-v0": tabularMaker("Garnet-v0"),
  "GridWorld-v0": tabularMaker("GridWorld-v0"),
  "HalfCheetah-v4": (options) => makeHalfCheetah("HalfCheetah-v4", options),
  "HalfCheetah-v5": (options) => makeHalfCheetah("HalfCheetah-v5", options),
  "Hopper-v4": (options) => makeHopper("Hopper-v4", options),
  "Hopper-v5": (options) => makeHopper("Hopper-v5", options),
  "Humanoid-v4": (options) => makeHumanoid("Humanoid-v4", options),
  "Humanoid-v5": (options) => makeHumanoid("Humanoid-v5", options),
  "InvertedDoublePendulum-v4": (options) => makeInvertedDoublePendulum("InvertedDoublePendulum-v4", options),
  "InvertedDoublePendulum-v5": (options) => makeInvertedDoublePendulum("InvertedDoublePendulum-v5", options),
  "InvertedPendulum-v4": (options) => makeInvertedPendulum("InvertedPendulum-v4", options),
  "InvertedPendulum-v5": (options) => makeInvertedPendulum("InvertedPendulum-v5", options),
  "LunarLander-v3": makeLunarLander,
  "MountainCar-v0": makeMountainCar,
  "ObjectWorld-v0": tabularMaker("ObjectWorld-v0"),
  "Pusher-v4": (options) => makePusher("Pusher-v4", options),
  "Pusher-v5": (options) => makePusher("Pusher-v5", options),
  "Reacher-v4": (options) => makeReacher("Reacher-v4", options),
  "Reacher-v5": (options) => makeReacher("Reacher-v5", options),
  "Swimmer-v4": (options) => makeSwimmer("Swimmer-v4", options),
  "Swimmer-v5": (options) => makeSwimmer("Swimmer-v5", options),
  "Walker2d-v4": (options) => makeWalker2d("Walker2d-v4", options),
  "Walker2d-v5": (options) => makeWalker2d("Walker2d-v5", options),
};

/** The ids that `makeEnvironment` knows, in alphabetical order. */
export function environmentIds(): string[] {
  return Object.keys(MAKERS).sort();
}

/**
 * A new environment. What it holds (simulator memory) is given back by its `close`.
 *
 * @param id one of `environmentIds`
 * @param options those of the id; what is left out has Gymnasium's default
 */
export function makeEnvironment<Id extends KnownId>(
  id: Id,
  options?: Partial<EnvironmentOptions[Id]>,
): Promise<Environment>;
export function makeEnvironment(
  id: string,
  options?: Readonly<Record<string, unknown>>,
): Promise<Environment>;
export async function makeEnvironment(id: string, options: GivenOptions = {}): Promise<Environment> {
  if (!Object.hasOwn(MAKERS, id)) {
    throw new TandemError(
      "makeEnvironment",
      `no environment is called ${id}; known are ${environmentIds().join(", ")}`,
    );
  }
  return MAKERS[id as KnownId](options);
}

/** The problem, exact, behind a tabular environment that `makeEnvironment` has made; null for any other environment. */
export function tabularProblem({ id, options = {} }: Environment): TabularMdp | null {
  return isTabular(id) ? TABULAR[id].build(options) : null;
}

function isTabular(id: string): id is keyof typeof TABULAR {
  return Object.hasOwn(TABULAR, id);
}

interface TabularFamily {
  readonly defaults: object;
  readonly build: (given: GivenOptions) => TabularMdp;
}

/** Unknown options are refused by whoever reads all of an environment's. */
function family<Options extends object>(
  defaults: Options,
  build: (options: Options) => TabularMdp,
): TabularFamily {
  return { defaults, build: (given) => build({ ...defaults, ...given }) };
}

function tabularMaker(id: keyof typeof TABULAR): (given: GivenOptions) => Promise<Environment> {
  return async (given) => {
    const { defaults, build } = TABULAR[id];
    const options = readOptions(id, { ...defaults, maxEpisodeSteps: 100, observations: "number" }, given);
    const { maxEpisodeSteps, observations } = options;
    requireCount(id, "maxEpisodeSteps", maxEpisodeSteps);
    requireOneOf(id, "observations", observations, ["number", "one-hot"]);
    const oneHot = observations === "one-hot";
    return tabularEnvironment(id, build({ ...options }), maxEpisodeSteps, {
      oneHot,
      options: { ...options },
    });
  };
}
