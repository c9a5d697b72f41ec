import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { axisOver, formatTick, fractionOf, ticksOf } from "../../src/report/axis.ts";
import {
  classifierFigure,
  costFigure,
  fitFigure,
  finalReturnFigure,
  gradientFigure,
  policyLevelFigure,
  renderFigureSvg,
  renderFigureText,
  reportFigures,
  rewardAgreementFigure,
  rewardLevelFigure,
  trueReturnFigure,
  type BarPanel,
  type Figure,
  type Mark,
  type Panel,
  type Run,
  type XyPanel,
} from "../../src/report/index.ts";
import { binMeans, meanOverRuns, thinned } from "../../src/report/series.ts";
import { evaluation, rewardRecord, tinyRun } from "./tiny-run.ts";

const points = (...ys: number[]): { x: number; y: number }[] => ys.map((y, x) => ({ x, y }));

function marksOf<Kind extends Mark["kind"]>(panel: Panel, kind: Kind): Extract<Mark, { kind: Kind }>[] {
  if (panel.kind !== "xy") throw new Error("expected a panel with two axes");
  return panel.marks.filter((mark) => mark.kind === kind) as Extract<Mark, { kind: Kind }>[];
}

const panelsOf = (figure: Figure | null): readonly Panel[] => figure?.panels ?? [];
const xyPanel = (figure: Figure | null, label: string): XyPanel => {
  const found = panelsOf(figure).find((panel) => panel.kind === "xy" && panel.y.label === label);
  if (!found) throw new Error(`no panel ${label}`);
  return found as XyPanel;
};

/** Style and length of each line of true returns. */
const returnLines = (runs: Run[]): unknown[] =>
  marksOf(panelsOf(trueReturnFigure(runs))[0], "line").map(({ style, points }) => [style, points.length]);
const within = (radius: number): object => ({ reward: { regulariser: { kind: "projection", radius } } });
/** Reward steps of which all after `from` were projected. */
const projectedFrom = (from: number, count: number): object[] =>
  Array.from({ length: count }, (_, i) => rewardRecord(i + 1, { projected: i + 1 > from ? 1 : 0 }));
const travelRules = (runs: Run[]): unknown[] => marksOf(xyPanel(gradientFigure(runs), "Travel"), "rule");

const words = { label: "y", unit: null };
const tickWords = (values: number[], more: object = {}): string[] => {
  const axis = axisOver({ ...words, ...more }, values, { nice: false });
  const ticks = ticksOf(axis, 5);
  return ticks.map((tick) => formatTick(axis, tick, ticks));
};

/** A run whose return gap and gradient norm are these. */
const runOf = (ys: readonly (number | null)[]): Run =>
  tinyRun({ records: ys.map((y, i) => rewardRecord(i + 1, { returnGap: y, gradientNorm: y })) });
const drawn = (figure: Figure | null): string => {
  if (!figure) throw new Error("no figure");
  return renderFigureSvg(figure);
};
const linePaths = (svg: string): string[] =>
  [...svg.matchAll(/<g[^>]*aria-label="line"[^>]*><path d="([^"]*)"/g)].map((match) => match[1]);
const pieces = (ys: (number | null)[]): number =>
  linePaths(drawn(rewardLevelFigure([runOf(ys)])))[0].split("M").length - 1;
const braille = (line: string): number => line.search(/[\u2801-\u28ff]/u);
const blocks = (line: string): number => line.split("█").length - 1;

const lineOf = (figure: Figure | null, label: string): unknown[] =>
  marksOf(xyPanel(figure, label), "line").map(({ name, points }) => [name, points]);

const discriminator = (step: number, expertLogit: number): object => ({
  kind: "discriminator",
  step,
  discriminatorSteps: step,
  loss: 1,
  gradientPenalty: 0.5,
  expertLogit,
  agentLogit: -2 * expertLogit,
  accuracy: 0.75,
});
const atSteps = (first: number, second: number): object[] => [
  { x: 1000, y: first },
  { x: 2000, y: second },
];
const heldOut = (step: number, rewardGap: number | null): object => ({
  kind: "held-out",
  step,
  logLikelihood: -3,
  stateDistance: 0.25,
  rewardGap,
});

