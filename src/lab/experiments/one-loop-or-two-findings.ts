import { panelOf, axisOver, seriesLook, type Figure, type Interval, type Mark } from "../../report/index.ts";
import type { Findings, Target } from "../experiment.ts";
import { finalPoint, groupBy, median, type TabularResult } from "../tabular-experiment.ts";
import { geometricInterval, intervalWords } from "../statistics.ts";

/** A loop at one size with the reward step size that suits it best. */
interface Best {
  readonly loop: string;
  readonly states: number;
  readonly alpha: number;
  readonly reached: readonly TabularResult[];
  readonly tried: number;
}

/** Samples and seconds to the same gap, each loop at its best reward step size. */
export function oneLoopFindings(results: readonly TabularResult[]): Findings {
  const bests = [...groupBy(results, (r) => `${loopOf(r)}|${statesOf(r)}`).values()].map(bestOf);
  const single = (states: number): Best | undefined =>
    bests.find((each) => each.loop === "single" && each.states === states);
  const rows = bests.map((best) => {
    const { loop, states, alpha, reached, tried } = best;
    const samples = reached.map((r) => finalPoint(r).samples);
    const seconds = reached.map((r) => finalPoint(r).seconds);
    const inner = reached.map((r) => finalPoint(r).innerSamples / finalPoint(r).samples);
    return [
      String(states),
      loop,
      String(alpha),
      `${reached.length} of ${tried}`,
      samples.length > 0 ? intervalWords(geometricInterval(0, samples)) : "",
      seconds.length > 0 ? intervalWords(geometricInterval(0, seconds)) : "",
      inner.length > 0 ? `${(100 * median(inner)).toFixed(0)} %` : "",
      ratioTo(best, single(states)),
    ];
  });
  const targets: Target[] = bests
    .filter(({ loop, reached }) => loop !== "single" && reached.length > 0)
    .flatMap((best): Target[] => {
      const one = single(best.states);
      if (!one || one.reached.length === 0) return [];
      const ratio = medianSamples(best) / medianSamples(one);
      return [
        {
          what: `${best.states} states: samples of the loop ${best.loop} over the single loop's`,
          wanted: "more than 1",
          reached: ratio.toFixed(2),
          met: ratio > 1,
        },
      ];
    });
  const figure: Figure = {
    id: "one-loop-or-two",
    title: "Cost to the same likelihood, single loop and nested loops",
    caption:
      "Until the relative likelihood gap is 5 %. Each loop at the reward step size that needs the fewest samples at that " +
      "size, of the same four. A nested loop stops by an oracle, the exact tracking error: the most favourable rule there can be.",
    layout: "small",
    panels: [
      costPanel(bests, "Samples", null, (r) => finalPoint(r).samples),
      costPanel(bests, "Training time", "s", (r) => finalPoint(r).seconds),
    ],
  };
  return {
    targets,
    tables: [
      {
        title: "To a relative likelihood gap of 5 %",
        columns: [
          "states",
          "loop",
          "best alpha",
          "reached",
          "samples",
          "seconds",
          "share of TD steps",
          "samples over the single loop's, paired",
        ],
        rows,
      },
    ],
    figures: bests.length > 0 ? [figure] : [],
  };
}

/** The reward step size with which most seeds reach the gap, and of these the one with the fewest samples. */
function bestOf(group: readonly TabularResult[]): Best {
  const candidates = [...groupBy(group, ({ setting }) => setting.rewardStepSize)].map(([alpha, those]) => ({
    loop: loopOf(those[0]),
    states: statesOf(those[0]),
    alpha,
    reached: those.filter(({ outcome }) => outcome.end === "gap reached"),
    tried: those.length,
  }));
  return candidates.sort(
    (a, b) => b.reached.length - a.reached.length || medianSamples(a) - medianSamples(b),
  )[0];
}

function medianSamples({ reached }: Best): number {
  return median(reached.map((r) => finalPoint(r).samples));
}

function ratioTo(best: Best, single: Best | undefined): string {
  if (!single || best === single) return "";
  const ratios = best.reached.flatMap((result) => {
    const other = single.reached.find(({ setting }) => setting.seed === result.setting.seed);
    return other ? [finalPoint(result).samples / finalPoint(other).samples] : [];
  });
  return ratios.length > 1 ? intervalWords(geometricInterval(0, ratios)) : "";
}

function costPanel(
  bests: readonly Best[],
  label: string,
  unit: string | null,
  of: (result: TabularResult) => number,
): ReturnType<typeof panelOf> {
  const sizes = [...new Set(bests.map(({ states }) => states))].sort((a, b) => a - b);
  const marks = [...groupBy(bests, ({ loop }) => loop)].map(([loop, those], i): Mark => {
    const { tone, marker, dash } = seriesLook(i);
    const points = those
      .filter(({ reached }) => reached.length > 1)
      .map(({ states, reached }): Interval => geometricInterval(states, reached.map(of)));
    return { kind: "intervals", name: loop, tone, marker, joined: dash, points };
  });
  const x = axisOver({ label: "States", unit: null, scale: "log" }, sizes);
  const room = { ...x, ticks: sizes, domain: [sizes[0] / 1.1, sizes[sizes.length - 1] * 1.1] as const };
  return panelOf(room, { label, unit: unit ?? undefined, scale: "log" }, marks);
}

function loopOf({ id }: TabularResult): string {
  return id.replace(/^\d+ states, /, "").replace(/, alpha .*$/, "");
}

function statesOf({ setting }: TabularResult): number {
  return setting.problem.family === "garnet" ? setting.problem.states : NaN;
}
