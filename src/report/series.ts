/** What display needs of long or several series: averages over neighbours and over runs. */
import type { Point } from "./figure.ts";
import { mean } from "./numbers.ts";

/** Means over `bins` equal stretches of x; as it is where no longer than that. A stretch without a finite y is a gap. */
export function binMeans(points: readonly Point[], bins: number): Point[] {
  if (points.length <= bins) return [...points];
  const xs = points.map(({ x }) => x);
  const low = xs.reduce((a, b) => Math.min(a, b));
  const high = xs.reduce((a, b) => Math.max(a, b));
  const stretches = Array.from({ length: bins }, (): Point[] => []);
  for (const point of points) {
    const bin = Math.floor(((point.x - low) / (high - low)) * bins);
    stretches[Math.min(bins - 1, bin)].push(point);
  }
  return stretches
    .filter((stretch) => stretch.length > 0)
    .map((stretch) => ({ x: mean(stretch.map(({ x }) => x)), y: mean(stretch.map(({ y }) => y)) }));
}

/** Mean over runs at every x that all of them share, a gap where one has none; empty if they share fewer than two. */
export function meanOverRuns(runs: readonly (readonly Point[])[]): Point[] {
  const [first, ...others] = runs.map((points) => new Map(points.map(({ x, y }) => [x, y])));
  const shared = [...first.keys()].filter((x) => others.every((run) => run.has(x)));
  if (shared.length < 2) return [];
  return shared.map((x) => {
    const sum = others.reduce((total, run) => total + (run.get(x) ?? NaN), first.get(x) ?? NaN);
    return { x, y: sum / runs.length };
  });
}

/** At most `count` of the points, evenly taken. */
export function thinned<Item>(points: readonly Item[], count: number): Item[] {
  const every = Math.ceil(points.length / count);
  return points.filter((_, index) => index % every === 0);
}
