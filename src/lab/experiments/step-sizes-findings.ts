import type { CellClass, Figure, HeatCell, HeatPanel, Point } from "../../report/index.ts";
import type { CellResult, Findings, Target } from "../experiment.ts";
import type { TabularSetting } from "../tabular-cell.ts";
import { finalPoint, groupBy, median, type TabularRecord } from "../tabular-experiment.ts";
import { geometricInterval, intervalWords } from "../statistics.ts";

/** What a cell leaves. */
export interface StepSizeRecord extends TabularRecord {
  /** Median of the tracking error over the second half of the measurements, nats. */
  readonly lateTrackingError: number;
}

type TabularResult = CellResult<TabularSetting, StepSizeRecord>;

/** What a run came to. */
type Fate = "converges" | "slow" | "oscillates" | "diverges";

/** Relative likelihood gap within which a run has converged, and beyond which it knows less than it did at first (about 1). */
const CONVERGED = 0.1;
const WORSE_THAN_UNIFORM = 1.1;
/** Tracking error, nats, beyond which the policy has lost the reward. */
const LOST = 3;
/** The map's boundary: the largest alpha at which the tracking error is within this; the others say how much it matters. */
const TRACKED = 0.5;
const THRESHOLDS = [0.25, TRACKED, 1];
/** Above this eta the TD steps' own noise is no longer small against the lag; the noise table shows it. */
const QUIET_ETA = 0.1;

const CLASSES: readonly CellClass[] = [
  { name: "converges", short: "c", look: "plain" },
  { name: "slow", short: "s", look: "outlined" },
  { name: "oscillates", short: "o", look: "hatched" },
  { name: "diverges", short: "d", look: "crossed" },
];

/** A table of the powers of K, and the map of the two step sizes with the boundary. */
export function stepSizeFindings(results: readonly TabularResult[]): Findings {
  const grid = [
    ...groupBy(
      results.filter(({ id }) => id.startsWith("grid")),
      settingOf,
    ),
  ];
  const map = results.filter(({ id }) => id.startsWith("map"));
  const boundary = boundaryOf(map, TRACKED);
  const targets = [boundary, boundary.filter(({ x }) => x <= QUIET_ETA * 1.01)].flatMap(
    (points, i): Target[] => {
      const line = fitLine(points);
      if (!line) return [];
      return [
        {
          what: `Boundary of the region in which the policy keeps up with the reward, ${i === 0 ? "all eta" : `eta up to ${QUIET_ETA}`}`,
          wanted: "a constant ratio eta/alpha: slope 1 of log alpha in log eta, to 0.15",
          reached: `slope ${line.slope.toFixed(2)} over eta ${range(points)}, eta/alpha ${line.ratios}`,
          met: Math.abs(line.slope - 1) <= 0.15,
        },
      ];
    },
  );
  return {
    targets,
    tables: [
      {
        title: "Powers of K",
        columns: ["step sizes", "eta", "alpha", "relative gap, %", "tracking error, nats", "fates"],
        rows: grid.map(([name, group]) => [
          name.replace("grid: ", ""),
          group[0].setting.policyStepSize.toPrecision(3),
          group[0].setting.rewardStepSize.toPrecision(3),
          intervalWords(
            geometricInterval(
              0,
              group.map((r) => 100 * finalPoint(r).relativeGap),
            ),
          ),
          intervalWords(
            geometricInterval(
              0,
              group.map((r) => r.outcome.lateTrackingError),
            ),
          ),
          fates(group),
        ]),
      },
      {
        title: "Boundary of the region in which the late tracking error stays within a threshold",
        columns: [
          "threshold, nats",
          "slope, all eta",
          `eta up to ${QUIET_ETA}`,
          `eta from ${QUIET_ETA}`,
          "eta/alpha on it",
        ],
        rows: THRESHOLDS.flatMap((threshold) => {
          const points = boundaryOf(map, threshold);
          const slope = (some: readonly Point[]): string => fitLine(some)?.slope.toFixed(2) ?? "";
          const low = points.filter(({ x }) => x <= QUIET_ETA * 1.01);
          const high = points.filter(({ x }) => x >= QUIET_ETA * 0.99);
          const ratios = fitLine(points)?.ratios ?? "";
          return points.length > 0
            ? [[String(threshold), slope(points), slope(low), slope(high), ratios]]
            : [];
        }),
      },
      {
        title:
          "Late tracking error where the reward hardly moves (the smallest alpha): the TD steps' own noise, and at small eta what was not yet learned",
        columns: ["eta", "tracking error, nats"],
        rows: noiseFloor(map),
      },
    ],
    figures: map.length > 0 ? [mapFigure(map, boundary)] : [],
  };
}

/** What became of a run: judged by its end and by the failure signatures it showed. */
function fateOf(result: TabularResult): Fate {
  const { relativeGap } = finalPoint(result);
  const { end, findings, lateTrackingError: trackingError } = result.outcome;
  if (end === "not finite" || relativeGap > WORSE_THAN_UNIFORM || trackingError > LOST) return "diverges";
  if (findings.some((each) => each.startsWith("reward oscillation since"))) return "oscillates";
  return relativeGap <= CONVERGED ? "converges" : "slow";
}

