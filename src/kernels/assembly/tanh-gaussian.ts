/** The tanh-Gaussian policy head: head[B, 2d] = (mean | raw log std), log std = clamp(raw, low, high). */
import { exp, softplus, tanh } from "./elementary";
import { laneSum, lanesBelow, loadPartial, multiplyAdd, storePartial } from "./lanes";

const HALF_LOG_2PI: f32 = 0.9189385332046727;
const LOG_2: f32 = 0.6931471805599453;

@inline
function loadUpTo4(pointer: usize, count: usize): v128 {
  return count >= 4 ? v128.load(pointer) : loadPartial(pointer, count);
}

@inline
function storeUpTo4(pointer: usize, count: usize, x: v128): void {
  if (count >= 4) v128.store(pointer, x);
  else storePartial(pointer, count, x);
}

@inline
function clamped(raw: v128, low: v128, high: v128): v128 {
  return f32x4.pmax(f32x4.pmin(raw, high), low);
}

export function tanhGaussianForward(batch: usize, d: usize, head: usize, noise: usize, low: f32, high: f32, pre: usize, out: usize, ldout: usize, logProb: usize): void {
  const lowest = f32x4.splat(low);
  const highest = f32x4.splat(high);
  const half = f32x4.splat(0.5);
  const two = f32x4.splat(2);
  for (let i: usize = 0; i < batch; i++) {
    let total = f32x4.splat(0);
    for (let j: usize = 0; j < d; j += 4) {
      const count = d - j;
      const at: usize = 4 * (i * d + j);
      const mean = loadUpTo4(head + 4 * (2 * i * d + j), count);
      const logStd = clamped(loadUpTo4(head + 4 * ((2 * i + 1) * d + j), count), lowest, highest);
      const e = loadUpTo4(noise + at, count);
      const u = multiplyAdd(exp(logStd), e, mean);
      storeUpTo4(pre + at, count, u);
      storeUpTo4(out + 4 * (i * ldout + j), count, tanh(u));
      // log N(u) = -e^2/2 - log std - log(2 pi)/2; log(1 - tanh(u)^2) = 2 (log 2 - u - softplus(-2u)).
      const gaussian = f32x4.sub(f32x4.neg(logStd), f32x4.mul(half, f32x4.mul(e, e)));
      const squash = f32x4.add(f32x4.sub(u, f32x4.splat(LOG_2)), softplus(f32x4.mul(f32x4.splat(-2), u)));
      const terms = f32x4.add(f32x4.sub(gaussian, f32x4.splat(HALF_LOG_2PI)), f32x4.mul(two, squash));
      total = f32x4.add(total, count >= 4 ? terms : v128.and(terms, lanesBelow(count)));
    }
    store<f32>(logProb + 4 * i, laneSum(total));
  }
}

/**
 * With u = mean + std noise: d log pi / du = 2 tanh(u) at fixed noise, d a / du = 1 - tanh(u)^2 = 4 z / (1 + z)^2 with
 * z = e^(-2|u|), du / d mean = 1, du / d log std = std noise, and log pi holds -log std beside u.
 */
export function tanhGaussianBackward(batch: usize, d: usize, head: usize, noise: usize, low: f32, high: f32, pre: usize, weight: f32, dAction: usize, ldda: usize, dHead: usize): void {
  const lowest = f32x4.splat(low);
  const highest = f32x4.splat(high);
  const w = f32x4.splat(weight);
  const one = f32x4.splat(1);
  for (let i: usize = 0; i < batch; i++) {
    for (let j: usize = 0; j < d; j += 4) {
      const count = d - j;
      const at: usize = 4 * (i * d + j);
      const raw = loadUpTo4(head + 4 * ((2 * i + 1) * d + j), count);
      const logStd = clamped(raw, lowest, highest);
      const u = loadUpTo4(pre + at, count);
      const z = exp(f32x4.mul(f32x4.splat(-2), f32x4.abs(u)));
      const opened = f32x4.add(one, z);
      const slope = f32x4.div(f32x4.mul(f32x4.splat(4), z), f32x4.mul(opened, opened));
      const dU = multiplyAdd(loadUpTo4(dAction + 4 * (i * ldda + j), count), slope, f32x4.mul(f32x4.add(w, w), tanh(u)));
      const dLogStd = f32x4.sub(f32x4.mul(dU, f32x4.mul(exp(logStd), loadUpTo4(noise + at, count))), w);
      storeUpTo4(dHead + 4 * (2 * i * d + j), count, dU);
      storeUpTo4(dHead + 4 * ((2 * i + 1) * d + j), count, v128.and(dLogStd, f32x4.eq(raw, logStd)));
    }
  }
}

export function tanhGaussianMode(batch: usize, d: usize, head: usize, out: usize, ldout: usize): void {
  for (let i: usize = 0; i < batch; i++) {
    for (let j: usize = 0; j < d; j += 4) {
      storeUpTo4(out + 4 * (i * ldout + j), d - j, tanh(loadUpTo4(head + 4 * (2 * i * d + j), d - j)));
    }
  }
}
