export * from "./ml-irl.ts";
export * from "./reward-model.ts";
