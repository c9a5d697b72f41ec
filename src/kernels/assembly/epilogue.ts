/** What happens to a product as it is stored: bits, applied in this order. */
import { relu } from "./lanes";

/** Add what C held. */
export const ADD: u32 = 1;
/** Add a row vector. */
export const BIAS: u32 = 2;
/** max(., 0) */
export const RELU: u32 = 4;
/** Zero where the mask is not positive. */
export const MASK: u32 = 8;
/** Applied to whole rows afterwards. */
export const TANH: u32 = 16;

/** `product` after the epilogue; `held` is what C held and `extra` the bias or the mask, unused where `mode` has no such bit. */
@inline
export function finish(product: v128, mode: u32, held: v128, extra: v128): v128 {
  let x = product;
  if (mode & ADD) x = f32x4.add(x, held);
  if (mode & BIAS) x = f32x4.add(x, extra);
  if (mode & RELU) x = relu(x);
  if (mode & MASK) x = v128.and(x, f32x4.gt(extra, f32x4.splat(0)));
  return x;
}
