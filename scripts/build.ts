/** Compiles the kernels, then bundles the package into dist/ (what `npm ci` runs so that everything is ready). */
import { build } from "tsdown";
import { buildKernels } from "./build-kernels.ts";

await buildKernels();
await build({
  entry: { index: "src/index.ts", "envs/index": "src/envs/index.ts", "cli/main": "src/cli/main.ts" },
  platform: "node",
  dts: { sourcemap: false },
  clean: true,
  logLevel: "warn",
});
