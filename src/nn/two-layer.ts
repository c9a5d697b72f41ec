import type { Kernels } from "../kernels/index.ts";
import { foldIn, nextNormal, nextUniform, streamOf, type Key } from "../core/index.ts";

/**
 * The paper's two-layer ReLU network (arXiv:2503.17865, Section 4): f(x; W) = m^(-1/2) sum_j b_j relu(W_j . x), with
 * b_j uniform in {-1, +1} and never trained, W_j(0) ~ N(0, I_d / d), kept in the ball S_B around W(0).
 */
export interface TwoLayerNetwork {
  /** m, the number of hidden units. */
  readonly width: number;
  /** d, the number of features. */
  readonly features: number;
  /** W, [m, d]. */
  readonly weights: number;
  /** W(0), [m, d]. */
  readonly initial: number;
  /** b, [m], each -1 or +1. */
  readonly signs: number;
  /** B, the radius of the feasible set; Infinity for none. */
  readonly radius: number;
}

/** Room for the hidden layer of up to `rows` rows. */
export interface TwoLayerWorkspace {
  readonly rows: number;
  /** relu(x W^T), [rows, m]. */
  readonly hidden: number;
  /** relu(x W(0)^T), [rows, m], positive where f0's indicators are 1; 0 when not asked for. */
  readonly initialHidden: number;
  readonly zeroBias: number;
}

const OVERWRITE = 0;
const BIAS_RELU = 2;
const MASK = 4;
const ADD = 5;

/** Draw a network at initialisation. */
export function createTwoLayer(
  kernels: Kernels,
  { width, features, radius }: { width: number; features: number; radius: number },
  key: Key,
): TwoLayerNetwork {
  const network = {
    width,
    features,
    weights: kernels.allocate(width * features),
    initial: kernels.allocate(width * features),
    signs: kernels.allocate(width),
    radius,
  };
  const { weights, signs } = drawTwoLayer(width, features, key);
  kernels.f32(network.initial, weights.length).set(weights);
  kernels.f32(network.weights, weights.length).set(weights);
  kernels.f32(network.signs, width).set(signs);
  return network;
}

/** W(0) [m, d], W_j(0) ~ N(0, I_d / d), and b [m], uniform in {-1, +1}. */
export function drawTwoLayer(
  width: number,
  features: number,
  key: Key,
): { weights: Float32Array; signs: Float32Array } {
  const weightStream = streamOf(foldIn(key, 0));
  const signStream = streamOf(foldIn(key, 1));
  const deviation = Math.sqrt(1 / features);
  const weights = new Float32Array(width * features);
  const signs = new Float32Array(width);
  for (let i = 0; i < weights.length; i++) weights[i] = deviation * nextNormal(weightStream);
  for (let j = 0; j < width; j++) signs[j] = nextUniform(signStream) < 0.5 ? -1 : 1;
  return { weights, signs };
}

/** Allocate a workspace; `linearised` adds the room that `twoLayerLinearised` needs. */
export function twoLayerWorkspace(
  kernels: Kernels,
  network: TwoLayerNetwork,
  rows: number,
  linearised = false,
): TwoLayerWorkspace {
  return {
    rows,
    hidden: kernels.allocate(rows * network.width),
    initialHidden: linearised ? kernels.allocate(rows * network.width) : 0,
    zeroBias: kernels.allocate(network.width),
  };
}

/** f(x; W) for `rows` rows of x [rows, d] (leading dimension `ldx`) into out [rows]. */
export function twoLayerForward(
  kernels: Kernels,
  network: TwoLayerNetwork,
  rows: number,
  x: number,
  ldx: number,
  workspace: TwoLayerWorkspace,
  out: number,
): void {
  const { width, features, weights, signs } = network;
  const { hidden, zeroBias } = workspace;
  kernels.gemmNT(rows, width, features, x, ldx, weights, features, hidden, width, BIAS_RELU, zeroBias);
  kernels.signedRowSums(rows, width, hidden, signs, 1 / Math.sqrt(width), out);
}

/**
 * dW [m, d] of sum_i coefficients[i] f(x_i; W), after `twoLayerForward` on the same rows; added to `gradient` where
 * `accumulate`, else written over it. Uses up the workspace's hidden layer.
 */
export function twoLayerGradient(
  kernels: Kernels,
  network: TwoLayerNetwork,
  rows: number,
  x: number,
  ldx: number,
  workspace: TwoLayerWorkspace,
  coefficients: number,
  gradient: number,
  accumulate: boolean,
): void {
  const { width, features, signs } = network;
  const { hidden } = workspace;
  kernels.twoLayerBackward(rows, width, hidden, signs, coefficients, 1 / Math.sqrt(width), hidden);
  kernels.gemmTN(
    width,
    features,
    rows,
    hidden,
    width,
    x,
    ldx,
    gradient,
    features,
    accumulate ? ADD : OVERWRITE,
  );
}

/**
 * The linearisation at initialisation f0(x; W) = m^(-1/2) sum_j b_j 1{W_j(0) . x > 0} W_j . x into out [rows]
 * (arXiv:2503.17865, Section 5). The workspace must have been made with `linearised`.
 */
export function twoLayerLinearised(
  kernels: Kernels,
  network: TwoLayerNetwork,
  rows: number,
  x: number,
  ldx: number,
  workspace: TwoLayerWorkspace,
  out: number,
): void {
  const { width, features, weights, initial, signs } = network;
  const { hidden, initialHidden, zeroBias } = workspace;
  kernels.gemmNT(rows, width, features, x, ldx, initial, features, initialHidden, width, BIAS_RELU, zeroBias);
  kernels.gemmNT(rows, width, features, x, ldx, weights, features, hidden, width, MASK, initialHidden);
  kernels.signedRowSums(rows, width, hidden, signs, 1 / Math.sqrt(width), out);
}

/** Pi_B: put W back onto the ball around W(0) if it has left it. Returns the distance before. */
export function projectTwoLayer(kernels: Kernels, network: TwoLayerNetwork): number {
  const { width, features, weights, initial, radius } = network;
  return kernels.projectBall(width * features, weights, initial, radius);
}
