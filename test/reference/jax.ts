/** The gradient oracle: jax-js on its WebAssembly backend, in float64. */
import { defaultDevice, init, numpy as np } from "@jax-js/jax";

await init("wasm");
defaultDevice("wasm");

/** A float64 array of this shape. */
export const float64 = (values: Iterable<number>, shape: number[]): np.Array =>
  np.array(Float64Array.from(values), { dtype: np.float64 }).reshape(shape);
