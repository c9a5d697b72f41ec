/** Compiles the kernels, then bundles the package into dist/ (what `npm ci` runs so that everything is ready). */
import { rmSync, symlinkSync } from "node:fs";
import { build } from "tsdown";
import { buildKernels } from "./build-kernels.ts";

await buildKernels();
await build({
  entry: { index: "src/index.ts", "envs/index": "src/envs/index.ts", "cli/main": "src/cli/main.ts" },
  platform: "node",
  fixedExtension: false,
  dts: { sourcemap: false },
  clean: true,
  logLevel: "warn",
});

// A checkout is its own package: npm links the commands of dependencies only, so that npx would not find `tandem` here.
const link = "node_modules/.bin/tandem";
rmSync(link, { force: true });
symlinkSync("../../dist/cli/main.js", link);
