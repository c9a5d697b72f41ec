export * from "./agent.ts";
export * from "./replay.ts";
export * from "./rollout.ts";
export * from "./sac.ts";
