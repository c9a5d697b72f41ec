import { describe, expect, it } from "vitest";
import { createFileProgress, type FileProgress } from "../../src/cli/demos-progress.ts";

/** What is written while `show` is called every 50 ms for so many seconds. */
function watch(seconds: number, isTTY: boolean): { texts: string[]; progress: FileProgress } {
  const texts: string[] = [];
  let now = 5000;
  const stream = { isTTY, columns: 40, write: (text: string) => texts.push(text) };
  const progress = createFileProgress(stream, "expert.npz", () => now);
  for (; now < 5000 + 1000 * seconds; now += 50) progress.show("reading", now - 5000, 1000 * seconds);
  return { texts, progress };
}

describe("the progress of a file", () => {
  it("is silent for a second", () => {
    const { texts, progress } = watch(1, true);
    progress.finish();
    expect(texts).toEqual([]);
    expect(watch(9.9, false).texts).toEqual([]);
  });

  it("is one live line on a terminal, cleared at the end", () => {
    const { texts, progress } = watch(2, true);
    expect(texts).toHaveLength(10);
    expect(texts[0]).toBe("\r\u001B[Kreading expert.npz  50%");
    expect(texts[9]).toBe("\r\u001B[Kreading expert.npz  95%");
    progress.finish();
    progress.finish();
    expect(texts.slice(10)).toEqual(["\r\u001B[K"]);
  });

  it("is a line every ten seconds elsewhere", () => {
    const { texts, progress } = watch(25, false);
    progress.finish();
    expect(texts).toEqual(["reading expert.npz  40%\n", "reading expert.npz  80%\n"]);
  });

  it("stays within the terminal", () => {
    const texts: string[] = [];
    let now = 0;
    const stream = { isTTY: true, columns: 20, write: (text: string) => texts.push(text) };
    const progress = createFileProgress(stream, "a/long/path/to/expert.npz", () => now);
    now = 2000;
    progress.show("simulating", 1, 2);
    expect(texts).toEqual(["\r\u001B[Ksimulating a/long/p"]);
  });
});
