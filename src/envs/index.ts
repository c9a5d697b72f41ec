/**
 * Environments, public as `tandem-irl/envs`.
 *
 * @module
 */
export type { Environment, EnvironmentState, StepResult } from "./environment.ts";
export type { HalfCheetahOptions } from "./mujoco/half-cheetah.ts";
export { type EnvironmentOptions, environmentIds, makeEnvironment } from "./registry.ts";
