export * from "./aggregates.ts";
export * from "./bootstrap.ts";
export * from "./correlation.ts";
export * from "./evaluate.ts";
export * from "./reward-distance.ts";
export * from "./sampled-reward-distance.ts";
export { normalisedScore, type ScoreAnchors, type Scores } from "./scores.ts";
export * from "./simulator.ts";
export * from "./variance-components.ts";
