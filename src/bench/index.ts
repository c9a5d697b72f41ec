export * from "./agreement.ts";
export * from "./cells.ts";
export * from "./files.ts";
export * from "./findings.ts";
export * from "./outcome.ts";
export * from "./statistics.ts";
export * from "./suite.ts";
export { SUITES } from "./suites.ts";
export * from "./time-left.ts";
