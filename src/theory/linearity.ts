/**
 * How far a two-layer network is from its linearisation at initialisation, and the likelihood from concave, within the
 * ball S_B = { W : ||W - W(0)|| <= B } (arXiv:2503.17865, Section 5). Both vanish for infinite width; the theory bounds
 * them by O(m^(-1/2)).
 */
import { foldIn, nextNormal, nextUniform, streamOf, type Key, type RandomStream } from "../core/index.ts";
import type { Kernels } from "../kernels/index.ts";
import {
  twoLayerForward,
  twoLayerGradient,
  twoLayerLinearised,
  twoLayerWorkspace,
  type TwoLayerNetwork,
  type TwoLayerWorkspace,
} from "../nn/index.ts";

/**
 * Points of the ball. "random": W(0) + B u, u uniform on the sphere: it hardly moves any unit across zero. "trained":
 * W(0) + B times the direction of sum_i c_i grad f(x_i; W(0)), c_i ~ N(0, 1): where gradient steps lead, all units of a
 * row together.
 *
 * Either way a unit moves by about B m^(-1/2), so that a share of about B m^(-1/2) crosses zero and each errs by as much.
 * Trained, all err to one side: f - f0 ~ m^(-1/2) m (B m^(-1/2))^2 = B^2 m^(-1/2), the bound's own rate. Random, they err
 * to either side and add up like the root of their number: m^(-1/2) (B m^(1/2))^(1/2) B m^(-1/2) = B^(3/2) m^(-3/4).
 */
export type BallDirection = "random" | "trained";

/** A bench on which networks of one shape are looked at; the network under test is never written. */
export interface LinearityBench {
  /** x_1 .. x_N, [count, features]. */
  readonly points: number;
  readonly count: number;
  readonly workspace: TwoLayerWorkspace;
  readonly values: number;
  readonly linearised: number;
  readonly coefficients: number;
  /** A second network: the same W(0) and b, with other weights. */
  readonly scratch: TwoLayerNetwork;
}

/** Mean and largest over draws. */
export interface Spread {
  readonly mean: number;
  readonly largest: number;
}

/** Room to look at networks shaped like `network` at `count` points [count, features]. */
export function createLinearityBench(
  kernels: Kernels,
  network: TwoLayerNetwork,
  points: number,
  count: number,
): LinearityBench {
  const { width, features, initial, signs, radius } = network;
  return {
    points,
    count,
    workspace: twoLayerWorkspace(kernels, network, count, true),
    values: kernels.allocate(count),
    linearised: kernels.allocate(count),
    coefficients: kernels.allocate(count),
    scratch: { width, features, initial, signs, radius, weights: kernels.allocate(width * features) },
  };
}

/** Root mean square over the points of f(x; W) - f0(x; W), at the network's W. */
export function linearisationError(
  kernels: Kernels,
  network: TwoLayerNetwork,
  bench: LinearityBench,
): number {
  const { points, count, workspace, values, linearised } = bench;
  twoLayerForward(kernels, network, count, points, network.features, workspace, values);
  twoLayerLinearised(kernels, network, count, points, network.features, workspace, linearised);
  return Math.sqrt(kernels.squaredDistance(count, values, linearised) / count);
}

/** The same at `draws` points of the ball of this radius around W(0). */
export function linearisationErrorInBall(
  kernels: Kernels,
  bench: LinearityBench,
  options: { readonly radius: number; readonly direction: BallDirection; readonly draws: number },
  key: Key,
): Spread {
  const errors = Array.from({ length: options.draws }, (_, draw) => {
    drawInBall(kernels, bench, options, 1, streamOf(foldIn(key, draw)));
    return linearisationError(kernels, bench.scratch, bench);
  });
  return spreadOf(errors);
}

/**
 * max(0, lambda Lhat(th1) + (1 - lambda) Lhat(th2) - Lhat(lambda th1 + (1 - lambda) th2)) over random pairs of the ball
 * and random lambda in [0, 1], Lhat(theta) = sum_i weights[i] f(x_i; theta): the expert's occupancy minus the agent's.
 * The entropy term does not depend on theta and cancels. Each pair is drawn at independent radii up to the ball's.
 * `positiveShare` is that of pairs whose chord lies above Lhat by more than rounding leaves.
 */
