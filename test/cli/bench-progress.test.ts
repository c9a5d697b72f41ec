import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import { createBenchProgress, type BenchStanding } from "../../src/cli/bench-progress.ts";

const STANDING: BenchStanding = {
  all: 9,
  complete: 3,
  running: [
    { id: "Hopper/dac/0-1", task: "Hopper", method: "dac", done: 410, steps: 590 },
    { id: "Ant/dac/0-1", task: "Ant", method: "dac", done: 0, steps: 1000 },
  ],
  waiting: [{ task: "Hopper", method: "dac", done: 0, steps: 1000 }],
  paces: [{ task: "Hopper", method: "dac", stepsPerSecond: 10 }],
  parallel: 2,
};
/** 59 s and then 100 s on the first, 100 s on the second: 159 s. */
const WORDS = "3 of 9 cells, 2 running, 1 waiting, 3 min left  Hopper/dac/0-1 41%  Ant/dac/0-1 0%";

function written(
  isTTY: boolean,
  columns: number,
  tell: (told: ReturnType<typeof createBenchProgress>, wait: (ms: number) => void) => void,
): string[] {
  let text = "";
  let time = 0;
  const stream = { isTTY, columns, write: (more: string) => (text += more) };
  tell(
    createBenchProgress(stream, () => time),
    (ms) => (time += ms),
  );
  return stripVTControlCharacters(text)
    .split(/[\n\r]+/)
    .filter(Boolean);
}

describe("how a bench goes", () => {
  it("is one live line on a terminal, no wider than it, above which lines are said", () => {
    const lines = written(true, 60, (display) => {
      display.show(STANDING);
      display.say("beginning x");
      display.finish();
    });
    expect(lines).toEqual([WORDS.slice(0, 56), "beginning x", WORDS.slice(0, 56)]);
  });

  it("is a line a minute elsewhere, and one at each end", () => {
    const lines = written(false, 0, (display, wait) => {
      display.show(STANDING);
      wait(59_999);
      display.show(STANDING);
      wait(1);
      display.show(STANDING);
      display.show(STANDING);
      display.ended("Ant/sqil/0-1", { ...STANDING, complete: 9, running: [], waiting: [] });
    });
    expect(lines).toEqual([WORDS, "done Ant/sqil/0-1  (9 of 9 cells, 0 running, 0 waiting)"]);
  });

  it("has no time left to tell before anything was measured", () => {
    const lines = written(true, 200, (display) => display.show({ ...STANDING, paces: [] }));
    expect(lines[0]).toContain(", ? left");
  });
});
