export { bytesInMemory, type ByteSource } from "./byte-source.ts";
export * from "./demonstration-file.ts";
export { formatDemonstrations } from "./format.ts";
export * from "./inspect.ts";
export * from "./inspection-text.ts";
export { type Demonstrations, type LayoutName } from "./layouts.ts";
export * from "./lint.ts";
export { type InitialState, initialState } from "./lint-initial-state.ts";
export { shownState } from "./lint-states.ts";
export * from "./lint-text.ts";
export {
  looksLikeNpy,
  readNpy,
  readNpyHeader,
  writeNpy,
  type NpyArray,
  type NpyData,
  type NpyDtype,
  type NpyHeader,
} from "./npy.ts";
export * from "./npz.ts";
export { openDemonstrations } from "./open.ts";
export { parseDemonstrations } from "./parse.ts";
export * from "./read.ts";
export * from "./select.ts";
export { createDemonstrationSink, type WrittenFormat } from "./sink.ts";
export * from "./write.ts";
