import { levelLook, type Figure, type Mark } from "../../report/index.ts";
import { curvePanel } from "../curve-panel.ts";
import type { CellResult, Findings, Target } from "../experiment.ts";
import type { TabularPoint, TabularSetting } from "../tabular-cell.ts";
import { finalPoint, groupBy, median, type TabularRecord } from "../tabular-experiment.ts";

/** Likelihoods of the recorded trajectories, nats a trajectory. */
export interface DataLikelihood {
  readonly learned: number;
  /** MCE-IRL of a reward table in a ball of radius B_r / sqrt(2), which is what B_r would be without closing units. */
  readonly mceIrl: number;
  /** MCE-IRL of the same network in the same ball, by exact gradients. */
  readonly networkOptimum: number;
  readonly uniform: number;
  readonly expert: number;
  /** Relative likelihood gap of MCE-IRL's policy under the expert's exact occupancy: what so few data can teach. */
  readonly mceRelativeGap: number;
  /** ||Proj(r + grad) - r|| where MCE-IRL stopped. */
  readonly mceGradientNorm: number;
  /** Rise of the network's objective over the last tenth of its steps, nats. */
  readonly networkLastRise: number;
}

export interface SanityOutcome extends TabularRecord {
  /** Null where the expert's trajectories were fresh. */
  readonly data: DataLikelihood | null;
}

type Result = CellResult<TabularSetting, SanityOutcome>;

/** Relative likelihood gap to reach, and relative distance from MCE-IRL's likelihood of the same data. */
const WANTED = 0.01;

/** Gaps to the expert with fresh trajectories, distances from MCE-IRL with recorded ones. */
export function sanityFindings(results: readonly Result[]): Findings {
  const fresh = [
    ...groupBy(
      results.filter((r) => r.setting.recorded === 0),
      nameOf,
    ),
  ];
  const recorded = [
    ...groupBy(
      results.filter((r) => r.setting.recorded > 0),
      nameOf,
    ),
  ];
  const inside = fresh.filter(([name]) => !name.startsWith("chain of 10"));
  const targets: Target[] = [
    ...inside.map(([name, group]) => freshTarget(name, group)),
    ...recorded.flatMap(([name, group]) => recordedTargets(name, group)),
  ];
  return {
    targets,
    tables: [
      {
        title: "Fresh expert trajectories: the expert's policy recovered",
        columns: [
          "problem",
          "seeds",
          "relative gap, %: median",
          "worst",
          "tracking error, nats",
          "max |pi - pi_E|",
          "total variation where the expert goes",
          "runs with findings",
          "samples",
          "seconds",
        ],
        rows: fresh.map(([name, group]) => {
          const last = group.map(finalPoint);
          return [
            name,
            String(group.length),
            percent(median(last.map((p) => p.relativeGap))),
            percent(Math.max(...last.map((p) => p.relativeGap))),
            median(last.map((p) => p.trackingError)).toFixed(3),
            `${median(last.map((p) => p.policyError)).toFixed(3)} (worst ${Math.max(...last.map((p) => p.policyError)).toFixed(3)})`,
            median(last.map((p) => p.visitedPolicyError)).toFixed(4),
            String(group.filter(({ outcome }) => outcome.findings.length > 0).length),
            String(last[0].samples),
            median(last.map((p) => p.seconds)).toFixed(1),
          ];
        }),
      },
      {
        title: "Recorded trajectories: likelihood of the data (nats a trajectory, medians) against MCE-IRL's",
        columns: [
          "problem",
          "seeds",
          "uniform",
          "expert",
          "MCE-IRL, table",
          "MCE-IRL, network",
          "ours",
          "short of the network's, %: median",
          "from, to",
          "short of the table's, %: median",
          "from, to",
          "MCE-IRL's relative gap, %",
          "our relative gap, %",
        ],
        rows: recorded.map(([name, group]) => {
          const data = group.flatMap(({ outcome }) => outcome.data ?? []);
          const network = group.map(networkDistance);
          const table = group.map(tableDistance);
          return [
            name,
            String(group.length),
            median(data.map((d) => d.uniform)).toFixed(3),
            median(data.map((d) => d.expert)).toFixed(3),
            median(data.map((d) => d.mceIrl)).toFixed(3),
            median(data.map((d) => d.networkOptimum)).toFixed(3),
            median(data.map((d) => d.learned)).toFixed(3),
            percent(median(network)),
            spread(network),
            percent(median(table)),
            spread(table),
            percent(median(data.map((d) => d.mceRelativeGap))),
            percent(median(group.map((r) => finalPoint(r).relativeGap))),
          ];
        }),
      },
    ],
    figures: inside.length > 0 ? [curves(inside)] : [],
  };
}

