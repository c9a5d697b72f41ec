/** f(x; W) = m^(-1/2) sum_j b_j relu(W_j . x): the sum over units and its gradient. */
import { laneSum, loadPartial, multiplyAdd, storePartial } from "./lanes";

export function signedRowSums(rows: usize, m: usize, h: usize, signs: usize, scale: f32, out: usize): void {
  for (let i: usize = 0; i < rows; i++) store<f32>(out + 4 * i, scale * signedSum(m, h + 4 * i * m, signs));
}

function signedSum(m: usize, h: usize, signs: usize): f32 {
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  for (const end = h + 4 * (m & ~15); h < end; h += 64, signs += 64) {
    s0 = multiplyAdd(v128.load(h), v128.load(signs), s0);
    s1 = multiplyAdd(v128.load(h, 16), v128.load(signs, 16), s1);
    s2 = multiplyAdd(v128.load(h, 32), v128.load(signs, 32), s2);
    s3 = multiplyAdd(v128.load(h, 48), v128.load(signs, 48), s3);
  }
  for (const end = h + 4 * (m & 12); h < end; h += 16, signs += 16)
    s0 = multiplyAdd(v128.load(h), v128.load(signs), s0);
  if (m & 3) s1 = multiplyAdd(loadPartial(h, m & 3), loadPartial(signs, m & 3), s1);
  return laneSum(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
}

export function twoLayerBackward(
  rows: usize,
  m: usize,
  h: usize,
  signs: usize,
  coefficient: usize,
  scale: f32,
  g: usize,
): void {
  const zero = f32x4.splat(0);
  for (let i: usize = 0; i < rows; i++) {
    const factor = f32x4.splat(load<f32>(coefficient + 4 * i) * scale);
    let sign = signs;
    for (const end = h + 4 * (m & ~3); h < end; h += 16, g += 16, sign += 16) {
      v128.store(g, v128.and(f32x4.mul(factor, v128.load(sign)), f32x4.gt(v128.load(h), zero)));
    }
    const left = m & 3;
    if (left == 0) continue;
    storePartial(
      g,
      left,
      v128.and(f32x4.mul(factor, loadPartial(sign, left)), f32x4.gt(loadPartial(h, left), zero)),
    );
    h += 4 * left;
    g += 4 * left;
  }
}
