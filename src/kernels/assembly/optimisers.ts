/** Adam (arXiv:1412.6980, Alg. 1) with decoupled weight decay (arXiv:1711.05101). */
import { loadPartial, multiplyAdd, storePartial } from "./lanes";

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
  for (const end = params + 4 * (n & ~3); params < end; params += 16, grads += 16, m += 16, v += 16) {
    const g = v128.load(grads);
    const mean = multiplyAdd(b1, v128.load(m), f32x4.mul(rest1, g));
    const square = multiplyAdd(b2, v128.load(v), f32x4.mul(rest2, f32x4.mul(g, g)));
    v128.store(m, mean);
    v128.store(v, square);
    v128.store(params, moved(v128.load(params), mean, square, step, floor, kept));
  }
  const left = n & 3;
  if (left == 0) return;
  const g = loadPartial(grads, left);
  const mean = multiplyAdd(b1, loadPartial(m, left), f32x4.mul(rest1, g));
  const square = multiplyAdd(b2, loadPartial(v, left), f32x4.mul(rest2, f32x4.mul(g, g)));
  storePartial(m, left, mean);
  storePartial(v, left, square);
  storePartial(params, left, moved(loadPartial(params, left), mean, square, step, floor, kept));
}

@inline
function moved(p: v128, mean: v128, square: v128, step: v128, floor: v128, kept: v128): v128 {
  const direction = f32x4.div(mean, f32x4.add(f32x4.sqrt(square), floor));
  return multiplyAdd(step, direction, f32x4.mul(kept, p));
}
