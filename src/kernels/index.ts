export * from "./contract.ts";
export * from "./load.ts";
