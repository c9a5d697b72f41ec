export * from "./inspect.ts";
export * from "./inspection-text.ts";
export { type Demonstrations, type LayoutName } from "./layouts.ts";
export * from "./npy.ts";
export * from "./npz.ts";
export * from "./read.ts";
export * from "./select.ts";
export * from "./write.ts";
