export * from "./dac.ts";
export * from "./learner.ts";
export * from "./mce-irl.ts";
export * from "./ml-irl.ts";
export * from "./reward-model.ts";
export * from "./soft-q-ml-irl.ts";
export * from "./sqil.ts";
export * from "./termination.ts";
