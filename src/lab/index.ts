export * from "./control-cell.ts";
export * from "./experiment.ts";
export * from "./experiments.ts";
export { appendResult, openResults, writeFindings } from "./results.ts";
export * from "./tabular-cell.ts";
