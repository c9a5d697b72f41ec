export * from "./elementary.ts";
export * from "./errors.ts";
export * from "./rng.ts";
export * from "./run-format.ts";
export * from "./spaces.ts";
export * from "./trajectories.ts";
export * from "./records.ts";
export * from "./trajectory-builder.ts";
