import { parseHTML } from "linkedom";
import { describe, expect, it } from "vitest";
import { renderPage, type Figure, type Page } from "../../src/report/index.ts";

const figure = (id: string, legend?: "shared"): Figure => ({
  id,
  title: `Title of ${id}`,
  caption: "Mean and 95% interval over seeds.",
  layout: "small",
  ...(legend ? { legend } : {}),
  panels: [1, 2].map((i) => ({
    kind: "xy",
    note: `panel ${i}`,
    x: { label: "x", unit: null, scale: "linear", format: "number", domain: [0, 1] },
    y: { label: "y", unit: null, scale: "linear", format: "number", domain: [0, 1] },
    marks: [
      {
        kind: "intervals",
        name: "measured",
        tone: "series3",
        marker: "square",
        joined: "dotted",
        points: [{ x: 0.5, y: 0.5, low: 0.25, high: 0.75 }],
      },
    ],
  })),
});
const page = (parts: Page["parts"]): Page => ({
  kicker: { strong: "Experiment", rest: "timescales, 20 seeds" },
  heading: "Does the paper's rate hold?",
  parts,
});
const table = {
  kind: "table",
  title: "Targets",
  columns: ["what", "reached"],
  rows: [
    ["slope", "-0.48 [-0.52, -0.44]"],
    ["gap", "<0.1"],
  ],
} as const;
const command = { kind: "command", text: "tandem lab rate --seeds -5 'x' > out" } as const;
const documentOf = (parts: Page["parts"]): Document => parseHTML(renderPage(page(parts))).document;

describe("a page", () => {
  it("holds its parts in order, with figures numbered", () => {
    const document = documentOf([
      { kind: "paragraph", text: "First." },
      { kind: "figure", figure: figure("one") },
      { kind: "heading", text: "More" },
      table,
      { kind: "figure", figure: figure("two") },
      command,
    ]);
    const main = document.querySelector("main");
    expect([...(main?.children ?? [])].map(({ tagName }) => tagName.toLowerCase())).toEqual([
      "header",
      "p",
      "figure",
      "section",
      "section",
      "figure",
      "pre",
    ]);
    expect([...document.querySelectorAll("figcaption")].map((each) => each.textContent?.slice(0, 9))).toEqual(
      ["Figure 1.", "Figure 2."],
    );
    expect(document.querySelector("h1")?.textContent).toBe("Does the paper’s rate hold?");
    expect(document.querySelector("title")?.textContent).toBe("Experiment: timescales, 20 seeds");
    expect([...document.querySelectorAll("h2")].map((each) => each.textContent)).toEqual([
      "Title of one",
      "More",
      "Targets",
      "Title of two",
    ]);
  });

  it("sets tables in print and commands as typed", () => {
    const document = documentOf([table, { ...table, title: null }, command]);
    const cells = [...document.querySelectorAll("table td")].map((each) => each.textContent);
    expect(cells).toEqual(["−0.48 [−0.52, −0.44]", "<0.1", "−0.48 [−0.52, −0.44]", "<0.1"]);
    expect([...document.querySelectorAll("thead th")].map((each) => each.textContent)).toEqual([
      "what",
      "reached",
      "what",
      "reached",
    ]);
    expect(document.querySelectorAll("h2")).toHaveLength(1);
    expect(document.querySelector("pre")?.textContent).toBe(command.text);
  });

  it("takes nothing for markup", () => {
    const evil = `<script>alert("x")</script>&'`;
    const html = renderPage({
      kicker: { strong: evil, rest: evil },
      heading: evil,
      parts: [
        { kind: "heading", text: evil },
        { kind: "paragraph", text: evil },
        { kind: "command", text: evil },
        { kind: "table", title: evil, columns: [evil], rows: [[evil]] },
        { kind: "figure", figure: { ...figure("one"), title: evil, caption: evil } },
      ],
    });
    expect(html).not.toContain("<script");
    expect(parseHTML(html).document.querySelector("pre")?.textContent).toBe(evil);
  });

  it("needs no script, no network and no other file, and its colours are defined", () => {
    const html = renderPage(page([{ kind: "figure", figure: figure("one") }]));
    expect(html).not.toMatch(/<script|<link|<img|<iframe|@import|url\(|https?:\/\/(?!www\.w3\.org)/i);
    const used = [...html.matchAll(/var\((--[a-z0-9]+)\)/g)].map((match) => match[1]);
    expect(used).toContain("--series3");
    for (const name of used) expect(html).toContain(`${name}: `);
    expect(renderPage(page([{ kind: "figure", figure: figure("one") }]))).toBe(html);
  });

  it("shows a shared legend once for each width of the page", () => {
    const entries = (legend?: "shared"): number =>
      [
        ...documentOf([{ kind: "figure", figure: figure("one", legend) }]).querySelectorAll("svg text"),
      ].filter(({ textContent }) => textContent === "measured").length;
    expect(entries()).toBe(2);
    expect(entries("shared")).toBe(2);
    const legends = documentOf([{ kind: "figure", figure: figure("one", "shared") }]).querySelectorAll(
      '.row > svg[aria-label="Legend"]',
    );
    expect(legends).toHaveLength(2);
  });

  it("refuses figures of one id, and rows of unequal length", () => {
    const twice = { kind: "figure", figure: figure("one") } as const;
    expect(() => renderPage(page([twice, { ...twice, figure: figure("one") }]))).toThrow(
      "renderPage: expected figures with ids of their own, got one twice",
    );
    expect(() => renderPage(page([{ ...table, rows: [["slope"]] }]))).toThrow(
      "renderPage: expected 2 cells in each row of Targets, got 1",
    );
  });
});
