export * from "./correlation.ts";
export * from "./evaluate.ts";