function freshTarget(name: string, group: readonly Result[]): Target {
  const gaps = group.map((result) => finalPoint(result).relativeGap);
  const reached = gaps.filter((gap) => gap <= WANTED).length;
  return {
    what: name,
    wanted: "likelihood gap at most 1 % of the uniform policy's, every seed",
    reached: `${reached} of ${gaps.length}; median ${percent(median(gaps))} %, worst ${percent(Math.max(...gaps))} %`,
    met: reached === gaps.length,
  };
}

function recordedTargets(name: string, group: readonly Result[]): Target[] {
  return [
    ["the same network's optimum in the same ball", networkDistance],
    ["a reward table's in the l2 ball of radius B / sqrt(2)", tableDistance],
  ].map(([reference, distanceOf]) => {
    // A likelihood above the reference's has reached it.
    const distances = group.map(distanceOf as typeof tableDistance);
    const reached = distances.filter((distance) => distance <= WANTED).length;
    return {
      what: `${name}: MCE-IRL, ${reference as string}`,
      wanted: "likelihood of the data within 1 % of its gain over the uniform policy, every seed",
      reached: `${reached} of ${distances.length}; median ${percent(median(distances))} %, worst ${percent(Math.max(...distances))} %`,
      met: reached === distances.length,
    };
  });
}

/** (L_reference - L) / (L_reference - L_uniform) on the recorded trajectories; below 0 where ours is the likelier. */
function networkDistance({ outcome: { data } }: Result): number {
  return data ? (data.networkOptimum - data.learned) / (data.networkOptimum - data.uniform) : NaN;
}

function tableDistance({ outcome: { data } }: Result): number {
  return data ? (data.mceIrl - data.learned) / (data.mceIrl - data.uniform) : NaN;
}

function curves(families: readonly (readonly [string, readonly Result[]])[]): Figure {
  const quantities: [string, string | undefined, (point: TabularPoint) => number][] = [
    ["Relative likelihood gap", undefined, (p) => p.relativeGap],
    ["Tracking error", "nats", (p) => p.trackingError],
  ];
  return {
    id: "tabular-sanity",
    title: "The likelihood gap closes on exact ground",
    caption: "Fresh expert trajectories, medians over seeds. The rule marks 1 % of the uniform policy's gap.",
    layout: "small",
    legend: "shared",
    panels: quantities.map(([label, unit, of], q) => {
      const marks = families.map(([name, group], i): Mark => {
        const { tone, dash, marker } = levelLook(i, families.length);
        const points = group[0].outcome.points.map((point, j) => ({
          x: point.samples,
          y: median(group.flatMap(({ outcome }) => (outcome.points[j] ? [of(outcome.points[j])] : []))),
        }));
        return {
          kind: "line",
          name: name.replace(", fresh trajectories", ""),
          tone,
          dash,
          marker,
          style: "marked",
          points,
        };
      });
      const rule: Mark[] =
        q === 0 ? [{ kind: "rule", name: "1 %", tone: "neutral", style: "dashed", y: WANTED }] : [];
      return curvePanel(null, "Samples", { label, unit, scale: "log" }, [...marks, ...rule]);
    }),
  };
}

function nameOf({ id }: Result): string {
  return id.replace(/, seed \d+$/, "");
}

function spread(shares: readonly number[]): string {
  return `${percent(Math.min(...shares))} to ${percent(Math.max(...shares))}`;
}

function percent(share: number): string {
  return (100 * share).toFixed(2);
}
