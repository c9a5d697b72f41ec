/** Every check that is not a test: formatting, lint, types, import rules, unused code, package shape, documentation. */
import { spawnSync } from "node:child_process";

const checks: [name: string, command: string, ...args: string[]][] = [
  ["formatting", "prettier", "--check", "--log-level", "warn", "."],
  ["lint", "oxlint", "--type-aware", "--deny-warnings"],
  ["types", "tsc", "-p", "."],
  ["import rule", "depcruise", "--config", ".dependency-cruiser.json", "--output-type", "err", "src"],
  ["unused code", "knip"],
  ["package", "publint", "--strict"],
  ["documentation", "typedoc", "--emit", "none"],
];

const failed = checks.filter(([name, command, ...args]) => {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
  console.log(`${status === 0 ? "ok     " : "FAILED "} ${name}`);
  if (status !== 0) console.log(`${stdout}${stderr}`);
  return status !== 0;
});
process.exitCode = failed.length > 0 ? 1 : 0;
