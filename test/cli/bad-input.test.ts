import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readDemonstrations, writeNpz, type NpyArray } from "../../src/demos/index.ts";
import { HOOK_TIMEOUT, makeDemonstrations, tandem, temporaryFolder, TINY } from "./tandem.ts";

const folder = temporaryFolder();
const cwd = folder.path;
const full = new URL("./full-disk.ts", import.meta.url).href;

beforeAll(async () => {
  await makeDemonstrations(cwd);
  const whole = readFileSync(join(cwd, "demo.npz"));
  writeFileSync(join(cwd, "cut.npz"), whole.subarray(0, whole.length / 2));
  writeFileSync(join(cwd, "text.npz"), "observations: none\n");
  writeFileSync(join(cwd, "settings.json"), '{ "steps": 0 }');
  writeFileSync(join(cwd, "typing.json"), '{ "stepz": 10 }');
  await writeArrays("nan.npz", (observations) => (observations.data[20] = NaN));
  await writeArrays("narrow.npz", () => {}, 11);
  mkdirSync(join(cwd, "taken"));
  copyFileSync(join(cwd, "demo.npz"), join(cwd, "taken", "demo.npz"));
}, HOOK_TIMEOUT);
afterAll(folder.remove);

/** Some of the demonstrations' rows, changed. */
async function writeArrays(
  name: string,
  change: (observations: NpyArray) => void,
  columns = 17,
): Promise<void> {
  const { trajectories } = await readDemonstrations(join(cwd, "demo.npz"));
  const rows = 10;
  const table = (data: Float32Array, width: number): NpyArray => ({
    dtype: "f4",
    shape: [rows, width],
    data: data.slice(0, rows * width),
  });
  const observations = table(trajectories.observations, columns);
  change(observations);
  const dones = Uint8Array.from({ length: rows }, (_, row) => (row === rows - 1 ? 1 : 0));
  const arrays = {
    observations,
    actions: table(trajectories.actions, 6),
    next_observations: table(trajectories.nextObservations, columns),
    dones: { dtype: "b1", shape: [rows], data: dones } as const,
  };
  writeFileSync(join(cwd, name), writeNpz(arrays));
}

const train = (...more: string[]): string[] => ["train", "--demos", "demo.npz", ...TINY, ...more];
const demos = (file: string, ...more: string[]): string[] => ["train", "--demos", file, ...TINY, ...more];
const cheetah = ["--env", "HalfCheetah-v5"];

