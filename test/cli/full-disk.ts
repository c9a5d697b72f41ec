/**
 * Preloaded into a process (`--import`), this makes writes to files whose path ends in TANDEM_TEST_FULL fail as on a
 * full disk, or, with TANDEM_TEST_BUG, as nothing that anybody foresaw.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const { TANDEM_TEST_FULL: ending = "", TANDEM_TEST_BUG: bug } = process.env;
const { writeFileSync, appendFileSync } = fs;

function refuse(path: unknown): void {
  // Some temporary names carry the number of the process.
  if (
    !String(path)
      .replace(/\.\d+\.tmp$/, ".tmp")
      .endsWith(ending)
  )
    return;
  if (bug) throw new RangeError(bug);
  throw Object.assign(new Error("ENOSPC: no space left on device, write"), {
    code: "ENOSPC",
    syscall: "write",
  });
}

fs.writeFileSync = (...args: Parameters<typeof writeFileSync>) => {
  refuse(args[0]);
  writeFileSync(...args);
};
fs.appendFileSync = (...args: Parameters<typeof appendFileSync>) => {
  refuse(args[0]);
  appendFileSync(...args);
};
syncBuiltinESMExports();
