/**
 * A second reading of docs/policies.md: naive loops in float64, with the standard deviation of what float32 does to each
 * number, its roundings taken as independent and unbiased (Higham and Mary, SIAM J. Sci. Comput. 41, 2019). The bound
 * that holds for every rounding is 100 to 10000 times what is seen.
 */
import type { PlainDescription } from "../../src/policies/plain-description.ts";

/** Half of the distance from 1 to the next float32. */
const UNIT = 2 ** -24;
/** Of tanh and exp, in units of 2 UNIT: the kernels' is 2.6 (src/kernels/assembly/elementary.ts), PyTorch's below 2. */
const ULPS = 3;

/** Values, and the standard deviation of a float32 computation of them, in any order of summation. */
export interface Rounded {
  readonly values: number[];
  readonly deviations: number[];
}

/** The tensor of that name. */
function tensorOf({ tensors }: PlainDescription, weights: Uint8Array, name: string): number[] {
  const { shape, offset } = tensors[name];
  const length = shape.reduce((product, extent) => product * extent, 1);
  const view = new DataView(weights.buffer, weights.byteOffset, weights.byteLength);
  return Array.from({ length }, (_, i) => view.getFloat32(offset + 4 * i, true));
}

/** What the network puts out, before any squashing. */
export function networkOutput(plain: PlainDescription, weights: Uint8Array, observation: number[]): Rounded {
  let x = networkInput(plain, observation);
  for (const layer of plain.layers) {
    const matrix = tensorOf(plain, weights, layer.weight);
    const bias = tensorOf(plain, weights, layer.bias);
    x = activated(layer.activation, product(matrix, bias, x));
  }
  return x;
}

/** The most likely action in the environment's units, from the network's output. */
export function vectorAction({ env, output }: PlainDescription, { values, deviations }: Rounded): Rounded {
  if (output.kind !== "box" || env.actionKind !== "box") throw new Error("not of a vector action");
  const { preClip = Infinity, squash, clip } = output;
  const limited: Rounded = {
    values: values.map((z) => Math.min(preClip, Math.max(-preClip, z))),
    deviations,
  };
  const squashed = activated(squash === "tanh" ? "tanh" : "linear", limited);
  const scaled = squashed.values.map((u, i) => {
    if (squash === "none") return u;
    return env.low[i] + ((u + 1) / 2) * (env.high[i] - env.low[i]);
  });
  const half = env.low.map((low, i) => (squash === "none" ? 1 : (env.high[i] - low) / 2));
  return {
    values: scaled.map((a, i) => (clip ? Math.min(clip[1][i], Math.max(clip[0][i], a)) : a)),
    deviations: squashed.deviations.map((deviation, i) => half[i] * deviation + UNIT * Math.abs(scaled[i])),
  };
}

function networkInput({ obsAdapter, obsNorm }: PlainDescription, observation: number[]): Rounded {
  const size = obsAdapter.padTo ?? observation.length;
  const padded = Array.from({ length: size }, (_, i) => observation[i] ?? 0);
  const values = padded.map((value, i) => {
    if (!obsNorm) return value;
    const standard = (value - obsNorm.mean[i]) / obsNorm.scale[i];
    return obsNorm.clip === null ? standard : Math.min(obsNorm.clip, Math.max(-obsNorm.clip, standard));
  });
  return { values, deviations: values.map((value) => UNIT * Math.abs(value)) };
}

/** A sum of n products and a bias is rounded n + 1 times, each time by at most a UNIT of a partial sum. */
function product(matrix: number[], bias: number[], { values, deviations }: Rounded): Rounded {
  const n = values.length;
  const out: { values: number[]; deviations: number[] } = { values: [], deviations: [] };
  bias.forEach((offset, row) => {
    let [sum, inherited, squares] = [offset, 0, offset ** 2];
    for (let column = 0; column < n; column++) {
      const weight = matrix[row * n + column];
      sum += weight * values[column];
      inherited += (weight * deviations[column]) ** 2;
      squares += (weight * values[column]) ** 2;
    }
    out.values.push(sum);
    out.deviations.push(Math.sqrt(inherited + (n + 1) * UNIT ** 2 * (squares + sum ** 2)));
  });
  return out;
}

function activated(activation: "linear" | "relu" | "tanh", { values, deviations }: Rounded): Rounded {
  if (activation === "linear") return { values, deviations };
  if (activation === "relu") return { values: values.map((value) => Math.max(0, value)), deviations };
  const after = values.map(Math.tanh);
  return {
    values: after,
    // The slope of tanh is largest at the point of the interval nearest to 0.
    deviations: deviations.map((deviation, i) => {
      const nearest = Math.tanh(Math.max(0, Math.abs(values[i]) - deviation));
      return deviation * (1 - nearest ** 2) + 2 * ULPS * UNIT * Math.abs(after[i]);
    }),
  };
}