describe("the classifier", () => {
  it("shows what it says of either side, and how often it is right", () => {
    const figure = classifierFigure([tinyRun({ records: [discriminator(1000, 3), discriminator(2000, 1)] })]);
    expect(lineOf(figure, "Mean logit")).toEqual([
      ["expert", atSteps(3, 1)],
      ["agent", atSteps(-6, -2)],
    ]);
    expect(lineOf(figure, "Rows told apart")).toEqual([[null, atSteps(0.75, 0.75)]]);
    expect(lineOf(figure, "Classifier's loss")).toEqual([[null, atSteps(1, 1)]]);
    expect(lineOf(figure, "Gradient penalty")).toEqual([[null, atSteps(0.5, 0.5)]]);
    expect(classifierFigure([tinyRun()])).toBeNull();
  });
});

const policy = (step: number, more: object): object => ({
  kind: "policy",
  step,
  updates: step,
  criticLoss: 2,
  meanQ: 3,
  entropy: 4,
  temperature: 5,
  meanReward: 6,
  ...more,
});
const labels = (figure: Figure | null): string[] =>
  panelsOf(figure).map((panel) => (panel.kind === "xy" ? panel.y.label : ""));
const measures = (objective: number): object => ({
  criticLoss: -objective,
  objective,
  expertReward: 2 * objective,
  agentReward: -3 * objective,
});

