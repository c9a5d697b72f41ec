/**
 * Whether the reward comes back to where it was. With D_k = theta_k - theta_{k-L}, the correlation of successive
 * displacements rho(L) = sum D_k . D_{k-L} / sqrt(sum |D_k|^2 sum |D_{k-L}|^2) over k = 2L, 3L, ... is 1 for a drift, 0
 * for a random walk, -1/2 for independent noise about a fixed point, and cos(2 pi L / P) for a cycle of period P, -1 at
 * half of it. Noise around an optimum also stops moving away while its steps stay large: only below -1/2 is it a cycle.
 */
import { TandemError } from "../core/index.ts";

/** Displacements at one lag. */
interface LagTrack {
  /** L, observations. */
  readonly lag: number;
  /** theta at the last multiple of L, and the displacement that led there; empty before there is one. */
  last: Float64Array;
  displacement: Float64Array;
  /** The last products: D_k . D_{k-L}, |D_k|^2, |D_{k-L}|^2. */
  readonly products: [number, number, number][];
}

/** What has been seen of theta. Plain data, updated in place by `observePoint`. */
export interface ReturnMap {
  /** Products remembered at each lag. */
  readonly window: number;
  readonly tracks: readonly LagTrack[];
  /** Observations so far. */
  seen: number;
}

/** The return map at one lag. */
export interface LagReturn {
  /** L, observations. */
  readonly lag: number;
  /** rho(L), in [-1, 1]; null where theta has not moved. */
  readonly correlation: number | null;
  /** Of the correlation, the products taken as independent. */
  readonly standardError: number;
  /** Root mean square of ||theta_k - theta_{k-L}||. */
  readonly displacement: number;
  /** Pairs of displacements behind it. */
  readonly count: number;
}

/**
 * Between noise, -1/2, and a pure cycle: -0.8 or less at one of the lags, but for a period of 3, which is at -1/2 whatever
 * the lag.
 */
const CYCLE = -0.65;
/** Standard errors below -1/2 that make a cycle: looks are many, and those of few products. */
const SIGNIFICANT = 5;

/**
 * A map of lags 1, 2, 3, 4, 6, 8, 12, ... up to `longestLag`, so that every period has a lag near its half, with `window`
 * products at each: 32 keep independent noise in five or more dimensions quiet over thousands of looks, in one or two
 * dimensions nothing does. Keeps two vectors a lag.
 */
export function createReturnMap(longestLag: number, window: number): ReturnMap {
  if (!(longestLag >= 1 && Number.isInteger(window) && window >= 2)) {
    throw new TandemError(
      "createReturnMap",
      `expected a longest lag from 1 and a window of whole products from 2, got ${longestLag} and ${window}`,
    );
  }
  const lags = [1];
  for (let power = 2; power <= longestLag; power *= 2) lags.push(power, 1.5 * power);
  const tracks = lags
    .filter((lag) => lag <= longestLag)
    .map((lag) => ({ lag, last: new Float64Array(0), displacement: new Float64Array(0), products: [] }));
  return { window, tracks, seen: 0 };
}

/** Note theta_k, or anything that it decides and that is smaller: r(s, a; theta_k) at fixed pairs. Copied where kept. */
export function observePoint(map: ReturnMap, point: ArrayLike<number>): void {
  for (const track of map.tracks) {
    if (map.seen % track.lag === 0) advance(track, point, map.window);
  }
  map.seen++;
}

/** The map at every lag at which two displacements are known. */
export function returns({ tracks }: ReturnMap): LagReturn[] {
  return tracks.filter(({ products }) => products.length > 0).map(returnAt);
}

/**
 * The lag at which theta returns most, if it does so significantly and the lag's window is full, else null. The cycle's
 * period is about twice the lag.
 */
export function cycleOf(map: ReturnMap): LagReturn | null {
  let most: LagReturn | null = null;
  for (const each of returns(map)) {
    const { correlation, standardError, count } = each;
    if (count < map.window || correlation === null) continue;
    if (correlation > CYCLE || correlation + SIGNIFICANT * standardError > -1 / 2) continue;
    if (most?.correlation == null || correlation < most.correlation) most = each;
  }
  return most;
}

/** rho = mean a / sqrt(mean b mean c), its error from a - rho (b + c) / 2. */
function returnAt({ lag, products }: LagTrack): LagReturn {
  const count = products.length;
  const [inner, now, before] = [0, 1, 2].map((k) => products.reduce((sum, each) => sum + each[k] / count, 0));
  const displacement = Math.sqrt(now);
  if (!(now > 0 && before > 0)) return { lag, correlation: null, standardError: 0, displacement, count };
  const correlation = inner / Math.sqrt(now * before);
  const squares = products.reduce((sum, [a, b, c]) => sum + (a - (correlation * (b + c)) / 2) ** 2, 0);
  const standardError = Math.sqrt(squares) / count / ((now + before) / 2);
  return { lag, correlation, standardError, displacement, count };
}

function advance(track: LagTrack, point: ArrayLike<number>, window: number): void {
  const { last, displacement, products } = track;
  track.last = Float64Array.from(point);
  if (last.length === 0) return;
  track.displacement = track.last.map((each, i) => each - last[i]);
  if (displacement.length === 0) return;
  products.push([
    inner(track.displacement, displacement),
    inner(track.displacement, track.displacement),
    inner(displacement, displacement),
  ]);
  if (products.length > window) products.shift();
}

function inner(x: Float64Array, y: Float64Array): number {
  return x.reduce((sum, each, i) => sum + each * y[i], 0);
}
