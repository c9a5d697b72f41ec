/** What `tandem reward` finds out, and its words. */
import type { DistanceKind, QualityDistance, SampleSize, SourceAgreement } from "../eval/index.ts";

/** The quality of the rewards of one or more runs. */
export interface RewardReport {
  readonly env: string;
  readonly envOptions: Readonly<Record<string, unknown>>;
  readonly seed: number;
  /** Of the distances. */
  readonly discount: number;
  readonly trueRewardIsConstant: boolean;
  readonly runs: readonly RewardOfRun[];
  /** How each distance was measured, in the order of `runs[].distances`. */
  readonly distances: readonly {
    readonly kind: DistanceKind;
    readonly exact: boolean;
    readonly draws: SampleSize | null;
    readonly simulatorSteps: number;
    readonly truthIsTrivial: boolean;
  }[];
  readonly notes: readonly string[];
}

/** The quality of one run's reward. */
interface RewardOfRun {
  readonly run: string;
  readonly method: string;
  /** By source, the union last. */
  readonly agreement: readonly SourceAgreement[];
  readonly distances: readonly (QualityDistance & {
    readonly kind: DistanceKind;
    readonly trivial: boolean;
  })[];
}

/** A report for people. */
export function rewardText(report: RewardReport): string {
  const { env, seed, runs, notes } = report;
  const parts = [
    `${env}, seed ${seed}: how the learned reward relates to the true one`,
    ...runs.map((run) => runText(report, run)),
    ...methodLines(report),
    ...notes,
  ];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

function runText(report: RewardReport, { run, method, agreement, distances }: RewardOfRun): string {
  const rows = agreement.map(({ source, rows: count, pearson, spearman }) => [
    source,
    String(count),
    correlationText(pearson),
    correlationText(spearman),
  ]);
  const lines = [`${run} (${method})`, ...table([["rows of", "rows", "Pearson", "Spearman"], ...rows])];
  if (agreement.some(({ pearson }) => pearson === null))
    lines.push(
      report.trueRewardIsConstant
        ? "  The true reward is constant on these rows: nothing correlates with it."
        : "  A constant reward correlates with nothing: where it says none, one of the two is constant on those rows.",
    );
  if (distances.length > 0) lines.push("", ...distances.map((each, i) => distanceLine(report, each, i)));
  return lines.join("\n");
}

function correlationText(value: number | null): string {
  return value === null ? "none" : value.toFixed(3);
}

function distanceLine(
  report: RewardReport,
  { kind, distance, interval, trivial }: RewardOfRun["distances"][number],
  i: number,
): string {
  const name = `  ${kind.padEnd(5)}`;
  const { exact, truthIsTrivial } = report.distances[i];
  if (distance === null) {
    const which = truthIsTrivial ? "true" : "learned";
    const both = truthIsTrivial && trivial ? "both rewards are" : `the ${which} reward is`;
    return `${name}  no distance: ${both} constant, but for shaping, and orders no policies`;
  }
  if (exact) return `${name}  ${distance.toFixed(3)}, exact`;
  const [low, high] = interval ?? [NaN, NaN];
  return `${name}  ${distance.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
}

/** What the distances rest on. */
function methodLines({ distances, discount }: RewardReport): string[] {
  if (distances.length === 0) return [];
  const lines = [
    "Distances: 0 for rewards that order policies alike, about 0.71 for unrelated ones, 1 for opposite ones.",
  ];
  lines.push(`Discount ${discount}.`);
  if (distances.every(({ exact }) => exact)) {
    lines.push(
      "EPIC is even over all (s, a, s'), DARD and STARC over all pairs (s, a), which follow the problem.",
    );
  } else {
    lines.push(
      "Transitions, states and actions are drawn from the union of the rows; intervals of 95 % are over transitions alone.",
    );
    for (const { kind, draws, simulatorSteps } of distances)
      if (draws)
        lines.push(`${kind}: ${sizeText(kind, draws, discount)}; ${simulatorSteps} simulator steps.`);
  }
  return [lines.join("\n")];
}

function sizeText(
  kind: DistanceKind,
  { transitions, samples, horizon }: SampleSize,
  discount: number,
): string {
  if (kind !== "STARC") return `${transitions} transitions, ${samples} draws for each expectation`;
  const left = (discount ** horizon).toFixed(2);
  return `${transitions} transitions, ${samples} rollouts of ${horizon} steps from each, which leaves ${left} of shaping`;
}

/** Columns, the first to the left and the others to the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map(
    (row) =>
      `  ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join("  ")}`,
  );
}
