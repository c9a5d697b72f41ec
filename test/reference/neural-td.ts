/** Neural soft Q-learning on the two-layer network in float64, written as the formulas stand. */

/** W and W(0) as [m][d], b as [m]. */
export interface TdNetwork {
  weights: number[][];
  readonly initial: number[][];
  readonly signs: number[];
  readonly radius: number;
}

/** Rows as [index, value] pairs; `next` holds one row an action, null where s' is terminal. */
export interface TdTransition {
  readonly row: [number, number][];
  readonly next: [number, number][][] | null;
  readonly reward: number;
  readonly logPolicy: number[] | null;
}

/** f(x; W). */
export function tdValue(network: TdNetwork, row: [number, number][]): number {
  const { weights, signs } = network;
  const units = weights.map((w, j) => signs[j] * Math.max(0, preactivation(w, row)));
  return units.reduce((a, b) => a + b, 0) / Math.sqrt(weights.length);
}

/** The steps of one inner loop, in order; the network is left at their mean or at the last. */
export function tdLoop(
  network: TdNetwork,
  transitions: readonly TdTransition[],
  options: { discount: number; shift: number; stepSize: number; average: boolean },
): { squares: number; projections: number; travel: number } {
  let squares = 0;
  let projections = 0;
  const sum = network.weights.map((row) => row.map(() => 0));
  for (const { row, next, reward, logPolicy } of transitions) {
    const q = next?.map((each) => tdValue(network, each));
    const value = q ? softValue(q, logPolicy) - options.shift : 0;
    const residual = tdValue(network, row) - reward - options.discount * value;
    squares += residual ** 2;
    ascendTd(network, row, -options.stepSize * residual);
    if (projectTd(network)) projections++;
    network.weights.forEach((w, j) => w.forEach((each, i) => (sum[j][i] += each)));
  }
  if (options.average) network.weights = sum.map((row) => row.map((each) => each / transitions.length));
  return { squares, projections, travel: travelOf(network) };
}

/** W <- W + amount grad f(x; W). */
export function ascendTd(network: TdNetwork, row: [number, number][], amount: number): void {
  const { weights, signs } = network;
  const step = amount / Math.sqrt(weights.length);
  const open = weights.map((w) => preactivation(w, row) > 0);
  weights.forEach((w, j) => {
    if (open[j]) for (const [i, x] of row) w[i] += step * signs[j] * x;
  });
}

/** Pi_B; says whether it did anything. */
export function projectTd(network: TdNetwork): boolean {
  const { weights, initial, radius } = network;
  const travel = travelOf(network);
  if (travel <= radius) return false;
  weights.forEach((w, j) =>
    w.forEach((each, i) => (w[i] = initial[j][i] + ((each - initial[j][i]) * radius) / travel)),
  );
  return true;
}

function travelOf({ weights, initial }: TdNetwork): number {
  return Math.hypot(...weights.flatMap((w, j) => w.map((each, i) => each - initial[j][i])));
}

function preactivation(w: number[], row: [number, number][]): number {
  return row.reduce((sum, [i, x]) => sum + x * w[i], 0);
}

function softValue(q: number[], logPolicy: number[] | null): number {
  if (logPolicy) return q.reduce((sum, each, a) => sum + Math.exp(logPolicy[a]) * (each - logPolicy[a]), 0);
  const largest = Math.max(...q);
  return largest + Math.log(q.reduce((sum, each) => sum + Math.exp(each - largest), 0));
}
