/**
 * Tandem: inverse reinforcement learning for TypeScript. Environments are public as `tandem-irl/envs`.
 *
 * @module
 */
export * from "./core/index.ts";
export * from "./demos/index.ts";
export * from "./eval/index.ts";
export * from "./irl/index.ts";
export * from "./kernels/index.ts";
export * from "./nn/index.ts";
export * from "./policies/index.ts";
export * from "./report/index.ts";
export * from "./rl/index.ts";
export * from "./runs/index.ts";
export * from "./theory/index.ts";
