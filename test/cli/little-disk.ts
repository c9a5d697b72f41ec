/** Preloaded into a process (`--import`), this makes every file system say that TANDEM_TEST_FREE bytes are free. */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const { TANDEM_TEST_FREE: free } = process.env;
const { statfsSync } = fs;

fs.statfsSync = ((path: string) =>
  Object.assign(statfsSync(path), { bavail: Number(free), bsize: 1 })) as typeof statfsSync;
syncBuiltinESMExports();
