/** Adam (arXiv:1412.6980, Alg. 1) with decoupled weight decay (arXiv:1711.05101). */
import { loadPartial, multiplyAdd, storePartial } from "./lanes";

/**
 * Moments of units that are never active fall towards 0 and would stay for thousands of steps among numbers below 2^-126,
 * on which each operation costs some processors a hundred cycles: a tenth of all moments, and a sixth of the time of a
 * whole update of soft actor-critic, were seen on Emerald Rapids. So moments below 2^-120, and gradients below 2^-58 (whose squares come near), count as 0.
 */
const LEAST_MOMENT: f32 = reinterpret<f32>(0x03800000);
const LEAST_GRADIENT: f32 = reinterpret<f32>(0x22800000);

export function adam(n: usize, params: usize, grads: usize, m: usize, v: usize, lr: f64, beta1: f64, beta2: f64, eps: f64, correction1: f64, correction2: f64, decay: f64): void {
  const b1 = f32x4.splat(<f32>beta1);
  const b2 = f32x4.splat(<f32>beta2);
  const rest1 = f32x4.splat(<f32>(1 - beta1));
  const rest2 = f32x4.splat(<f32>(1 - beta2));
  // lr mhat / (sqrt(vhat) + eps) = step m / (sqrt(v) + floor)
  const root = Math.sqrt(correction2);
  const step = f32x4.splat(<f32>((-lr * root) / correction1));
  const floor = f32x4.splat(<f32>(eps * root));
  const kept = f32x4.splat(<f32>(1 - lr * decay));
  const leastMoment = f32x4.splat(LEAST_MOMENT);
  const leastGradient = f32x4.splat(LEAST_GRADIENT);
  for (const end = params + 4 * (n & ~3); params < end; params += 16, grads += 16, m += 16, v += 16) {
    const g = flushed(v128.load(grads), leastGradient);
    const mean = flushed(multiplyAdd(b1, v128.load(m), f32x4.mul(rest1, g)), leastMoment);
    const square = flushed(multiplyAdd(b2, v128.load(v), f32x4.mul(rest2, f32x4.mul(g, g))), leastMoment);
    v128.store(m, mean);
    v128.store(v, square);
    v128.store(params, moved(v128.load(params), mean, square, step, floor, kept));
  }
  const left = n & 3;
  if (left == 0) return;
  const g = flushed(loadPartial(grads, left), leastGradient);
  const mean = flushed(multiplyAdd(b1, loadPartial(m, left), f32x4.mul(rest1, g)), leastMoment);
  const square = flushed(multiplyAdd(b2, loadPartial(v, left), f32x4.mul(rest2, f32x4.mul(g, g))), leastMoment);
  storePartial(m, left, mean);
  storePartial(v, left, square);
  storePartial(params, left, moved(loadPartial(params, left), mean, square, step, floor, kept));
}

/** x, with 0 for what is nearer to 0 than `least`; NaN stays. */
@inline
function flushed(x: v128, least: v128): v128 {
  return v128.andnot(x, f32x4.lt(f32x4.abs(x), least));
}

@inline
function moved(p: v128, mean: v128, square: v128, step: v128, floor: v128, kept: v128): v128 {
  const direction = f32x4.div(mean, f32x4.add(f32x4.sqrt(square), floor));
  return multiplyAdd(step, direction, f32x4.mul(kept, p));
}
