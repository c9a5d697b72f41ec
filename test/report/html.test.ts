import { parseHTML } from "linkedom";
import { describe, expect, it } from "vitest";
import { parseRun, renderReport, type Run } from "../../src/report/index.ts";
import { syntheticRun } from "./synthetic-run.ts";
import { evaluation, tinyRun } from "./tiny-run.ts";

const synthetic = (seed: number): Run =>
  parseRun(
    `run-${seed}`,
    syntheticRun({ seed, steps: 60_000, controls: [{ name: "zero reward", finalReturn: -7 }] }),
  );
const documentOf = (runs: Run[]): Document => parseHTML(renderReport(runs)).document;

describe("the HTML report", () => {
  it("begins with the verdict", () => {
    const heading = documentOf([tinyRun()]).querySelector("h1")?.textContent;
    expect(heading).toBe(
      "After 500k steps the learned policy earns 100\u00a0±\u00a010, 50% of the expert’s 200; random earns −5.",
    );
  });

  it("needs no script, no network and no other file", () => {
    const html = renderReport([synthetic(1)]);
    expect(html).not.toMatch(/<script|<link|<img|<iframe|@import|url\(|https?:\/\/(?!www\.w3\.org)/i);
    expect(html).toContain("prefers-color-scheme: dark");
    expect(html).toContain("@media print");
  });

  it("names each figure once and says how to read it", () => {
    const document = documentOf([synthetic(1)]);
    const figures = [...document.querySelectorAll("figure")];
    const ids = figures.map(({ id }) => id);
    expect(ids).toEqual([
      "true-return",
      "final-return",
      "reward-agreement",
      "reward-level",
      "gradient",
      "policy-level",
      "cost",
    ]);
    figures.forEach((figure, i) => {
      expect(figure.querySelector("figcaption")?.textContent).toMatch(
        new RegExp(`^Figure ${i + 1}\\. .{40,}\\.$`),
      );
      expect(figure.querySelector("svg")?.getAttribute("role")).toBe("img");
    });
  });

  it("colours drawings by variables that light, dark and print define", () => {
    const html = renderReport([synthetic(1)]);
    const used = new Set([...html.matchAll(/var\((--[a-z0-9]+)\)/g)].map((match) => match[1]));
    for (const name of used) expect(html).toContain(`${name}: `);
    const svg = documentOf([synthetic(1)]).querySelector("figure svg")?.outerHTML;
    expect(svg).not.toMatch(/#[0-9a-f]{6}/);
  });

  it("shows the configuration, and every value in which runs differ", () => {
    const rows = [...documentOf([tinyRun(), tinyRun({ seed: 9 })]).querySelectorAll(".settings tr")];
    const settings = new Map(
      rows.map((row) => [row.querySelector("th")?.textContent, row.querySelector("td")?.textContent]),
    );
    expect(settings.get("seed")).toBe("1 | 9");
    expect(settings.get("transitions")).toBe("400");
    expect(settings.get("steps")).toBe("500000");
  });

  it("tables seeds one by one", () => {
    const table = documentOf([tinyRun(), tinyRun({ seed: 9 })]).querySelector(".seeds");
    expect([...(table?.querySelectorAll("tbody th") ?? [])].map((cell) => cell.textContent)).toEqual([
      "seed 1",
      "seed 9",
    ]);
    expect(documentOf([tinyRun()]).querySelector(".seeds")).toBeNull();
  });

  it("escapes whatever a run folder says", () => {
    const evil = `<script>alert("x")</script>&'`;
    const run = tinyRun({
      name: evil,
      env: evil,
      algorithm: { [evil]: evil },
      demos: { path: evil, episodes: 1, transitions: 1 },
      summary: { controls: [{ name: evil, finalReturn: 1 }] },
      records: [{ kind: evil, step: 1 }, evaluation(10_000, [1, 2, 3])],
    });
    const html = renderReport([run]);
    expect(html).not.toContain("<script");
    expect(html).toContain("&lt;script&gt;");
    const { document } = parseHTML(html);
    expect(document.querySelector("title")?.textContent).toContain('<script>alert("x")</script>&');
    expect(document.querySelector("script")).toBeNull();
  });

  it("is drawn for a run without evaluation or summary, and for one that has only begun", () => {
    const episode = { kind: "episode", step: 200, trueReturn: null, length: 200 };
    for (const records of [[episode], []]) {
      const html = renderReport([tinyRun({ summary: null, records })]);
      expect(html).not.toMatch(/NaN|undefined|Infinity/);
      expect(parseHTML(html).document.querySelector("h1")?.textContent).toMatch(/yet/);
    }
  });

  it("draws measurements that were not numbers as gaps, never as NaN", () => {
    const files = syntheticRun({ seed: 2, steps: 60_000 });
    const metrics = files.metrics.replace(/"(criticLoss|travel|meanReturn)":[-\d.e]+/g, '"$1":null');
    expect(renderReport([parseRun("run", { ...files, metrics })])).not.toMatch(/NaN|undefined|Infinity/);
  });

  it("is the same twice over", () => {
    expect(renderReport([synthetic(1), synthetic(2)])).toBe(renderReport([synthetic(1), synthetic(2)]));
  });
});
