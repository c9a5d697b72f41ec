import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Outcome } from "../../src/bench/index.ts";
import {
  HOOK_TIMEOUT,
  makeDemonstrations,
  readJson,
  tandem,
  temporaryFolder,
  type Outcome as CommandOutcome,
} from "./tandem.ts";

const folder = temporaryFolder();
const cwd = folder.path;
/** Milliseconds for several trainings on a busy machine. */
const LONG = 240_000;

/** Cells of a second. */
const SUITE = {
  name: "tiny",
  tasks: [
    {
      name: "Cheetah",
      env: "HalfCheetah-v5",
      demos: "demo.npz",
      trajectories: [0],
      steps: 300,
      heldOut: [1],
    },
  ],
  methods: [
    { name: "sqil", options: { method: "sqil", "start-steps": 100 } },
    { name: "bc", options: { method: "bc" }, updates: 200 },
  ],
  seeds: [3, 4],
  train: {
    hidden: [8],
    "batch-size": 8,
    "evaluate-every": 100,
    "evaluation-episodes": 1,
    "final-episodes": 1,
  },
};
const IDS = ["sqil/0-3", "bc/0-3", "sqil/0-4", "bc/0-4"].map((cell) => `Cheetah/${cell}`);
const [SQIL3, BC3, SQIL4, BC4] = IDS;

const bench = (...args: string[]): Promise<CommandOutcome> => tandem(["bench", ...args], { cwd });
const fileIn = (...place: string[]): string => readFileSync(join(cwd, ...place), "utf8");
const linesIn = (place: string): string[] => fileIn(place, "results.jsonl").trimEnd().split("\n");
const resultsIn = (place: string): Outcome[] => linesIn(place).map((line) => JSON.parse(line) as Outcome);
const lineOf = (place: string, id: string): string =>
  linesIn(place).find((line) => line.includes(`"id":"${id}"`)) as string;
const stateOf = (place: string, id: string): string => (JSON.parse(lineOf(place, id)) as Outcome).state;
const timeless = (line: string): object => ({ ...(JSON.parse(line) as Outcome), seconds: null });
const writeLines = (file: string, lines: readonly string[]): void =>
  writeFileSync(join(cwd, file), lines.map((line) => `${line}\n`).join(""));
const writeSuite = (name: string, changes: object): void =>
  writeFileSync(join(cwd, name), JSON.stringify({ ...SUITE, ...changes }));

beforeAll(async () => {
  await makeDemonstrations(cwd);
  writeSuite("tiny.json", {});
}, HOOK_TIMEOUT);
afterAll(folder.remove);

/** `whole` without the run folders. */
function withoutRuns(place: string): void {
  rmSync(join(cwd, place), { recursive: true, force: true });
  cpSync(join(cwd, "whole"), join(cwd, place), { recursive: true });
  rmSync(join(cwd, place, "Cheetah"), { recursive: true });
}

