/** Four float32 at a time: the multiply-add of the build, and the ends of vectors whose length is not a multiple of 4. */

/** a b + c: one rounding in the relaxed-SIMD build, two in the plain one. Chosen when the module is compiled. */
@inline
export function multiplyAdd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** The float32 at `table + 4 index` in all four lanes: a load, where a literal would be rebuilt from integers at each use. */
@inline
export function constant(table: usize, index: usize): v128 {
  return v128.load_splat<f32>(table + 4 * index);
}

/** max(x, 0), NaN for NaN. */
@inline
export function relu(x: v128): v128 {
  return f32x4.pmax(x, f32x4.splat(0));
}

/** The first `count` (1 to 3) of four lanes, zero in the others. */
@inline
export function loadPartial(pointer: usize, count: usize): v128 {
  if (count == 1) return v128.load32_zero(pointer);
  const low = v128.load64_zero(pointer);
  if (count == 2) return low;
  return v128.load32_lane(pointer, low, 2, 8);
}

@inline
export function storePartial(pointer: usize, count: usize, x: v128): void {
  if (count == 1) {
    v128.store32_lane(pointer, x, 0);
    return;
  }
  v128.store64_lane(pointer, x, 0);
  if (count == 3) v128.store32_lane(pointer, x, 2, 8);
}

/** All ones in the first `count` (0 to 4) lanes. */
@inline
export function lanesBelow(count: usize): v128 {
  return i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(<i32>count));
}

/** (x0 + x2) + (x1 + x3) */
@inline
export function laneSum(x: v128): f32 {
  const pairs = f32x4.add(x, i8x16.shuffle(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  return f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1);
}
