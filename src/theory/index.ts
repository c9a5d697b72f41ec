export * from "./linearity-instruments.ts";
export * from "./tabular-instruments.ts";
