import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { commandText } from "../../src/cli/invocation.ts";

const [node, script] = process.argv;
beforeEach(() => {
  vi.stubEnv("npm_command", "");
  vi.stubEnv("npm_lifecycle_event", "");
});
afterEach(() => {
  process.argv.splice(0, 2, node, script);
  vi.unstubAllEnvs();
});

it("a command to go on with is started as this one was", () => {
  process.argv[1] = "/somewhere/bin/tandem";
  expect(commandText("train", "--out", "my run's")).toBe(String.raw`tandem train --out 'my run'\''s'`);
  process.argv[1] = `${process.cwd()}/src/cli/main.ts`;
  expect(commandText("lab")).toBe("node src/cli/main.ts lab");
});

it("and by npx where npm chose the Node that runs it", () => {
  process.argv[1] = `${process.cwd()}/src/cli/main.ts`;
  vi.stubEnv("npm_lifecycle_event", "start");
  expect(commandText("lab")).toBe("npx tandem lab");
  vi.stubEnv("npm_lifecycle_event", "test");
  expect(commandText("lab")).toBe("node src/cli/main.ts lab");
  vi.stubEnv("npm_command", "exec");
  expect(commandText("lab")).toBe("npx tandem lab");
});