const CASES: [why: string, args: string[], says: RegExp][] = [
  ["no demonstrations", ["train", "--steps", "10"], /--demos: expected a file of expert demonstrations/],
  [
    "no steps where the task has no usual number",
    ["expert", "--env", "Swimmer-v5"],
    /--steps: expected for how many steps/,
  ],
  ["a missing file", demos("none.npz"), /none\.npz.*found nothing there/],
  ["a truncated file", demos("cut.npz"), /cut\.npz.*truncated/],
  ["a file of something else", demos("text.npz"), /text\.npz.*numpy\.savez/],
  ["NaN", demos("nan.npz", ...cheetah), /nan\.npz: observations must be finite.*row 1, column 3/],
  [
    "wrong shapes",
    demos("narrow.npz", ...cheetah),
    /demonstrations have observations of 11, HalfCheetah-v5 gives 17/,
  ],
  ["a file that names no environment", demos("narrow.npz"), /--env: narrow\.npz does not say/],
  ["an unknown environment", train("--env", "HalfCheeta-v5"), /did you mean HalfCheetah-v5\?/],
  ["a misspelt environment, before its steps", ["expert", "--env", "Hoper-v5"], /did you mean Hopper-v5\?/],
  ["an unknown environment option", train("--env-option", "gravity=0"), /has no option gravity/],
  ["more episodes than there are", train("--episodes", "4"), /--episodes: demo\.npz has 3, got 4/],
  [
    "more episodes than are left",
    train("--episodes", "2", "--first-episode", "2"),
    /has 1 from episode 2 on, got 2/,
  ],
  ["a first episode beyond the last", train("--first-episode", "3"), /has episodes 0 to 2, got 3/],
  ["no steps at all", ["train", "--demos", "demo.npz", "--steps", "0"], /--steps: expected a whole number/],
  ["negative steps", ["train", "--demos", "demo.npz", "--steps", "-5"], /--steps: .*got -5/],
  [
    "a setting out of range",
    ["train", "--demos", "demo.npz", "--config", "settings.json"],
    /settings\.json: steps/,
  ],
  [
    "a setting that is none",
    ["train", "--demos", "demo.npz", "--config", "typing.json"],
    /did you mean steps\?/,
  ],
  ["settings that are not there", train("--config", "none.json"), /--config: there is no file none\.json/],
  ["an unknown option", train("--hiden", "3"), /unknown option '--hiden' \(Did you mean --hidden\?\)/],
  ["an unknown command", ["trian"], /unknown command 'trian' \(Did you mean train\?\)/],
  ["a run folder in use", train("--out", "taken"), /--out: taken is not empty/],
  ["a run folder that is a file", train("--out", "demo.npz/run"), /demo\.npz is a file, not a folder/],
  ["networks beyond all memory", train("--hidden", "99999,99999"), /float32 do not fit/],
  ["an evaluation of nothing", ["eval", "nowhere"], /expected a run folder at nowhere/],
  ["a report of nothing", ["report", "nowhere"], /nowhere has no config\.json/],
  ["to go on with nothing", ["train", "--resume", "nowhere"], /expected a run folder at nowhere/],
  ["an inspection of nothing", ["demos", "inspect", "none.npz"], /found nothing there/],
  [
    "a recording over a file",
    ["expert", ...cheetah, "--steps", "10", "--record", "demo.npz"],
    /is there already/,
  ],
  [
    "a recording nowhere",
    ["expert", ...cheetah, "--steps", "10", "--record", "no/x.npz"],
    /there is no folder no/,
  ],
];

describe("bad input is one line on stderr, and leaves nothing behind", () => {
  it.each(CASES)("%s", async (_, args, says) => {
    const before = readdirSync(cwd).sort();
    const { code, stdout, stderr } = await tandem(args, { cwd });
    expect(stderr).toMatch(/^tandem: [^\n]+\n$/);
    expect(stderr).toMatch(says);
    expect(stdout).toBe("");
    expect(code).toBe(1);
    expect(readdirSync(cwd).sort()).toEqual(before);
  });
});

/** Writes to files whose path ends so fail, as on a full disk or with an error of that name. */
const withFullDisk = (ending: string, bug = ""): Record<string, string> => ({
  NODE_OPTIONS: `--import=${full}`,
  TANDEM_TEST_FULL: ending,
  TANDEM_TEST_BUG: bug,
});

describe("a full disk", () => {
  it("at the start leaves nothing behind", async () => {
    const before = readdirSync(cwd).sort();
    const { code, stderr } = await tandem(train(), { cwd, env: withFullDisk("config.json.tmp") });
    expect(stderr).toMatch(/^tandem: [^\n]*the disk is full; free some space\n$/);
    expect(code).toBe(1);
    expect(readdirSync(cwd).sort()).toEqual(before);
  });

  it("later keeps what was saved, and says how to go on", async () => {
    const env = withFullDisk("summary.json.tmp");
    const { code, stderr } = await tandem(train("--out", "filled"), { cwd, env });
    expect(stderr).toMatch(/\ntandem: [^\n]*the disk is full[^\n]*train --resume filled\n$/);
    expect(code).toBe(1);
    const resumed = await tandem(["train", "--resume", "filled", "--json"], { cwd });
    expect(resumed.code).toBe(0);
    expect(JSON.parse(resumed.stdout)).toMatchObject({ env: "HalfCheetah-v5", steps: { train: 300 } });
  });

  it("is no bug, but a bug says that it is one", async () => {
    const before = readdirSync(cwd).sort();
    const { code, stderr } = await tandem(train(), { cwd, env: withFullDisk("metrics.jsonl", "odd number") });
    expect(stderr).toMatch(/odd number[^]*\n {4}at [^]*\ntandem: this is a bug; please report it[^\n]*\n$/);
    expect(code).toBe(2);
    expect(readdirSync(cwd).sort()).toEqual(before);
  });
});