export function concavityGap(
  kernels: Kernels,
  bench: LinearityBench,
  weights: ArrayLike<number>,
  options: { readonly radius: number; readonly direction: BallDirection; readonly draws: number },
  key: Key,
): Spread & { readonly positiveShare: number } {
  const { scratch } = bench;
  const length = scratch.width * scratch.features;
  const differences: number[] = [];
  let positive = 0;
  for (let draw = 0; draw < options.draws; draw++) {
    const stream = streamOf(foldIn(key, draw));
    const lambda = nextUniform(stream);
    const value = (): number => {
      const { points, count, workspace, values } = bench;
      twoLayerForward(kernels, scratch, count, points, scratch.features, workspace, values);
      const f = kernels.f32(values, count);
      return f.reduce((sum, each, i) => sum + each * weights[i], 0);
    };
    drawInBall(kernels, bench, options, nextUniform(stream), stream);
    const first = kernels.f32(scratch.weights, length).slice();
    const one = value();
    drawInBall(kernels, bench, options, nextUniform(stream), stream);
    const two = value();
    const between = kernels.f32(scratch.weights, length);
    for (let i = 0; i < length; i++) between[i] = lambda * first[i] + (1 - lambda) * between[i];
    const difference = lambda * one + (1 - lambda) * two - value();
    differences.push(difference);
    if (difference > roundingOf(kernels, bench, weights)) positive++;
  }
  return {
    ...spreadOf(differences.map((difference) => Math.max(0, difference))),
    positiveShare: positive / differences.length,
  };
}

/**
 * What float32 leaves of sum_i weights[i] f(x_i; W): f is a sum of m terms of either sign that errs by about
 * 2^-24 ||W x||, and sum_i |weights[i]| ||W x_i|| <= ||weights|| ||X|| ||W||, Frobenius norms.
 */
function roundingOf(
  kernels: Kernels,
  { scratch, points, count }: LinearityBench,
  weights: ArrayLike<number>,
): number {
  const { width, features } = scratch;
  let squares = 0;
  for (let i = 0; i < count; i++) squares += weights[i] ** 2;
  const rows = kernels.dot(count * features, points, points);
  const units = kernels.dot(width * features, scratch.weights, scratch.weights);
  return 2 ** -24 * Math.sqrt(squares * rows * units);
}

/** Writes a point of the ball, at `share` of its radius, into the bench's scratch network. */
function drawInBall(
  kernels: Kernels,
  bench: LinearityBench,
  { radius, direction }: { readonly radius: number; readonly direction: BallDirection },
  share: number,
  stream: RandomStream,
): void {
  const { scratch, points, count, workspace, coefficients, values } = bench;
  const length = scratch.width * scratch.features;
  if (direction === "random") {
    const weights = kernels.f32(scratch.weights, length);
    for (let i = 0; i < length; i++) weights[i] = nextNormal(stream);
  } else {
    const c = kernels.f32(coefficients, count);
    for (let i = 0; i < count; i++) c[i] = nextNormal(stream);
    const atStart = { ...scratch, weights: scratch.initial };
    twoLayerForward(kernels, atStart, count, points, scratch.features, workspace, values);
    const { features } = scratch;
    twoLayerGradient(
      kernels,
      atStart,
      count,
      points,
      features,
      workspace,
      coefficients,
      scratch.weights,
      false,
    );
  }
  const norm = Math.sqrt(kernels.dot(length, scratch.weights, scratch.weights));
  kernels.scale(length, (share * radius) / norm, scratch.weights);
  kernels.axpy(length, 1, scratch.initial, scratch.weights);
}

function spreadOf(values: readonly number[]): Spread {
  return {
    mean: values.reduce((sum, value) => sum + value, 0) / values.length,
    largest: Math.max(...values),
  };
}