function mapFigure(map: readonly TabularResult[], boundary: readonly Point[]): Figure {
  const etas = distinct(map.map(({ setting }) => setting.policyStepSize));
  const alphas = distinct(map.map(({ setting }) => setting.rewardStepSize));
  const at = (eta: number, alpha: number): TabularResult[] =>
    map.filter(({ setting }) => setting.policyStepSize === eta && setting.rewardStepSize === alpha);
  const panel = (
    label: string,
    of: (group: TabularResult[]) => number,
    domain: [number, number],
  ): HeatPanel => ({
    kind: "heat",
    note: null,
    x: { kind: "numbers", label: "eta (policy)", unit: null, scale: "log", values: etas },
    y: { kind: "numbers", label: "alpha (reward)", unit: null, scale: "log", values: alphas },
    colour: { label, unit: null, scale: "log", format: "number", domain },
    cells: alphas.map((alpha) =>
      etas.map((eta): HeatCell | null => {
        const group = at(eta, alpha);
        if (group.length === 0) return null;
        const value = Math.min(domain[1], Math.max(domain[0], of(group)));
        return { value, cellClass: mostCommon(group.map(fateOf)) };
      }),
    ),
    printed: false,
    classes: CLASSES,
    lines: boundaryLines(boundary, etas),
  });
  return {
    id: "step-sizes",
    title: "Which step sizes work",
    caption:
      "Medians and most common fates over seeds, K and T as in the cells. The line marks the largest alpha at which the " +
      "late tracking error stays within 0.5 nats; the dashed one has the slope 1 that a constant ratio of timescales means.",
    layout: "wide",
    panels: [
      panel(
        "Relative likelihood gap",
        (group) => median(group.map((r) => finalPoint(r).relativeGap)),
        [0.01, 10],
      ),
      panel(
        "Tracking error, nats",
        (group) => median(group.map((r) => r.outcome.lateTrackingError)),
        [0.01, 10],
      ),
    ],
  };
}

function noiseFloor(map: readonly TabularResult[]): string[][] {
  const smallest = Math.min(...map.map(({ setting }) => setting.rewardStepSize));
  const still = map.filter(({ setting }) => setting.rewardStepSize === smallest);
  return distinct(still.map(({ setting }) => setting.policyStepSize)).map((eta) => [
    eta.toPrecision(3),
    median(
      still.filter(({ setting }) => setting.policyStepSize === eta).map((r) => r.outcome.lateTrackingError),
    ).toPrecision(2),
  ]);
}

function boundaryLines(boundary: readonly Point[], etas: readonly number[]): HeatPanel["lines"] {
  const fitted = fitLine(boundary);
  if (!fitted) return [];
  const ends = [etas[0], etas[etas.length - 1]];
  return [
    { kind: "line", name: "measured boundary", tone: "learned", style: "strong", points: boundary },
    {
      kind: "line",
      name: "constant eta/alpha",
      tone: "expert",
      style: "dashed",
      points: ends.map((eta) => ({ x: eta, y: eta / fitted.middleRatio })),
    },
  ];
}

/**
 * For each eta the alpha at which the median late tracking error crosses the threshold, between the last step size that
 * holds and the first that does not (linear in logarithms); etas at which all or none hold say nothing.
 */
function boundaryOf(map: readonly TabularResult[], threshold: number): Point[] {
  const etas = distinct(map.map(({ setting }) => setting.policyStepSize));
  return etas.flatMap((eta) => {
    const row = map.filter(({ setting }) => setting.policyStepSize === eta);
    const alphas = distinct(row.map(({ setting }) => setting.rewardStepSize));
    const errors = alphas.map((alpha) =>
      median(
        row.filter(({ setting }) => setting.rewardStepSize === alpha).map((r) => r.outcome.lateTrackingError),
      ),
    );
    const first = errors.findIndex((error) => error > threshold);
    if (first <= 0) return [];
    const share = Math.log(threshold / errors[first - 1]) / Math.log(errors[first] / errors[first - 1]);
    return [{ x: eta, y: alphas[first - 1] * (alphas[first] / alphas[first - 1]) ** share }];
  });
}

function fitLine(boundary: readonly Point[]): { slope: number; middleRatio: number; ratios: string } | null {
  if (boundary.length < 3) return null;
  const x = boundary.map((point) => Math.log(point.x));
  const y = boundary.map((point) => Math.log(point.y));
  const meanX = x.reduce((a, b) => a + b, 0) / x.length;
  const meanY = y.reduce((a, b) => a + b, 0) / y.length;
  const products = x.reduce((sum, each, i) => sum + (each - meanX) * (y[i] - meanY), 0);
  const squares = x.reduce((sum, each) => sum + (each - meanX) ** 2, 0);
  const ratios = boundary.map((point) => point.x / point.y);
  return {
    slope: products / squares,
    middleRatio: median(ratios),
    ratios: `${Math.min(...ratios).toPrecision(2)} to ${Math.max(...ratios).toPrecision(2)}`,
  };
}

function range(points: readonly Point[]): string {
  return `${points[0].x.toPrecision(2)} to ${points[points.length - 1].x.toPrecision(2)}`;
}

function fates(group: readonly TabularResult[]): string {
  return [...groupBy(group, fateOf)].map(([fate, those]) => `${those.length} ${fate}`).join(", ");
}

function mostCommon(found: readonly Fate[]): Fate {
  const [[fate]] = [...groupBy(found, (each) => each)].sort(([, a], [, b]) => b.length - a.length);
  return fate;
}

function settingOf({ id }: TabularResult): string {
  return id.replace(/, seed \d+$/, "");
}

function distinct(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}