describe("the lower level", () => {
  it("shows what inverse soft Q-learning climbs, and its rewards of either side", () => {
    const figure = policyLevelFigure([
      tinyRun({ records: [policy(1000, measures(1)), policy(2000, { ...measures(-2), objective: null })] }),
    ]);
    // Not a number in JSON: a gap.
    expect(lineOf(figure, "Objective of the critics")).toEqual([[null, atSteps(1, NaN)]]);
    expect(lineOf(figure, "Mean recovered reward per step")).toEqual([
      ["expert", atSteps(2, -4)],
      ["agent", atSteps(-3, 6)],
    ]);
    expect(labels(figure)).not.toContain("Critic loss");
    expect(figure?.caption).toMatch(/climb their objective/);
  });

  it("shows the critics' loss of all others", () => {
    const figure = policyLevelFigure([tinyRun({ records: [policy(1000, {}), policy(2000, {})] })]);
    expect(lineOf(figure, "Critic loss")).toEqual([[null, atSteps(2, 2)]]);
    expect(labels(figure).length).toBe(4);
    expect(figure?.caption).toMatch(/loss follows the reward's scale and jumps/);
  });
});

describe("the fit to demonstrations", () => {
  it("shows held-out measures, and the likelihood of what is cloned beside", () => {
    const cloning = { kind: "cloning", step: 500, updates: 500, logLikelihood: 2 };
    const algorithm = { method: "bc" };
    const figure = fitFigure([tinyRun({ algorithm, records: [cloning, heldOut(1000, null)] })]);
    const likelihood = xyPanel(figure, "Log-likelihood of demonstrated actions");
    expect(likelihood.x.label).toBe("Updates of the policy");
    expect(lineOf(figure, "Log-likelihood of demonstrated actions")).toEqual([
      ["learnt from", [{ x: 500, y: 2 }]],
      ["held out", [{ x: 1000, y: -3 }]],
    ]);
    expect(lineOf(figure, "Distance of states from the expert's")).toEqual([[null, [{ x: 1000, y: 0.25 }]]]);
    expect(() => xyPanel(figure, "Reward gap, held-out expert minus agent")).toThrow("no panel");
    const learnt = fitFigure([tinyRun({ records: [heldOut(1000, 0.5)] })]);
    expect(lineOf(learnt, "Reward gap, held-out expert minus agent")).toEqual([
      [null, [{ x: 1000, y: 0.5 }]],
    ]);
    expect(fitFigure([tinyRun()])).toBeNull();
  });
});

describe("true return", () => {
  const records = [
    { kind: "episode", step: 100, trueReturn: 7, length: 9 },
    evaluation(10_000, [10, 20, 30]),
    evaluation(20_000, [40, 60, 80]),
  ];

  it("draws mean, band of one deviation, episodes and levels", () => {
    const [panel] = panelsOf(trueReturnFigure([tinyRun({ records })]));
    expect(marksOf(panel, "line").map((mark) => mark.points)).toEqual([
      [
        { x: 10_000, y: 20 },
        { x: 20_000, y: 60 },
      ],
    ]);
    expect(marksOf(panel, "band")[0].points).toEqual([
      { x: 10_000, low: 10, high: 30 },
      { x: 20_000, low: 40, high: 80 },
    ]);
    expect(marksOf(panel, "dots")[0].points).toEqual([{ x: 100, y: 7 }]);
    expect(marksOf(panel, "rule").map(({ name, y }) => [name, y])).toEqual([
      ["expert", 200],
      ["half expert", 100],
      ["random", -5],
    ]);
  });

  it("reaches to every mark and to the planned steps", () => {
    const { x, y } = xyPanel(trueReturnFigure([tinyRun({ records })]), "True return per episode");
    expect(x.domain).toEqual([0, 500_000]);
    expect(y.domain[0]).toBeLessThanOrEqual(-5);
    expect(y.domain[1]).toBeGreaterThanOrEqual(200);
  });

  it("draws each seed faintly and their mean where all have been evaluated", () => {
    const second = tinyRun({ seed: 2, records: [evaluation(10_000, [30, 40, 50])] });
    const third = tinyRun({ seed: 3, records: [...records, evaluation(30_000, [1, 1, 1])] });
    // One shared step makes no line.
    expect(returnLines([tinyRun({ records }), second])).toEqual([
      ["faint", 2],
      ["faint", 1],
    ]);
    expect(returnLines([tinyRun({ records }), third])).toEqual([
      ["faint", 2],
      ["faint", 3],
      ["marked", 2],
    ]);
  });

  it("has no half expert where the return is negative, and no figure without data", () => {
    const run = tinyRun({ records, summary: { expertReturn: -100 } });
    const names = marksOf(panelsOf(trueReturnFigure([run]))[0], "rule").map(({ name }) => name);
    expect(names).toEqual(["expert", "random"]);
    expect(trueReturnFigure([tinyRun()])).toBeNull();
  });

  it("draws episodes alone before the first evaluation", () => {
    const run = tinyRun({ records: records.slice(0, 1), summary: null });
    const figure = trueReturnFigure([run]);
    expect(marksOf(panelsOf(figure)[0], "line")).toEqual([]);
    expect(figure?.caption).toMatch(/no evaluation yet/);
  });

  it("draws control runs apart and leaves them out of the mean", () => {
    const control = tinyRun({
      algorithm: { taughtBy: "zero reward" },
      records: [evaluation(10_000, [1, 2, 3])],
    });
    const lines = marksOf(panelsOf(trueReturnFigure([tinyRun({ records }), control]))[0], "line");
    expect(lines.map(({ name, tone }) => [name, tone])).toEqual([
      ["negative control", "neutral"],
      ["evaluation", "learned"],
    ]);
  });
});

describe("the other figures", () => {
  it("give the rate only where every step updates the policy", () => {
    const policy = {
      kind: "policy",
      step: 2000,
      updates: 500,
      criticLoss: 1,
      meanQ: 1,
      entropy: 1,
      temperature: 1,
    };
    const records = [1, 2, 3, 4].map((k) => rewardRecord(k, { seconds: k < 3 ? 0.1 : 10 }));
    const panel = xyPanel(
      costFigure([tinyRun({ records: [...records, policy] })]),
      "Training steps per second",
    );
    expect(marksOf(panel, "line")[0].points).toEqual([
      { x: 3000, y: 100 },
      { x: 4000, y: 100 },
    ]);
  });

  it("put every policy beside the expert", () => {
    const controls = [{ name: "zero reward", finalReturn: 3 }];
    const [panel] = panelsOf(finalReturnFigure([tinyRun({ summary: { controls } })]));
    expect((panel as BarPanel).bars.map(({ name, value, parts }) => [name, value, parts])).toEqual([
      ["expert", 200, []],
      ["learned policy", 100, [90, 100, 110]],
      ["zero reward", 3, []],
      ["random actions", -5, []],
    ]);
    expect(finalReturnFigure([tinyRun({ summary: null })])).toBeNull();
  });

  it("pair learned with true rewards", () => {
    const rewardScatter = { learned: [1, 2, null], true: [10, 20, 30] };
    const figure = rewardAgreementFigure([
      tinyRun({ summary: { rewardScatter, pearson: 0.71, spearman: null } }),
    ]);
    const panel = xyPanel(figure, "Learned reward per step");
    expect(marksOf(panel, "dots")[0].points).toEqual([
      { x: 10, y: 1 },
      { x: 20, y: 2 },
      { x: 30, y: NaN },
    ]);
    expect(panel.note).toBe("Pearson 0.71, Spearman n/a");
    expect(rewardAgreementFigure([tinyRun()])).toBeNull();
  });

  it("follow the correlations, with gaps where there is none", () => {
    const records = [
      evaluation(10_000, [1, 2, 3]),
      evaluation(20_000, [1, 2, 3], { pearson: null, spearman: -0.1 }),
    ];
    const panel = xyPanel(rewardAgreementFigure([tinyRun({ records })]), "Correlation with the true reward");
    const [pearson, spearman] = marksOf(panel, "line");
    expect(pearson.points.map(({ y }) => y)).toEqual([0.5, NaN]);
    expect(spearman.points.map(({ y }) => y)).toEqual([0.4, -0.1]);
    expect(panel.y.domain).toEqual([-1, 1]);
  });

  it("keep expert and agent apart", () => {
    const records = [rewardRecord(1, { returnGap: 5, expertMeanReward: 3, agentMeanReward: 2 })];
    const figure = rewardLevelFigure([tinyRun({ records })]);
    const [expert, agent] = marksOf(xyPanel(figure, "Mean learned reward per step"), "line");
    expect([expert.name, expert.points[0].y]).toEqual(["expert", 3]);
    expect([agent.name, agent.points[0].y]).toEqual(["agent", 2]);
    expect(marksOf(xyPanel(figure, "Return gap, expert minus agent"), "line")[0].points).toEqual([
      { x: 1, y: 5 },
    ]);
  });

  it("show the radius that holds the travel, if there is one for all runs", () => {
    const records = [rewardRecord(1), rewardRecord(2)];
    expect(travelRules([tinyRun({ records, algorithm: within(40) })])).toMatchObject([
      { name: "radius", y: 40 },
    ]);
    expect(travelRules([tinyRun({ records })])).toEqual([]);
    const other = tinyRun({ seed: 2, records, algorithm: within(20) });
    expect(travelRules([tinyRun({ records, algorithm: within(40) }), other])).toEqual([]);
  });

  it("take shares of projected steps after the mean over seeds, which may have come unequally far", () => {
    const runs = [
      tinyRun({ records: projectedFrom(50, 100) }),
      tinyRun({ seed: 2, records: projectedFrom(10, 30) }),
    ];
    const lines = marksOf(xyPanel(gradientFigure(runs), "Steps with the projection active"), "line");
    const average = lines.find(({ style }) => style === "strong")?.points ?? [];
    // Of the 30 steps that both have taken the first 10 were projected in no seed, the others in one of two.
    expect(average.filter(({ x }) => x <= 10).every(({ y }) => y === 0)).toBe(true);
    expect(average.filter(({ x }) => x > 12).every(({ y }) => y === 0.5)).toBe(true);
    expect(average.at(-1)?.x).toBeGreaterThan(29);
    expect(average.at(-1)?.x).toBeLessThanOrEqual(30);
  });

  it("leave out a panel that nothing was measured for", () => {
    const records = [rewardRecord(1, { gradientCosine: null })];
    const labels = panelsOf(gradientFigure([tinyRun({ records })])).map(
      (panel) => panel.kind === "xy" && panel.y.label,
    );
    expect(labels).toEqual(["Gradient norm", "Travel", "Steps with the projection active"]);
    expect(policyLevelFigure([tinyRun({ records })])).toBeNull();
  });

  it("split the time by level and give the rate between reward steps", () => {
    // Two reward steps of 10 s: 6 policy, 3 simulation, 1 left; 5000 s in all leave 4980 for the rest.
    const records = [rewardRecord(1), rewardRecord(2), rewardRecord(3, { seconds: 20, policySeconds: 16 })];
    const figure = costFigure([tinyRun({ records })]);
    const bars = panelsOf(figure).flatMap((panel) => (panel.kind === "bars" ? panel.bars : []));
    expect(bars.map(({ name, value }) => [name, value])).toEqual([
      ["training", 500_000],
      ["reward rollouts", 0],
      ["evaluation", 600],
      ["expert (given)", 400],
      ["policy updates", 28],
      ["simulation", 9],
      ["reward steps, rest", 3],
      ["evaluation, saving", 4960],
    ]);
    const [rate] = marksOf(xyPanel(figure, "Training steps per second"), "line");
    expect(rate.points).toEqual([
      { x: 2000, y: 100 },
      { x: 3000, y: 50 },
    ]);
  });
});

describe("series", () => {
  it("average stretches of equal length in x, not of equal count", () => {
    const uneven = [0, 1, 2, 3, 100].map((x) => ({ x, y: x }));
    expect(binMeans(uneven, 2)).toEqual([
      { x: 1.5, y: 1.5 },
      { x: 100, y: 100 },
    ]);
  });

  it("skip missing values beside others and keep a gap where all are missing", () => {
    expect(binMeans(points(1, NaN, NaN, NaN, 5, 7), 3).map(({ y }) => y)).toEqual([1, NaN, 6]);
  });

  it("stay within the range of what they average", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 8, maxLength: 60 }), (ys) => {
        const bins = binMeans(points(...ys), 4);
        const low = Math.min(...ys);
        const high = Math.max(...ys);
        expect(bins).toHaveLength(4);
        expect(bins.every(({ y }) => y >= low && y <= high)).toBe(true);
      }),
    );
  });

  it("average over runs only where all have a value", () => {
    const mean = meanOverRuns([points(0, 2, NaN, 6), points(4, 4, 4)]);
    expect(mean).toEqual([
      { x: 0, y: 2 },
      { x: 1, y: 3 },
      { x: 2, y: NaN },
    ]);
    expect(meanOverRuns([points(1), points(1)])).toEqual([]);
  });

  it("thin evenly", () => {
    expect(thinned([0, 1, 2, 3, 4, 5, 6], 3)).toEqual([0, 3, 6]);
    expect(thinned([0, 1], 3)).toEqual([0, 1]);
  });
});

