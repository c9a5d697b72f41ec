/**
 * Environments, public as `tandem-irl/envs`.
 *
 * @module
 */
export type { Environment, EnvironmentState, StepResult } from "./environment.ts";
export type { LunarLanderOptions } from "./box2d/lunar-lander.ts";
export type { AcrobotOptions } from "./classic-control/acrobot.ts";
export type { CartPoleOptions } from "./classic-control/cart-pole.ts";
export type { MountainCarOptions } from "./classic-control/mountain-car.ts";
export type { AntOptions } from "./mujoco/ant.ts";
export type { CustomAntOptions } from "./mujoco/custom-ant.ts";
export type { HalfCheetahOptions } from "./mujoco/half-cheetah.ts";
export type { HumanoidOptions } from "./mujoco/humanoid.ts";
export type { HopperOptions } from "./mujoco/hopper.ts";
export type { InvertedDoublePendulumOptions } from "./mujoco/inverted-double-pendulum.ts";
export type { InvertedPendulumOptions } from "./mujoco/inverted-pendulum.ts";
export type { PusherOptions } from "./mujoco/pusher.ts";
export type { ReacherOptions } from "./mujoco/reacher.ts";
export type { SwimmerOptions } from "./mujoco/swimmer.ts";
export type { Walker2dOptions } from "./mujoco/walker2d.ts";
export {
  type EnvironmentOptions,
  type EpisodeOptions,
  environmentIds,
  makeEnvironment,
  tabularProblem,
} from "./registry.ts";
export { CHAIN, type ChainOptions, chainMdp } from "./tabular/chain.ts";
export { GARNET, type GarnetOptions, garnetMdp } from "./tabular/garnet.ts";
export { GRID_WORLD, type GridWorldOptions, gridWorldMdp } from "./tabular/grid-world.ts";
export { OBJECT_WORLD, type ObjectWorldOptions, objectWorldMdp } from "./tabular/object-world.ts";
export { tabularEnvironment } from "./tabular/tabular-environment.ts";
export type { TabularDynamics, TabularMdp } from "./tabular/tabular-mdp.ts";
export {
  type EnvironmentFactory,
  type VectorEnvironment,
  type VectorOptions,
  makeVectorEnvironment,
} from "./vector-environment.ts";
export { type VectorStep, vectorEpisodeSeed } from "./vector-share.ts";
