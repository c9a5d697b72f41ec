/** The rate at which the engine can multiply and add. */
import { laneSum, multiplyAdd } from "./lanes";

/**
 * 16 multiply-adds a round over 13 chains, as many as the 15 registers of V8 hold beside the factors; `rounds` a multiple
 * of 13, or it is the next. The plain form multiplies the chain itself, since a product of the two factors alone would be computed once for all.
 */
export function multiplyAddCeiling(rounds: u32): f32 {
  const a = f32x4.splat(<f32>rounds / (<f32>rounds + 1));
  const b = f32x4.splat(1 / (<f32>rounds + 1));
  let s0 = a;
  let s1 = f32x4.add(s0, a);
  let s2 = f32x4.add(s1, a);
  let s3 = f32x4.add(s2, a);
  let s4 = f32x4.add(s3, a);
  let s5 = f32x4.add(s4, a);
  let s6 = f32x4.add(s5, a);
  let s7 = f32x4.add(s6, a);
  let s8 = f32x4.add(s7, a);
  let s9 = f32x4.add(s8, a);
  let s10 = f32x4.add(s9, a);
  let s11 = f32x4.add(s10, a);
  let s12 = f32x4.add(s11, a);
  for (let i: u32 = 0; i < 16 * rounds; i += 13) {
    s0 = link(a, b, s0);
    s1 = link(a, b, s1);
    s2 = link(a, b, s2);
    s3 = link(a, b, s3);
    s4 = link(a, b, s4);
    s5 = link(a, b, s5);
    s6 = link(a, b, s6);
    s7 = link(a, b, s7);
    s8 = link(a, b, s8);
    s9 = link(a, b, s9);
    s10 = link(a, b, s10);
    s11 = link(a, b, s11);
    s12 = link(a, b, s12);
  }
  const left = f32x4.add(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)), f32x4.add(s4, s5));
  const right = f32x4.add(f32x4.add(f32x4.add(s6, s7), f32x4.add(s8, s9)), f32x4.add(f32x4.add(s10, s11), s12));
  return laneSum(f32x4.add(left, right));
}

@inline
function link(a: v128, b: v128, chain: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? multiplyAdd(a, b, chain) : multiplyAdd(chain, a, b);
}
