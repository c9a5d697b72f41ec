export * from "./checkpoint.ts";
export * from "./config.ts";
export * from "./methods.ts";
export * from "./policy-source.ts";
export * from "./run-folder.ts";
export * from "./saved-run.ts";
export * from "./task-defaults.ts";
export * from "./training.ts";
