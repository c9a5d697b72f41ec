/**
 * A policy pi_k that soft actor-critic is kept near: its objective becomes E[ r + temperature H(pi) - mu KL(pi || pi_k) ], so that soft
 * values and the actor's loss have mu (log pi - log pi_k) beside temperature log pi. The best policy for a given Q is then proportional
 * to pi_k^(mu / (mu + temperature)) exp(Q / (mu + temperature)).
 *
 * Both policies squash by the same tanh, whose part of the density cancels: what is left are Gaussians of u, a = tanh(u).
 */
import { portableExp } from "../core/index.ts";
import type { Kernels } from "../kernels/index.ts";
import { mlpWorkspace, type MlpShape, type MlpWorkspace } from "../nn/index.ts";

/** pi_k and how strongly it holds. */
export interface Anchor {
  /** mu, reward a nat. */
  readonly coefficient: number;
  readonly shape: MlpShape;
  /** Parameters of pi_k, [shape.blockLength]. */
  readonly actor: number;
  readonly space: MlpWorkspace;
  /** log pi(a|s) - log pi_k(a|s) of a batch's rows, float32 [batch]; scratch. */
  readonly logRatio: number;
}

/** An anchor at the policy of these parameters, for batches of up to `batch` rows. */
export function createAnchor(
  kernels: Kernels,
  shape: MlpShape,
  actor: number,
  batch: number,
  coefficient: number,
): Anchor {
  const anchor: Anchor = {
    coefficient,
    shape,
    actor: kernels.allocate(shape.blockLength),
    space: mlpWorkspace(kernels, shape, batch),
    logRatio: kernels.allocate(batch),
  };
  moveAnchor(kernels, anchor, actor);
  return anchor;
}

/** pi_k becomes the policy of these parameters. */
export function moveAnchor(kernels: Kernels, { shape, actor: to }: Anchor, actor: number): void {
  kernels.copyRows(1, shape.blockLength, actor, shape.blockLength, to, shape.blockLength);
}

/**
 * log pi(a|s) - log pi_k(a|s), nats, of a = tanh(mean + std noise), into out [rows]. With log std clamped to [low, high], coordinate i has
 *
 *   log std_k - log std + (z^2 - noise^2) / 2,   z = (u - mean_k) / std_k = (mean - mean_k) / std_k + (std / std_k) noise,
 *
 * which needs no difference of two rounded u. Heads are [rows, 2 d], mean then raw log std; noise is [rows, d].
 */
export function gaussianLogRatio(
  kernels: Kernels,
  rows: number,
  d: number,
  head: number,
  anchorHead: number,
  noise: number,
  low: number,
  high: number,
  out: number,
): void {
  const own = kernels.f32(head, 2 * rows * d);
  const near = kernels.f32(anchorHead, 2 * rows * d);
  const normals = kernels.f32(noise, rows * d);
  const ratios = kernels.f32(out, rows);
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let i = 0; i < d; i++) {
      const at = 2 * row * d + i;
      const logStd = clamp(own[at + d], low, high);
      const nearLogStd = clamp(near[at + d], low, high);
      const e = normals[row * d + i];
      const z = (own[at] - near[at]) * portableExp(-nearLogStd) + portableExp(logStd - nearLogStd) * e;
      sum += nearLogStd - logStd + (z * z - e * e) / 2;
    }
    ratios[row] = sum;
  }
}

/**
 * Adds to dHead [rows, 2 d] the gradient of weight sum_rows (log pi - log pi_k) with respect to `head`, noise held fixed
 * (reparameterised): d / d mean = z / std_k and d / d log std = (std / std_k) noise z - 1, or 0 where log std is clamped.
 */
export function addLogRatioGradient(
  kernels: Kernels,
  rows: number,
  d: number,
  head: number,
  anchorHead: number,
  noise: number,
  low: number,
  high: number,
  weight: number,
  dHead: number,
): void {
  const own = kernels.f32(head, 2 * rows * d);
  const near = kernels.f32(anchorHead, 2 * rows * d);
  const normals = kernels.f32(noise, rows * d);
  const slopes = kernels.f32(dHead, 2 * rows * d);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < d; i++) {
      const at = 2 * row * d + i;
      const raw = own[at + d];
      const logStd = clamp(raw, low, high);
      const nearLogStd = clamp(near[at + d], low, high);
      const inverseStd = portableExp(-nearLogStd);
      const spread = portableExp(logStd - nearLogStd) * normals[row * d + i];
      const z = (own[at] - near[at]) * inverseStd + spread;
      slopes[at] += weight * z * inverseStd;
      if (raw === logStd) slopes[at + d] += weight * (spread * z - 1);
    }
  }
}

function clamp(x: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, x));
}
