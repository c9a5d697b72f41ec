import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import {
  parseRun,
  renderFigureText,
  renderTerminalReport,
  reportFigures,
  type Run,
} from "../../src/report/index.ts";
import { syntheticRun } from "./synthetic-run.ts";
import { tinyRun } from "./tiny-run.ts";

const synthetic = (seed: number): Run => parseRun(`run-${seed}`, syntheticRun({ seed, steps: 60_000 }));
const widest = (text: string): number =>
  Math.max(
    ...stripVTControlCharacters(text)
      .split("\n")
      .map((line) => Array.from(line).length),
  );

describe("the terminal report", () => {
  it("begins with the verdict and names expert and random in the chart", () => {
    const text = renderTerminalReport([synthetic(1)], { width: 80, colour: false });
    const [, verdict] = text.split("\n\n");
    expect(verdict.replace("\n", " ")).toMatch(
      /^After 60k steps the learned policy earns [\d,]+ ± \d+, \d+% of the expert's 9,351;/,
    );
    expect(text).toMatch(/─ expert 9,351$/m);
    expect(text).toMatch(/┈ random -306$/m);
    expect(text).toMatch(/[\u2801-\u28ff]/u);
  });

  it.each([44, 56, 72, 80, 120])("keeps to %i columns, for one run, several, an early one", (width) => {
    const early = parseRun("early", syntheticRun({ seed: 1, until: 6000 }));
    for (const runs of [[synthetic(1)], [synthetic(1), synthetic(2)], [early]]) {
      expect(widest(renderTerminalReport(runs, { width, colour: true }))).toBeLessThanOrEqual(width);
    }
    for (const figure of reportFigures([synthetic(1), synthetic(2)])) {
      expect(widest(renderFigureText(figure, { width, colour: true }))).toBeLessThanOrEqual(width);
    }
  });

  it("uses colour only where asked, and says the same without", () => {
    const plain = renderTerminalReport([synthetic(1)], { width: 80, colour: false });
    const coloured = renderTerminalReport([synthetic(1)], { width: 80, colour: true });
    expect(plain).not.toContain("\u001b");
    expect(coloured).toContain("\u001b[36m");
    expect(stripVTControlCharacters(coloured)).toBe(plain);
  });

  it("says whether another processor may give other bits", () => {
    const [relaxed, plain] = [synthetic(1), tinyRun()].map((run) =>
      renderTerminalReport([run], { width: 80, colour: false }).replaceAll("\n", " "),
    );
    expect(relaxed).toMatch(/Numerics: Kernels: relaxed-simd, .* may give other last bits\./);
    expect(plain).toMatch(/Numerics: Kernels: simd, .* rounds alike on every engine and processor\./);
  });

  it("is drawn for a run that has only begun", () => {
    const text = renderTerminalReport([tinyRun({ summary: null })], { width: 80, colour: false });
    expect(text).toContain("no episode has ended");
    expect(text).not.toMatch(/NaN|undefined|Infinity/);
  });
});
