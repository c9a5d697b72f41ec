export * from "./adam.ts";
export * from "./gradient-penalty.ts";
export * from "./mlp.ts";
export * from "./normaliser.ts";
export * from "./sparse-two-layer.ts";
export * from "./two-layer.ts";