describe("axes", () => {
  it("hold all values, and have ticks in order within their ends", () => {
    const finite = fc.double({ min: -1e9, max: 1e9, noNaN: true }).map((y) => (Math.abs(y) < 1e-30 ? 0 : y));
    fc.assert(
      fc.property(
        fc.array(finite, { minLength: 1, maxLength: 20 }),
        fc.constantFrom("linear", "log"),
        (ys, scale) => {
          const axis = axisOver({ ...words, scale }, ys);
          const [low, high] = axis.domain;
          expect(high).toBeGreaterThan(low);
          const held = axis.scale === "log" ? ys.filter((y) => y > 0) : ys;
          for (const y of held) {
            expect(fractionOf(axis, y)).toBeGreaterThanOrEqual(-1e-9);
            expect(fractionOf(axis, y)).toBeLessThanOrEqual(1 + 1e-9);
          }
          const ticks = ticksOf(axis, 5);
          expect(ticks.length).toBeLessThanOrEqual(12);
          ticks.forEach((tick, i) => {
            expect(fractionOf(axis, tick)).toBeGreaterThanOrEqual(-1e-6);
            expect(fractionOf(axis, tick)).toBeLessThanOrEqual(1 + 1e-6);
            if (i > 0) expect(tick).toBeGreaterThan(ticks[i - 1]);
          });
          expect(new Set(ticks.map((tick) => formatTick(axis, tick, ticks))).size).toBe(ticks.length);
        },
      ),
    );
  });

  it("ignore what is not finite, and are linear where nothing is positive", () => {
    expect(axisOver(words, [NaN, 1, Infinity, 3]).domain).toEqual([1, 3]);
    expect(axisOver({ ...words, scale: "log" }, [0, -1]).scale).toBe("linear");
    expect(axisOver(words, []).domain).toEqual([0, 1]);
  });

  it("name ticks in thousands, millions and powers", () => {
    expect(tickWords([0, 500_000], { format: "count" })).toEqual([
      "0",
      "100k",
      "200k",
      "300k",
      "400k",
      "500k",
    ]);
    expect(tickWords([0, 1_000_000], { format: "count" })).toEqual([
      "0",
      "0.2M",
      "0.4M",
      "0.6M",
      "0.8M",
      "1.0M",
    ]);
    expect(tickWords([0, 10_000])).toEqual(["0", "2,000", "4,000", "6,000", "8,000", "10,000"]);
    expect(tickWords([0, 0.5])).toEqual(["0.0", "0.1", "0.2", "0.3", "0.4", "0.5"]);
    expect(tickWords([1e-6, 1], { scale: "log" })).toContain("10⁻⁶");
  });
});