describe("a bench whose run folders are gone", () => {
  beforeAll(async () => {
    expect(await bench("tiny.json", "--out", "whole")).toMatchObject({ code: 0 });
  }, LONG);
  beforeEach(() => withoutRuns("bare"));

  it("is as complete as it was, and reports the same to the letter", async () => {
    const before = fileIn("whole/bench.md").replaceAll("--out whole", "--out bare");
    expect((await bench("tiny.json", "--out", "bare", "--list")).stdout).toBe(
      IDS.map((id) => `complete (recorded)  ${id}\n`).join(""),
    );
    rmSync(join(cwd, "bare/bench.md"));
    const { code, stderr } = await bench("tiny.json", "--out", "bare");
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/^0 of 4 cells to train/) });
    expect(fileIn("bare/bench.md")).toBe(before);
    expect(fileIn("bare/results.jsonl")).toBe(fileIn("whole/results.jsonl"));
    expect(existsSync(join(cwd, "bare/Cheetah"))).toBe(false);
    expect(readdirSync(join(cwd, "bare")).sort()).toEqual([
      "bench.html",
      "bench.md",
      "figures",
      "results.jsonl",
    ]);
  });

  it(
    "knows a teacher by its name, wherever it lies",
    async () => {
      const dagger = { name: "dagger", options: { method: "dagger" } };
      cpSync(join(cwd, "whole", SQIL3), join(cwd, "teachers", "mine"), { recursive: true });
      mkdirSync(join(cwd, "suites"));
      const tasks = [{ ...SUITE.tasks[0], demos: "../demo.npz" }];
      const writeAsking = (policy: string): void => {
        const options = { ...dagger.options, "teacher-policy": policy };
        writeSuite("suites/asks.json", { tasks, methods: [{ ...dagger, options }], seeds: [3] });
      };
      writeAsking("../teachers/mine");
      expect(await bench("suites/asks.json", "--out", "asks")).toMatchObject({ code: 0 });
      expect(resultsIn("asks")).toMatchObject([
        { state: "complete", algorithm: { method: "dagger", teacherPolicy: "mine" } },
      ]);
      rmSync(join(cwd, "asks", "Cheetah"), { recursive: true });
      const list = async (policy: string): Promise<CommandOutcome> => {
        writeAsking(policy);
        return bench("suites/asks.json", "--out", "asks", "--list");
      };
      renameSync(join(cwd, "teachers"), join(cwd, "elsewhere"));
      expect((await list("../elsewhere/mine")).stdout).toBe("complete (recorded)  Cheetah/dagger/0-3\n");
      cpSync(join(cwd, "elsewhere", "mine"), join(cwd, "elsewhere", "other"), { recursive: true });
      expect((await list("../elsewhere/other")).stderr).toMatch(
        /algorithm\.teacherPolicy.*(other.*mine|mine.*other)/,
      );
    },
    LONG,
  );

  it(
    "trains what is missing, and keeps the lines of the rest, also of those that --only leaves out",
    async () => {
      writeLines(
        "bare/results.jsonl",
        [SQIL3, BC3, BC4].map((id) => lineOf("whole", id)),
      );
      const { stderr } = await bench("tiny.json", "--out", "bare", "--only", "sqil");
      expect(stderr).toContain("1 of 2 cells to train");
      expect(resultsIn("bare").map(({ id }) => id)).toEqual(IDS);
      for (const id of [SQIL3, BC3, BC4]) expect(lineOf("bare", id)).toBe(lineOf("whole", id));
      expect(timeless(lineOf("bare", SQIL4))).toEqual(timeless(lineOf("whole", SQIL4)));
      const { stdout } = await bench("tiny.json", "--out", "bare", "--list");
      expect(stdout.split("\n").filter((line) => !line.includes("recorded"))).toEqual([
        `complete             ${SQIL4}`,
        "",
      ]);
    },
    LONG,
  );

  it("does not keep lines of what had only begun", async () => {
    writeLines("bare/results.jsonl", [lineOf("whole", SQIL3).replace('"complete"', '"begun"')]);
    const { stdout } = await bench("tiny.json", "--out", "bare", "--report", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ cells: { complete: 0, begun: 0, new: 4 } });
  });

  it("leaves alone what diverged, and says how to train it anew", async () => {
    const lines = linesIn("bare").map((line) => line.replace('"complete"', '"diverged"'));
    writeLines("bare/results.jsonl", lines);
    const { code, stderr, stdout } = await bench("tiny.json", "--out", "bare");
    expect(code).toBe(0);
    expect(stderr).toContain(
      `warning: ${SQIL3} diverged and is left as it is; remove bare/${SQIL3} and its line in bare/results.jsonl to train it anew\n`,
    );
    expect(stderr).toContain("0 of 4 cells to train");
    expect(stdout).toContain("0 of 4 cells complete, 4 diverged");
    expect((await bench("tiny.json", "--out", "bare", "--list")).stdout).toMatch(
      /^diverged \(recorded\) {2}Cheetah/,
    );
  });

  it("believes the run folder where there is one", async () => {
    cpSync(join(cwd, "whole", SQIL3), join(cwd, "bare", SQIL3), { recursive: true });
    rmSync(join(cwd, "bare", SQIL3, "summary.json"));
    const lines = linesIn("bare").map((line) => line.replace('"steps":300', '"steps":299'));
    writeLines("bare/results.jsonl", lines.slice(0, 1));
    expect((await bench("tiny.json", "--out", "bare", "--list")).stdout).toMatch(
      /^begun {6}Cheetah\/sqil\/0-3\n/,
    );
  });

  it("refuses a suite that has changed since, and names cell, line and setting", async () => {
    writeSuite("changed.json", { train: { ...SUITE.train, "learning-rate": 5e-4 } });
    const { code, stderr, stdout } = await bench("changed.json", "--out", "bare", "--only", "bc");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toBe(
      `tandem: bench: ${SQIL3} in bare/results.jsonl, line 1, was made with algorithm.sac.learningRate 0.001, the suite says 0.0005; ` +
        "choose another --out, or remove the line to train it anew\n",
    );
    const given = await bench("changed.json", "--out", "nothing", "--from", "whole/results.jsonl", "--list");
    expect(given).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("; leave out --from whole/results.jsonl, or remove"),
    });
  });

  it("refuses to lose the line of a cell that is none of the suite's", async () => {
    writeSuite("fewer.json", { seeds: [3] });
    const { code, stderr } = await bench("fewer.json", "--out", "bare");
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `tandem: bench: bare/results.jsonl, line 3: ${SQIL4} is no cell of tiny; choose another --out, or remove the line\n`,
    });
    expect(linesIn("bare")).toEqual(linesIn("whole"));
    const folders = await bench("fewer.json", "--out", "whole", "--list");
    expect(folders).toMatchObject({ code: 0, stdout: expect.stringContaining(SQIL3) });
  });

  it("refuses a damaged line by its number", async () => {
    const [first, second] = linesIn("bare");
    writeLines("bare/results.jsonl", [first, second.slice(0, 100)]);
    const { code, stderr } = await bench("tiny.json", "--out", "bare", "--report");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^tandem: bench: bare\/results\.jsonl, line 2 is not JSON; [^\n]*\n$/);
  });

  it(
    "goes on elsewhere from the files it is given, of which it writes none",
    async () => {
      rmSync(join(cwd, "else"), { recursive: true, force: true });
      const wider = {
        seeds: [3, 4, 5],
        methods: [...SUITE.methods, { name: "dac", options: { method: "dac" } }],
      };
      writeSuite("wider.json", wider);
      mkdirSync(join(cwd, "committed"), { recursive: true });
      const odd = lineOf("whole", BC3).replace(/"score":[^,]*/, '"score":-77');
      writeLines("committed/a.jsonl", [lineOf("whole", SQIL3), lineOf("whole", BC3)]);
      writeLines("committed/b.jsonl", [
        odd,
        lineOf("whole", BC4),
        lineOf("whole", SQIL4).replaceAll("0-4", "0-9"),
      ]);
      const from = ["--from", "committed/a.jsonl", "--from", "committed/b.jsonl"];
      const before = [fileIn("committed/a.jsonl"), fileIn("committed/b.jsonl")];
      const listed = await bench("wider.json", "--out", "else", ...from, "--list");
      expect(listed.stdout.match(/complete \(recorded\)/g)).toHaveLength(3);
      expect(listed.stderr).toContain(
        "warning: 1 of the 3 cells in committed/b.jsonl are none of tiny, left out\n",
      );
      expect(existsSync(join(cwd, "else"))).toBe(false);

      const { code, stderr } = await bench("wider.json", "--out", "else", ...from, "--only", "bc");
      expect(code).toBe(0);
      expect(stderr).toContain("1 of 3 cells to train");
      expect([fileIn("committed/a.jsonl"), fileIn("committed/b.jsonl")]).toEqual(before);
      expect(
        resultsIn("else")
          .filter(({ state }) => state === "complete")
          .map(({ id }) => id),
      ).toEqual([SQIL3, BC3, BC4, "Cheetah/bc/0-5"]);
      // The scale is of all cells of the task, and these are others.
      const apart = (folder: string, id: string): object => ({
        ...(JSON.parse(lineOf(folder, id)) as Outcome),
        normalised: null,
        scale: null,
      });
      for (const id of [SQIL3, BC3, BC4]) expect(apart("else", id)).toEqual(apart("whole", id));
      // From then on its own lines are enough, and stand before those of other files.
      const again = await bench(
        "wider.json",
        "--out",
        "else",
        "--from",
        "committed/b.jsonl",
        "--report",
        "--json",
      );
      expect(JSON.parse(again.stdout)).toMatchObject({ cells: { complete: 4, new: 5 } });
      expect(apart("else", BC3)).toEqual(apart("whole", BC3));
    },
    LONG,
  );

  it("makes a report from a file alone", async () => {
    const { code } = await bench("tiny.json", "--out", "paper", "--from", "whole/results.jsonl", "--report");
    expect(code).toBe(0);
    expect(linesIn("paper")).toEqual(linesIn("whole"));
    expect(fileIn("paper/bench.md")).toBe(fileIn("whole/bench.md").replaceAll("--out whole", "--out paper"));
    const none = await bench("tiny.json", "--out", "paper", "--from", "none.jsonl", "--report");
    expect(none).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("expected a file of results at none.jsonl"),
    });
  });
});

