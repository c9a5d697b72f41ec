import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import { tandem } from "./tandem.ts";

const cwd = tmpdir();

describe("help", () => {
  it.each([
    [
      [],
      [
        "train",
        "expert",
        "eval",
        "reward",
        "retrain",
        "report",
        "runs",
        "bench",
        "sweep",
        "repro",
        "lab",
        "demos",
      ],
    ],
    [
      ["train", "--help"],
      ["Task:", "Policy:", "Reward:", "--instruments", "Negative controls", "Examples:"],
    ],
    [
      ["expert", "--help"],
      ["Recording:", "--record-policy", "Examples:"],
    ],
    [
      ["eval", "--help"],
      ["--policy", "Examples:"],
    ],
    [
      ["reward", "--help"],
      ["--against", "--distances", "Examples:"],
    ],
    [
      ["retrain", "--help"],
      ["Task:", "--expert", "[the run's + 1]", "Examples:"],
    ],
    [
      ["report", "--help"],
      ["--out", "negative controls", "Examples:"],
    ],
    [
      ["runs", "list", "--help"],
      ["--sort", "--state", "Examples:"],
    ],
    [
      ["runs", "show", "--help"],
      ["--json", "Examples:"],
    ],
    [
      ["runs", "compare", "--help"],
      ["--out", "Examples:"],
    ],
    [
      ["runs", "rm", "--help"],
      ["--replay", "--yes", "Examples:"],
    ],
    [
      ["lab", "--help"],
      ["--quick", "--restart", "Examples:"],
    ],
    [
      ["bench", "--help"],
      ["--parallel", "--only", "--list", "--report", "--keep-replay", "Ctrl-C", "Examples:"],
    ],
    [
      ["sweep", "--help"],
      ["--points", "--parallel", "--only", "--list", "--report", "Ctrl-C", "Examples:"],
    ],
    [
      ["repro", "--help"],
      ["Listing:", "Running a cell:", "--trajectories", "--report", "Ctrl-C", "Examples:"],
    ],
    [
      ["demos", "inspect", "--help"],
      ["--env", "Examples:"],
    ],
  ])("tandem %j fits 80 columns and says what it should", async (args, parts) => {
    const { code, stdout, stderr } = await tandem(args, { cwd });
    expect(code).toBe(0);
    expect(stderr).toBe("");
    for (const part of parts) expect(stdout).toContain(part);
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  it("a command of commands, alone, shows its help and fails", async () => {
    const { code, stdout, stderr } = await tandem(["demos"], { cwd });
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toContain("inspect");
  });

  it("--version is the package's", async () => {
    const { stdout } = await tandem(["--version"], { cwd });
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\S*\n$/);
  });
});
