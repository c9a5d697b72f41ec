export * from "./onnx-policy.ts";
export * from "./plain-policy.ts";
export * from "./policy.ts";
export * from "./read.ts";
export * from "./rollout.ts";
