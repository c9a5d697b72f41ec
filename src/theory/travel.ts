import { TandemError } from "../core/index.ts";
import { gradientNorm } from "./gradient-norms.ts";

/** ||W - W(0)|| / B, 1 on the surface of the ball; 0 where there is none (B infinite). */
export function relativeTravel(
  weights: ArrayLike<number>,
  initial: ArrayLike<number>,
  radius: number,
): number {
  return gradientNorm(Float64Array.from(weights, (w, i) => w - initial[i])) / radius;
}

/** In how many of the last steps the projection was active. Plain data, updated in place. */
export interface ProjectionWindow {
  /** Shares of the last loops (or 0 and 1 of the last steps), a ring of so many. */
  readonly shares: Float64Array;
  /** Loops seen so far. */
  seen: number;
}

/** A window over the last `length` loops. */
export function createProjectionWindow(length: number): ProjectionWindow {
  if (!(Number.isInteger(length) && length > 0)) {
    throw new TandemError("createProjectionWindow", `expected a whole number of loops from 1, got ${length}`);
  }
  return { shares: new Float64Array(length), seen: 0 };
}

/** Note one loop's share of steps with an active projection; returns the mean over the window, or over fewer at first. */
export function observeProjection(window: ProjectionWindow, share: number): number {
  const { shares } = window;
  shares[window.seen++ % shares.length] = share;
  const filled = Math.min(window.seen, shares.length);
  return shares.reduce((sum, each) => sum + each, 0) / filled;
}