describe("drawings", () => {
  it("are the same for the same data and differ for other data", () => {
    const svg = drawn(rewardLevelFigure([runOf([1, 2, 3])]));
    expect(drawn(rewardLevelFigure([runOf([1, 2, 3])]))).toBe(svg);
    expect(drawn(rewardLevelFigure([runOf([1, 2.5, 3])]))).not.toBe(svg);
  });

  it("break a line at a gap", () => {
    expect(pieces([1, 2, 3, 4, 5])).toBe(1);
    expect(pieces([1, 2, null, 4, 5])).toBe(2);
  });

  it("break a logarithmic line where the value is not positive", () => {
    const [path] = linePaths(drawn(gradientFigure([runOf([1, 10, 0, 10, 1])])));
    expect(path.split("M")).toHaveLength(3);
    expect(path).not.toMatch(/NaN|Infinity/);
  });

  it("stand alone: a namespace, a background on demand, no reference to elsewhere", () => {
    const figure = trueReturnFigure([tinyRun({ records: [evaluation(10_000, [1, 2, 3])] })]) as Figure;
    const svg = renderFigureSvg(figure);
    expect(svg).toMatch(/^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    expect(svg).toContain('fill="#ffffff"');
    expect(renderFigureSvg(figure, { background: "none" })).not.toContain('fill="#ffffff"');
    expect(svg.replace(/xmlns="[^"]*"/g, "")).not.toMatch(/https?:|href|var\(/);
    expect(renderFigureSvg(figure, { width: 500 })).toContain('width="500"');
  });

  it("keep every word within the picture", () => {
    const figures = reportFigures([
      tinyRun({ records: [evaluation(10_000, [1e4, 2e4, 3e4]), rewardRecord(1)] }),
    ]);
    for (const figure of figures) {
      for (const [, anchor, x, text] of renderFigureSvg(figure).matchAll(
        /<text[^>]*text-anchor="(start|end)"[^>]*\bx="([\d.]+)"[^>]*>([^<]*)</g,
      )) {
        const end = anchor === "start" ? Number(x) + 6 * text.length : Number(x);
        expect(end, text).toBeLessThanOrEqual(920);
      }
    }
  });

  it("label ticks and levels where they are", () => {
    const svg = drawn(trueReturnFigure([tinyRun({ records: [evaluation(10_000, [1, 2, 3])] })]));
    expect(svg).toMatch(/>250k</);
    expect(svg).toMatch(/>150</);
    const levels = [...svg.matchAll(/aria-label="rule"[^>]*>\s*<line[^>]*\by1="([\d.]+)"/g)].map(([, y]) =>
      Number(y),
    );
    const labels = ["expert 200", "half expert 100", "random −5"].map((words) => {
      const [, y] = new RegExp(`<text[^>]*\\by="([\\d.]+)"[^>]*>${words}<`).exec(svg) ?? [];
      return Number(y);
    });
    expect(levels).toHaveLength(3);
    // A label's baseline is 4 pixels below the middle of its letters.
    labels.forEach((y, i) => expect(Math.abs(y - 4 - levels[i])).toBeLessThan(1));
  });

  it("show numbers where they are, in a terminal", () => {
    const figure = trueReturnFigure([
      tinyRun({ records: [evaluation(10_000, [0, 0, 0]), evaluation(500_000, [200, 200, 200])] }),
    ]) as Figure;
    const lines = renderFigureText(figure, { width: 80, colour: false }).split("\n");
    const dotted = lines.filter((line) => braille(line) >= 0);
    // A rising line: each row further up is entered further to the right.
    const columns = dotted.map(braille);
    expect(columns.length).toBeGreaterThan(10);
    expect([...columns].sort((a, b) => b - a)).toEqual(columns);
    expect(lines.findIndex((line) => line.includes(" expert 200"))).toBe(
      lines.findIndex((line) => line.includes("─".repeat(20))),
    );
  });

  it("show bars in proportion, in a terminal", () => {
    const figure = finalReturnFigure([tinyRun({ summary: { randomReturn: 50 } })]) as Figure;
    const [, expert, learned, random] = renderFigureText(figure, { width: 80, colour: false }).split("\n");
    expect([blocks(learned) / blocks(expert), blocks(random) / blocks(expert)]).toEqual([0.5, 0.25]);
  });
});