/** A bench that is killed, together with the cell in training, once that has begun. */
async function killed(out: string, cell: string, ...args: string[]): Promise<void> {
  let isKilled = false;
  const { code } = await tandem(["bench", "tiny.json", "--out", out, "--parallel", "1", ...args], {
    cwd,
    onStderr: (text, kill) => {
      if (isKilled || !text.includes(`beginning ${cell}`)) return;
      isKilled = true;
      kill("SIGKILL");
    },
  });
  expect(code).toBeNull();
  const { cells } = readJson(cwd, out, "bench.lock") as { cells: Record<string, number> };
  process.kill(cells[cell], "SIGKILL");
  await after(200);
}

it(
  "a bench that was killed has written down what had ended, and goes on from there without the folders",
  async () => {
    await killed("killed", BC3);
    expect(stateOf("killed", SQIL3)).toBe("complete");
    expect(existsSync(join(cwd, "killed/bench.md"))).toBe(true);
    rmSync(join(cwd, "killed/Cheetah"), { recursive: true });

    // Killed before anything has ended, it has what it was given, also where --only leaves that out.
    await killed("given", BC3, "--from", "killed/results.jsonl", "--only", "bc");
    expect(lineOf("given", SQIL3)).toBe(lineOf("killed", SQIL3));

    const { code, stderr } = await bench("tiny.json", "--out", "killed");
    expect(code).toBe(0);
    expect(stderr).toContain("3 of 4 cells to train");
    expect(existsSync(join(cwd, "killed", SQIL3))).toBe(false);
    expect(resultsIn("killed").map(({ state }) => state)).toEqual(IDS.map(() => "complete"));
  },
  LONG,
);

it(
  "a bench that cannot write down what has ended says so, and goes on",
  async () => {
    const results = join(cwd, "blocked/results.jsonl");
    let stage = 0;
    const { code, stderr } = await tandem(
      ["bench", "tiny.json", "--out", "blocked", "--parallel", "1", "--only", "0-3"],
      {
        cwd,
        onStderr: (text) => {
          // A folder is in the way while the first cell trains.
          if (stage === 0 && text.includes(`beginning ${SQIL3}`)) {
            stage = 1;
            rmSync(results);
            mkdirSync(results);
          }
          if (stage === 1 && text.includes(`beginning ${BC3}`)) {
            stage = 2;
            rmSync(results, { recursive: true });
          }
        },
      },
    );
    expect(stderr).toMatch(
      /\nwarning: run folder: cannot write to blocked: a folder of that name is in the way[^\n]*\n/,
    );
    expect(code).toBe(0);
    expect(stateOf("blocked", BC3)).toBe("complete");
  },
  LONG,
);
