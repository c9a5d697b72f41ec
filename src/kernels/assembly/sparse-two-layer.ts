/**
 * The two-layer network f(x; W) = m^(-1/2) sum_j b_j relu(W_j . x) on sparse rows x, and neural soft Q-learning on it
 * (arXiv:2503.17865, Alg. 1). W is stored by columns, [d, m], so that a row with n entries touches n columns. A network
 * is one block of memory:
 *
 *   0 units (m, a multiple of 16: units beyond the width have sign 0)   4 columns (d)
 *   8 W [d, m]   12 W(0) [d, m]   16 b [m]   20 Z [d, m], or 0 where nothing is averaged
 *  24 ||W_i - W_i(0)||^2, f64 [d]   28 f(e_i), f32 [d]   32 version of f(e_i), u32 [d]   36 touched since `begin`, u32 [d]
 *  40 room [m]   44 room for action values, padded with -inf   48 B, f64   56 c, f64   64 h, f64   72 sum of [24], f64
 *  80 m^(-1/2), f32   84 times the projection was active   88 version, u32   92 path, f32
 *
 * Two things that would cost O(m d) a step are kept as scalars. The weights stand for W(0) + c (W - W(0)): a projection
 * only lowers c. The sum of the iterates so far is h (W - W(0)) - Z: adding an iterate only raises h, and a step that
 * adds D to W adds h D to Z, in the columns it touches.
 *
 * Nor is the distance from W(0) followed where it cannot matter: a step of length l moves W by l at most, so that, while
 * the distance at the loop's begin and the lengths since then (the path, rounded up) are below B together, no projection
 * can be active, c is 1 and W(0) is not read. The first step that could leave the ball computes the norms anew; from then
 * on, until the next loop, the path is -1 and every step keeps [72] up to date. On the path a unit of a one-hot column
 * that closes stays closed, and those that are open have moved together, by b_j times the same number. So their Z is b_j
 * times one number, which [24] holds for a column touched: Z itself is written where a unit closes ([36] is then 2).
 */
import { exp, log } from "./elementary";
import { laneSum, multiplyAdd, relu } from "./lanes";
import { squaredDistance } from "./vectors";

/** `next` of a transition after which nothing is earned. */
const TERMINAL: u32 = 0xffffffff;
/** Where c falls below this it is multiplied out, so that the sums stay of the size of what they sum. */
const SMALLEST: f64 = 1e-3;
/** 1 + 2^-22: what a float32 number grows by so that three roundings do not make it smaller than the sum it stands for. */
const ROUND_UP: f32 = 1.0 + 2.384185791015625e-7;
/** Units, 16 kB of them, that a row's step changes in all its columns before it goes on. */
const MOVE_BLOCK: usize = 4096;

// ---- values --------------------------------------------------------------------------------------------------------

/** W(0) + c (W - W(0)), four units of it. */
@inline
function effective(w: v128, initial: v128, shrink: v128): v128 {
  return multiplyAdd(shrink, f32x4.sub(w, initial), initial);
}

/** f(e_i) from column i. */
function columnValue(net: usize, i: usize): f32 {
  const m: usize = load<u32>(net);
  let w: usize = load<u32>(net, 8) + 4 * i * m;
  let w0: usize = load<u32>(net, 12) + 4 * i * m;
  let sign: usize = load<u32>(net, 16);
  const shrink = f32x4.splat(<f32>load<f64>(net, 56));
  const whole = load<f64>(net, 56) == 1;
  let s0 = f32x4.splat(0);
  let s1 = s0;
  for (const end = w + 4 * m; w < end; w += 32, w0 += 32, sign += 32) {
    const u0 = whole ? v128.load(w) : effective(v128.load(w), v128.load(w0), shrink);
    const u1 = whole ? v128.load(w, 16) : effective(v128.load(w, 16), v128.load(w0, 16), shrink);
    s0 = multiplyAdd(v128.load(sign), relu(u0), s0);
    s1 = multiplyAdd(v128.load(sign, 16), relu(u1), s1);
  }
  return load<f32>(net, 80) * laneSum(f32x4.add(s0, s1));
}

/** f(e_i), computed anew only where the weights behind it have changed. */
function tableValue(net: usize, i: usize): f32 {
  const value = <usize>load<u32>(net, 28) + 4 * i;
  const version = <usize>load<u32>(net, 32) + 4 * i;
  if (load<u32>(version) != load<u32>(net, 88)) {
    store<f32>(value, columnValue(net, i));
    store<u32>(version, load<u32>(net, 88));
  }
  return load<f32>(value);
}

/** f(x) of the row with `entries` values at `indices`; W x goes to `hidden` unless that is 0. */
@inline
function rowValue(net: usize, entries: usize, indices: usize, values: usize, hidden: usize): f32 {
  if (load<f64>(net, 56) == 1) return wholeRowValue(net, entries, indices, values, 0, hidden);
  return shrunkRowValue(net, entries, indices, values, hidden);
}

/** m^(-1/2) sum_j b_j relu(h_j), h = `base` (0 for none) + sum_p values[p] W_indices[p]; h goes to `hidden` unless that is 0. c is 1. */
function wholeRowValue(net: usize, entries: usize, indices: usize, values: usize, base: usize, hidden: usize): f32 {
  const size: usize = 4 * load<u32>(net);
  const weights: usize = load<u32>(net, 8);
  const signs: usize = load<u32>(net, 16);
  let sum = f32x4.splat(0);
  let sum1 = sum;
  let j: usize = 0;
  // Eight sums, so that one need not wait for the other.
  for (; j + 128 <= size; j += 128) {
    let h0 = startOf(base, j);
    let h1 = startOf(base, j + 16);
    let h2 = startOf(base, j + 32);
    let h3 = startOf(base, j + 48);
    let h4 = startOf(base, j + 64);
    let h5 = startOf(base, j + 80);
    let h6 = startOf(base, j + 96);
    let h7 = startOf(base, j + 112);
    for (let p: usize = 0; p < 4 * entries; p += 4) {
      const w = weights + size * <usize>load<u32>(indices + p) + j;
      const x = v128.load_splat<f32>(values + p);
      h0 = multiplyAdd(x, v128.load(w), h0);
      h1 = multiplyAdd(x, v128.load(w, 16), h1);
      h2 = multiplyAdd(x, v128.load(w, 32), h2);
      h3 = multiplyAdd(x, v128.load(w, 48), h3);
      h4 = multiplyAdd(x, v128.load(w, 64), h4);
      h5 = multiplyAdd(x, v128.load(w, 80), h5);
      h6 = multiplyAdd(x, v128.load(w, 96), h6);
      h7 = multiplyAdd(x, v128.load(w, 112), h7);
    }
    if (hidden) {
      storeFour(hidden + j, h0, h1, h2, h3);
      storeFour(hidden + j + 64, h4, h5, h6, h7);
    }
    const b = signs + j;
    sum = multiplyAdd(v128.load(b), relu(h0), sum);
    sum1 = multiplyAdd(v128.load(b, 16), relu(h1), sum1);
    sum = multiplyAdd(v128.load(b, 32), relu(h2), sum);
    sum1 = multiplyAdd(v128.load(b, 48), relu(h3), sum1);
    sum = multiplyAdd(v128.load(b, 64), relu(h4), sum);
    sum1 = multiplyAdd(v128.load(b, 80), relu(h5), sum1);
    sum = multiplyAdd(v128.load(b, 96), relu(h6), sum);
    sum1 = multiplyAdd(v128.load(b, 112), relu(h7), sum1);
  }
  for (; j < size; j += 64) {
    let h0 = startOf(base, j);
    let h1 = startOf(base, j + 16);
    let h2 = startOf(base, j + 32);
    let h3 = startOf(base, j + 48);
    for (let p: usize = 0; p < 4 * entries; p += 4) {
      const w = weights + size * <usize>load<u32>(indices + p) + j;
      const x = v128.load_splat<f32>(values + p);
      h0 = multiplyAdd(x, v128.load(w), h0);
      h1 = multiplyAdd(x, v128.load(w, 16), h1);
      h2 = multiplyAdd(x, v128.load(w, 32), h2);
      h3 = multiplyAdd(x, v128.load(w, 48), h3);
    }
    if (hidden) storeFour(hidden + j, h0, h1, h2, h3);
    const b = signs + j;
    sum = multiplyAdd(v128.load(b), relu(h0), sum);
    sum1 = multiplyAdd(v128.load(b, 16), relu(h1), sum1);
    sum = multiplyAdd(v128.load(b, 32), relu(h2), sum);
    sum1 = multiplyAdd(v128.load(b, 48), relu(h3), sum1);
  }
  return load<f32>(net, 80) * laneSum(f32x4.add(sum, sum1));
}

@inline
function startOf(base: usize, j: usize): v128 {
  return base ? v128.load(base + j) : f32x4.splat(0);
}

@inline
function storeFour(pointer: usize, x0: v128, x1: v128, x2: v128, x3: v128): void {
  v128.store(pointer, x0);
  v128.store(pointer, x1, 16);
  v128.store(pointer, x2, 32);
  v128.store(pointer, x3, 48);
}

/** As `wholeRowValue`, with W(0) + c (W - W(0)) for W. */
function shrunkRowValue(net: usize, entries: usize, indices: usize, values: usize, hidden: usize): f32 {
  const size: usize = 4 * load<u32>(net);
  const weights: usize = load<u32>(net, 8);
  const initial: usize = load<u32>(net, 12);
  const signs: usize = load<u32>(net, 16);
  const shrink = f32x4.splat(<f32>load<f64>(net, 56));
  let sum = f32x4.splat(0);
  let sum1 = sum;
  for (let j: usize = 0; j < size; j += 64) {
    let h0 = f32x4.splat(0);
    let h1 = h0;
    let h2 = h0;
    let h3 = h0;
    for (let p: usize = 0; p < 4 * entries; p += 4) {
      const offset = size * <usize>load<u32>(indices + p) + j;
      const x = v128.load_splat<f32>(values + p);
      const w = weights + offset;
      const w0 = initial + offset;
      h0 = multiplyAdd(x, effective(v128.load(w), v128.load(w0), shrink), h0);
      h1 = multiplyAdd(x, effective(v128.load(w, 16), v128.load(w0, 16), shrink), h1);
      h2 = multiplyAdd(x, effective(v128.load(w, 32), v128.load(w0, 32), shrink), h2);
      h3 = multiplyAdd(x, effective(v128.load(w, 48), v128.load(w0, 48), shrink), h3);
    }
    if (hidden) storeFour(hidden + j, h0, h1, h2, h3);
    const b = signs + j;
    sum = multiplyAdd(v128.load(b), relu(h0), sum);
    sum1 = multiplyAdd(v128.load(b, 16), relu(h1), sum1);
    sum = multiplyAdd(v128.load(b, 32), relu(h2), sum);
    sum1 = multiplyAdd(v128.load(b, 48), relu(h3), sum1);
  }
  return load<f32>(net, 80) * laneSum(f32x4.add(sum, sum1));
}

/** q[a] = f(x_a) of the rows of a state's actions, [actions, entries]; what they begin with in common is computed once. */
function actionValues(net: usize, actions: usize, entries: usize, indices: usize, values: usize, q: usize): void {
  const shared = load<f64>(net, 56) == 1 ? sharedEntries(actions, entries, indices, values) : 0;
  const base = shared > 1 ? <usize>load<u32>(net, 40) : 0;
  if (base) sumColumns(net, shared, indices, values, base);
  const skipped = base ? shared : 0;
  for (let a: usize = 0; a < actions; a++) {
    const at = 4 * (a * entries + skipped);
    const value = base
      ? wholeRowValue(net, entries - skipped, indices + at, values + at, base, 0)
      : rowValue(net, entries, indices + at, values + at, 0);
    store<f32>(q + 4 * a, value);
  }
}

/** How many entries all rows [actions, entries] begin with in common. */
function sharedEntries(actions: usize, entries: usize, indices: usize, values: usize): usize {
  for (let p: usize = 0; p < entries; p++) {
    for (let at = 4 * (p + entries); at < 4 * actions * entries; at += 4 * entries) {
      if (load<u32>(indices + at) != load<u32>(indices + 4 * p)) return p;
      if (load<u32>(values + at) != load<u32>(values + 4 * p)) return p;
    }
  }
  return entries;
}

/** out [m] = sum_p values[p] W_indices[p]. c is 1. */
function sumColumns(net: usize, entries: usize, indices: usize, values: usize, out: usize): void {
  const size: usize = 4 * load<u32>(net);
  const weights: usize = load<u32>(net, 8);
  let j: usize = 0;
  for (; j + 128 <= size; j += 128) {
    let h0 = f32x4.splat(0);
    let h1 = h0;
    let h2 = h0;
    let h3 = h0;
    let h4 = h0;
    let h5 = h0;
    let h6 = h0;
    let h7 = h0;
    for (let p: usize = 0; p < 4 * entries; p += 4) {
      const w = weights + size * <usize>load<u32>(indices + p) + j;
      const x = v128.load_splat<f32>(values + p);
      h0 = multiplyAdd(x, v128.load(w), h0);
      h1 = multiplyAdd(x, v128.load(w, 16), h1);
      h2 = multiplyAdd(x, v128.load(w, 32), h2);
      h3 = multiplyAdd(x, v128.load(w, 48), h3);
      h4 = multiplyAdd(x, v128.load(w, 64), h4);
      h5 = multiplyAdd(x, v128.load(w, 80), h5);
      h6 = multiplyAdd(x, v128.load(w, 96), h6);
      h7 = multiplyAdd(x, v128.load(w, 112), h7);
    }
    storeFour(out + j, h0, h1, h2, h3);
    storeFour(out + j + 64, h4, h5, h6, h7);
  }
  for (; j < size; j += 64) {
    let h0 = f32x4.splat(0);
    let h1 = h0;
    let h2 = h0;
    let h3 = h0;
    for (let p: usize = 0; p < 4 * entries; p += 4) {
      const w = weights + size * <usize>load<u32>(indices + p) + j;
      const x = v128.load_splat<f32>(values + p);
      h0 = multiplyAdd(x, v128.load(w), h0);
      h1 = multiplyAdd(x, v128.load(w, 16), h1);
      h2 = multiplyAdd(x, v128.load(w, 32), h2);
      h3 = multiplyAdd(x, v128.load(w, 48), h3);
    }
    storeFour(out + j, h0, h1, h2, h3);
  }
}

/** Where f(e_i) of `actions` columns from `first` on lie, padded to whole vectors. */
@inline
function tableValues(net: usize, first: usize, actions: usize): usize {
  for (let a: usize = 0; a < actions; a++) tableValue(net, first + a);
  const values = <usize>load<u32>(net, 28) + 4 * first;
  if ((actions & 3) == 0) return values;
  const q: usize = load<u32>(net, 44);
  memory.copy(q, values, 4 * actions);
  return q;
}

/** out[i] = f(e_i) for all columns. */
export function sparseTable(net: usize, out: usize): void {
  const columns: usize = load<u32>(net, 4);
  for (let i: usize = 0; i < columns; i++) store<f32>(out + 4 * i, tableValue(net, i));
}

/** out[i] = f(x_i), x_i having `entries` values [rows, entries] at `indices` [rows, entries]. */
export function sparseForward(net: usize, rows: usize, entries: usize, indices: usize, values: usize, out: usize): void {
  for (let i: usize = 0; i < rows; i++) {
    const at = 4 * i * entries;
    store<f32>(out + 4 * i, rowValue(net, entries, indices + at, values + at, 0));
  }
}

// ---- soft values of a state from its action values -----------------------------------------------------------------

/** log sum_a exp q_a; what pads q to whole vectors is -inf. */
function logSumExp(q: usize, actions: usize): f32 {
  let shift = v128.load(q);
  for (let a: usize = 4; a < actions; a += 4) shift = f32x4.pmax(shift, v128.load(q + 4 * a));
  shift = f32x4.pmax(shift, i8x16.shuffle(shift, shift, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  shift = f32x4.pmax(shift, i8x16.shuffle(shift, shift, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
  let total = f32x4.splat(0);
  for (let a: usize = 0; a < actions; a += 4) total = f32x4.add(total, exp(f32x4.sub(v128.load(q + 4 * a), shift)));
  return f32x4.extract_lane(f32x4.add(shift, log(f32x4.splat(laneSum(total)))), 0);
}

/** sum_a pi_a (q_a - log pi_a) */
function valueUnder(q: usize, logPolicy: usize, actions: usize): f32 {
  let total: f32 = 0;
  for (let a: usize = 0; a < actions; a++) {
    const logProbability = load<f32>(logPolicy + 4 * a);
    const probability = f32x4.extract_lane(exp(f32x4.splat(logProbability)), 0);
    if (probability > 0) total += probability * (load<f32>(q + 4 * a) - logProbability);
  }
  return total;
}

/** V(s') from the action values in `q`: of the soft-optimal policy, or (logPolicy not 0) of the one given. */
@inline
function stateValue(q: usize, actions: usize, logPolicy: usize, t: usize): f32 {
  if (logPolicy) return valueUnder(q, logPolicy + 4 * t * actions, actions);
  return logSumExp(q, actions);
}

// ---- one inner loop ------------------------------------------------------------------------------------------------

/** Before the first of a loop's steps: nothing is summed, no column touched. */
export function sparseBegin(net: usize): void {
  store<f64>(net, 0, 64);
  store<f32>(net, 0, 92);
  memory.fill(load<u32>(net, 36), 0, 4 * <usize>load<u32>(net, 4));
}

/**
 * `count` steps W <- Pi_B(W - eta delta grad f(x)), delta = f(e_i) - r - gamma V(s'), for one-hot rows: transition t is
 * pair i = pairs[t], reward rewards[t], next[t] the first of the `actions` pairs of s', or TERMINAL. V is lowered by
 * `shift`. Returns the sum of delta^2.
 */
export function sparseTableSteps(
  net: usize,
  count: usize,
  pairs: usize,
  next: usize,
  rewards: usize,
  logPolicy: usize,
  actions: usize,
  discount: f32,
  shift: f32,
  stepSize: f32,
): f64 {
  let squares: f64 = 0;
  for (let t: usize = 0; t < count; t++) {
    const first = load<u32>(next + 4 * t);
    let target = load<f32>(rewards + 4 * t);
    if (first != TERMINAL) {
      const q = tableValues(net, first, actions);
      target += discount * (stateValue(q, actions, logPolicy, t) - shift);
    }
    const i: usize = load<u32>(pairs + 4 * t);
    const residual = tableValue(net, i) - target;
    squares += <f64>residual * <f64>residual;
    moveColumn(net, i, -stepSize * residual);
    closeStep(net);
  }
  return squares;
}

/** As `sparseTableSteps` for rows of `entries` values: current rows [count, entries], next rows [count, actions, entries]; continues[t] is 0 where s' is terminal. */
export function sparseSteps(
  net: usize,
  count: usize,
  entries: usize,
  indices: usize,
  values: usize,
  nextIndices: usize,
  nextValues: usize,
  rewards: usize,
  continues: usize,
  logPolicy: usize,
  actions: usize,
  discount: f32,
  shift: f32,
  stepSize: f32,
): f64 {
  const q: usize = load<u32>(net, 44);
  const hidden: usize = load<u32>(net, 40);
  let squares: f64 = 0;
  for (let t: usize = 0; t < count; t++) {
    const at = 4 * t * entries;
    let target = load<f32>(rewards + 4 * t);
    if (load<f32>(continues + 4 * t) != 0) {
      actionValues(net, actions, entries, nextIndices + at * actions, nextValues + at * actions, q);
      target += discount * (stateValue(q, actions, logPolicy, t) - shift);
    }
    const residual = rowValue(net, entries, indices + at, values + at, hidden) - target;
    squares += <f64>residual * <f64>residual;
    moveRow(net, entries, indices + at, values + at, hidden, -stepSize * residual);
    closeStep(net);
  }
  return squares;
}

/** W <- W + amount grad f(e_i). */
function moveColumn(net: usize, i: usize, amount: f32): void {
  // ||grad f(e_i)||^2 is the share of open units: at most 1.
  if (staysInside(net, abs(<f64>amount))) {
    store<f32>(<usize>load<u32>(net, 28) + 4 * i, moveColumnFreely(net, i, amount));
    return;
  }
  store<u32>(<usize>load<u32>(net, 36) + 4 * i, 1);
  moveColumnInBall(net, i, amount);
  store<u32>(<usize>load<u32>(net, 32) + 4 * i, load<u32>(net, 88) - 1);
}

/** b_j `step` where unit j is open. */
@inline
function changeOf(w: v128, b: v128, step: v128): v128 {
  return v128.and(f32x4.mul(step, b), f32x4.gt(w, f32x4.splat(0)));
}

/** The move on the path; returns f(e_i). */
function moveColumnFreely(net: usize, i: usize, amount: f32): f32 {
  const m: usize = load<u32>(net);
  const w: usize = load<u32>(net, 8) + 4 * i * m;
  const step = amount * load<f32>(net, 80);
  const touched = <usize>load<u32>(net, 36) + 4 * i;
  const sums: usize = load<u32>(net, 20);
  if (sums == 0) {
    store<u32>(touched, 1);
    return load<f32>(net, 80) * moveUnits(4 * m, w, load<u32>(net, 16), step);
  }
  const common = <usize>load<u32>(net, 24) + 8 * i;
  if (load<u32>(touched) == 0) {
    store<u32>(touched, 1);
    store<f64>(common, 0);
  }
  const sum = load<f64>(common) + load<f64>(net, 64) * <f64>step;
  store<f64>(common, sum);
  return load<f32>(net, 80) * moveSummedUnits(4 * m, w, load<u32>(net, 16), step, sums + 4 * i * m, <f32>sum, touched);
}

/** w <- w + step b where w > 0, `size` bytes; returns sum_j b_j relu(w_j). */
@inline
function moveUnits(size: usize, w: usize, signs: usize, step: f32): f32 {
  const steps = f32x4.splat(step);
  let value = f32x4.splat(0);
  let value1 = value;
  for (const end = w + size; w < end; w += 64, signs += 64) {
    value = moveFour(w, signs, steps, value);
    value1 = moveFour(w + 16, signs + 16, steps, value1);
    value = moveFour(w + 32, signs + 32, steps, value);
    value1 = moveFour(w + 48, signs + 48, steps, value1);
  }
  return laneSum(f32x4.add(value, value1));
}

@inline
function moveFour(w: usize, sign: usize, step: v128, value: v128): v128 {
  const old = v128.load(w);
  const b = v128.load(sign);
  const moved = f32x4.add(old, changeOf(old, b, step));
  v128.store(w, moved);
  return multiplyAdd(b, relu(moved), value);
}

/** As `moveUnits`; where a unit closes, z <- z + sum b, and `touched` becomes 2. */
@inline
function moveSummedUnits(size: usize, w: usize, signs: usize, step: f32, z: usize, sum: f32, touched: usize): f32 {
  const steps = f32x4.splat(step);
  const zero = f32x4.splat(0);
  let value = zero;
  let value1 = zero;
  for (const end = w + size; w < end; w += 64, signs += 64, z += 64) {
    const w0 = v128.load(w);
    const w1 = v128.load(w, 16);
    const w2 = v128.load(w, 32);
    const w3 = v128.load(w, 48);
    const b0 = v128.load(signs);
    const b1 = v128.load(signs, 16);
    const b2 = v128.load(signs, 32);
    const b3 = v128.load(signs, 48);
    const n0 = f32x4.add(w0, changeOf(w0, b0, steps));
    const n1 = f32x4.add(w1, changeOf(w1, b1, steps));
    const n2 = f32x4.add(w2, changeOf(w2, b2, steps));
    const n3 = f32x4.add(w3, changeOf(w3, b3, steps));
    storeFour(w, n0, n1, n2, n3);
    value = multiplyAdd(b0, relu(n0), value);
    value1 = multiplyAdd(b1, relu(n1), value1);
    value = multiplyAdd(b2, relu(n2), value);
    value1 = multiplyAdd(b3, relu(n3), value1);
    const c0 = closed(w0, n0);
    const c1 = closed(w1, n1);
    const c2 = closed(w2, n2);
    const c3 = closed(w3, n3);
    if (!v128.any_true(v128.or(v128.or(c0, c1), v128.or(c2, c3)))) continue;
    const sums = f32x4.splat(sum);
    v128.store(z, f32x4.add(v128.load(z), v128.and(c0, f32x4.mul(sums, b0))));
    v128.store(z, f32x4.add(v128.load(z, 16), v128.and(c1, f32x4.mul(sums, b1))), 16);
    v128.store(z, f32x4.add(v128.load(z, 32), v128.and(c2, f32x4.mul(sums, b2))), 32);
    v128.store(z, f32x4.add(v128.load(z, 48), v128.and(c3, f32x4.mul(sums, b3))), 48);
    store<u32>(touched, 2);
  }
  return laneSum(f32x4.add(value, value1));
}

/** Which units were open at weights `before` and are not at weights `after`. */
@inline
function closed(before: v128, after: v128): v128 {
  return v128.and(f32x4.gt(before, f32x4.splat(0)), f32x4.le(after, f32x4.splat(0)));
}

/** The move where c may be below 1 and the squared distance from W(0) is followed. */
function moveColumnInBall(net: usize, i: usize, amount: f32): void {
  const m: usize = load<u32>(net);
  let w: usize = load<u32>(net, 8) + 4 * i * m;
  let w0: usize = load<u32>(net, 12) + 4 * i * m;
  let sign: usize = load<u32>(net, 16);
  const sums: usize = load<u32>(net, 20);
  let z = sums + 4 * i * m;
  const c = load<f64>(net, 56);
  const shrink = f32x4.splat(<f32>c);
  const step = f32x4.splat(<f32>((<f64>amount * <f64>load<f32>(net, 80)) / c));
  const weight = f32x4.splat(<f32>load<f64>(net, 64));
  let along = f32x4.splat(0);
  let squares = along;
  for (const end = w + 4 * m; w < end; w += 16, w0 += 16, sign += 16, z += 16) {
    const old = v128.load(w);
    const centre = v128.load(w0);
    const travel = f32x4.sub(old, centre);
    const change = changeOf(multiplyAdd(shrink, travel, centre), v128.load(sign), step);
    along = multiplyAdd(travel, change, along);
    squares = multiplyAdd(change, change, squares);
    v128.store(w, f32x4.add(old, change));
    if (sums) v128.store(z, multiplyAdd(weight, change, v128.load(z)));
  }
  grow(net, 2 * <f64>laneSum(along) + <f64>laneSum(squares));
}

/** W <- W + amount grad f(x), W x being in `hidden`, which is used up. */
function moveRow(net: usize, entries: usize, indices: usize, values: usize, hidden: usize, amount: f32): void {
  const c = load<f64>(net, 56);
  const squares = gradientSigns(net, hidden, <f32>((<f64>amount * <f64>load<f32>(net, 80)) / c));
  let norm: f64 = 0;
  for (let p: usize = 0; p < 4 * entries; p += 4) {
    const x = <f64>load<f32>(values + p);
    norm += x * x;
    if (x != 0) touchRow(net, load<u32>(indices + p));
  }
  if (staysInside(net, Math.sqrt(squares * norm))) moveRowFreely(net, entries, indices, values, hidden);
  else grow(net, 2 * moveRowInBall(net, entries, indices, values, hidden) + norm * squares);
}

/** Column i is touched; its Z is written, its units have nothing in common. */
@inline
function touchRow(net: usize, i: usize): void {
  const touched = <usize>load<u32>(net, 36) + 4 * i;
  if (load<u32>(touched) == 0 && load<f32>(net, 92) >= 0) store<f64>(<usize>load<u32>(net, 24) + 8 * i, 0);
  store<u32>(touched, 2);
}

/** W_i <- W_i + x_i hidden for the entries of a row, where c is 1 and the distance from W(0) is not followed. */
function moveRowFreely(net: usize, entries: usize, indices: usize, values: usize, hidden: usize): void {
  const size: usize = 4 * load<u32>(net);
  const weights: usize = load<u32>(net, 8);
  const sums: usize = load<u32>(net, 20);
  const weight = <f32>load<f64>(net, 64);
  for (let from: usize = 0; from < size; from += 4 * MOVE_BLOCK) {
    const length = min(4 * MOVE_BLOCK, size - from);
    for (let p: usize = 0; p < 4 * entries; p += 4) {
      const x = load<f32>(values + p);
      if (x == 0) continue;
      const offset = size * <usize>load<u32>(indices + p) + from;
      if (sums) addTwice(length, hidden + from, x, weights + offset, weight * x, sums + offset);
      else addOnce(length, hidden + from, x, weights + offset);
    }
  }
}

/** w <- w + x change, `length` bytes, a multiple of 64. */
@inline
function addOnce(length: usize, change: usize, x: f32, w: usize): void {
  const factor = f32x4.splat(x);
  for (const end = w + length; w < end; w += 64, change += 64) {
    const w0 = multiplyAdd(factor, v128.load(change), v128.load(w));
    const w1 = multiplyAdd(factor, v128.load(change, 16), v128.load(w, 16));
    const w2 = multiplyAdd(factor, v128.load(change, 32), v128.load(w, 32));
    const w3 = multiplyAdd(factor, v128.load(change, 48), v128.load(w, 48));
    storeFour(w, w0, w1, w2, w3);
  }
}

/** w <- w + x change and z <- z + y change. */
@inline
function addTwice(length: usize, change: usize, x: f32, w: usize, y: f32, z: usize): void {
  const toW = f32x4.splat(x);
  const toZ = f32x4.splat(y);
  for (const end = w + length; w < end; w += 64, z += 64, change += 64) {
    const d0 = v128.load(change);
    const d1 = v128.load(change, 16);
    const d2 = v128.load(change, 32);
    const d3 = v128.load(change, 48);
    v128.store(w, multiplyAdd(toW, d0, v128.load(w)));
    v128.store(w, multiplyAdd(toW, d1, v128.load(w, 16)), 16);
    v128.store(w, multiplyAdd(toW, d2, v128.load(w, 32)), 32);
    v128.store(w, multiplyAdd(toW, d3, v128.load(w, 48)), 48);
    v128.store(z, multiplyAdd(toZ, d0, v128.load(z)));
    v128.store(z, multiplyAdd(toZ, d1, v128.load(z, 16)), 16);
    v128.store(z, multiplyAdd(toZ, d2, v128.load(z, 32)), 32);
    v128.store(z, multiplyAdd(toZ, d3, v128.load(z, 48)), 48);
  }
}

/** W_i <- W_i + x_i hidden for the entries of a row; returns sum_i (W_i - W_i(0)) . x_i hidden of the weights before. */
function moveRowInBall(net: usize, entries: usize, indices: usize, values: usize, hidden: usize): f64 {
  const size: usize = 4 * load<u32>(net);
  const sums: usize = load<u32>(net, 20);
  const weight = f32x4.splat(<f32>load<f64>(net, 64));
  let total: f64 = 0;
  for (let p: usize = 0; p < 4 * entries; p += 4) {
    const x = load<f32>(values + p);
    if (x == 0) continue;
    const factor = f32x4.splat(x);
    const offset = size * <usize>load<u32>(indices + p);
    const w: usize = load<u32>(net, 8) + offset;
    const w0: usize = load<u32>(net, 12) + offset;
    const z = sums + offset;
    let along = f32x4.splat(0);
    for (let j: usize = 0; j < size; j += 16) {
      const old = v128.load(w + j);
      const change = f32x4.mul(factor, v128.load(hidden + j));
      along = multiplyAdd(f32x4.sub(old, v128.load(w0 + j)), change, along);
      v128.store(w + j, f32x4.add(old, change));
      if (sums) v128.store(z + j, multiplyAdd(weight, change, v128.load(z + j)));
    }
    total += <f64>laneSum(along);
  }
  return total;
}

/** hidden[j] <- amount b_j 1{hidden[j] > 0}; returns the sum of its squares. */
function gradientSigns(net: usize, hidden: usize, amount: f32): f64 {
  const m: usize = load<u32>(net);
  const signs: usize = load<u32>(net, 16);
  const factor = f32x4.splat(amount);
  let squares = f32x4.splat(0);
  for (let j: usize = 0; j < 4 * m; j += 16) {
    const open = f32x4.gt(v128.load(hidden + j), f32x4.splat(0));
    const change = v128.and(f32x4.mul(factor, v128.load(signs + j)), open);
    squares = multiplyAdd(change, change, squares);
    v128.store(hidden + j, change);
  }
  return <f64>laneSum(squares);
}

/**
 * Whether a step of at most `length` surely ends in the ball; if so it is added to the path. If not, the norms are
 * computed anew, of all columns touched so far, and followed from here on.
 */
@inline
function staysInside(net: usize, length: f64): bool {
  const path = load<f32>(net, 92);
  if (path < 0) return false;
  const longer = (path + <f32>length) * ROUND_UP;
  if (Math.sqrt(load<f64>(net, 72)) + <f64>longer < load<f64>(net, 48)) {
    store<f32>(net, longer, 92);
    return true;
  }
  followNorms(net);
  return false;
}

/** Before the first step of a loop that could leave the ball; c is 1. */
function followNorms(net: usize): void {
  const columns: usize = load<u32>(net, 4);
  const touched: usize = load<u32>(net, 36);
  for (let i: usize = 0; i < columns; i++) {
    if (load<u32>(touched + 4 * i) == 0) continue;
    settleColumn(net, i);
    setColumn(net, i, 1, 0);
  }
  sumNorms(net);
  store<f32>(net, -1, 92);
}

/** Z_i <- Z_i + b times what its open units have in common. The norm in its place is to be computed anew. */
function settleColumn(net: usize, i: usize): void {
  const sums: usize = load<u32>(net, 20);
  if (sums == 0) return;
  const m: usize = load<u32>(net);
  const w: usize = load<u32>(net, 8) + 4 * i * m;
  const signs: usize = load<u32>(net, 16);
  const z = sums + 4 * i * m;
  const sum = f32x4.splat(<f32>load<f64>(<usize>load<u32>(net, 24) + 8 * i));
  for (let j: usize = 0; j < 4 * m; j += 16) {
    v128.store(z + j, f32x4.add(v128.load(z + j), changeOf(v128.load(w + j), v128.load(signs + j), sum)));
  }
}

/** The squared distance from W(0) grew. */
@inline
function grow(net: usize, growth: f64): void {
  store<f64>(net, load<f64>(net, 72) + growth, 72);
}

/** Pi_B, and the iterate into the sum. */
@inline
function closeStep(net: usize): void {
  if (load<f32>(net, 92) < 0) project(net);
  const c = load<f64>(net, 56);
  store<f64>(net, load<f64>(net, 64) + c, 64);
  if (c < SMALLEST) multiplyOut(net);
}

/** Pi_B: lowers c where ||W - W(0)|| is above B. */
function project(net: usize): void {
  const radius = load<f64>(net, 48);
  const c = load<f64>(net, 56);
  const norm = c * Math.sqrt(max(load<f64>(net, 72), 0));
  if (!(norm > radius)) return;
  store<f64>(net, (c * radius) / norm, 56);
  store<u32>(net, load<u32>(net, 84) + 1, 84);
  store<u32>(net, load<u32>(net, 88) + 1, 88);
}

/** c into W, and h (W - W(0)) into -Z: iterates and sum stay what they are, c is 1 and h is 0. */
function multiplyOut(net: usize): void {
  const c = load<f64>(net, 56);
  const columns: usize = load<u32>(net, 4);
  for (let i: usize = 0; i < columns; i++) {
    foldColumn(net, i, <f32>load<f64>(net, 64));
    setColumn(net, i, <f32>c, 0);
  }
  store<f64>(net, 0, 64);
  store<f64>(net, 1, 56);
  store<u32>(net, load<u32>(net, 88) + 1, 88);
  sumNorms(net);
}

/** Z_i <- Z_i - weight (W_i - W_i(0)) */
function foldColumn(net: usize, i: usize, weight: f32): void {
  const sums: usize = load<u32>(net, 20);
  if (sums == 0) return;
  const m: usize = load<u32>(net);
  const offset = 4 * i * m;
  const w: usize = load<u32>(net, 8) + offset;
  const w0: usize = load<u32>(net, 12) + offset;
  const z = sums + offset;
  const factor = f32x4.splat(-weight);
  for (let j: usize = 0; j < 4 * m; j += 16) {
    v128.store(z + j, multiplyAdd(factor, f32x4.sub(v128.load(w + j), v128.load(w0 + j)), v128.load(z + j)));
  }
}

/**
 * After `count` steps: W becomes the mean of the iterates (`average` 1) or the last one (0), c becomes 1, and all norms
 * are computed anew in the columns that changed.
 */
export function sparseFinish(net: usize, count: u32, average: u32): void {
  const columns: usize = load<u32>(net, 4);
  const touched: usize = load<u32>(net, 36);
  const c = load<f64>(net, 56);
  const h = load<f64>(net, 64);
  // Where nothing was ever shrunk, the mean over a column that was not touched is the column: h = count there.
  const all = c != 1 || (average != 0 && h != <f64>count);
  const mean = average != 0 && count > 0;
  const factor = <f32>(mean ? h / <f64>count : c);
  const without = <f32>(mean ? 1 / <f64>count : 0);
  const same = factor == 1 && without == 0;
  const versions: usize = load<u32>(net, 32);
  const onPath = load<f32>(net, 92) >= 0;
  store<u32>(net, load<u32>(net, 88) + (all ? 1 : 0), 88);
  for (let i: usize = 0; i < columns; i++) {
    const touch = load<u32>(touched + 4 * i);
    if (!all && touch == 0) continue;
    if (onPath && touch == 1 && factor == 1 && without != 0) {
      averageColumn(net, i, without);
    } else {
      if (onPath && touch != 0) settleColumn(net, i);
      setColumn(net, i, factor, without);
    }
    if (!same) store<u32>(versions + 4 * i, load<u32>(net, 88) - 1);
  }
  if (!mean) forgetSums(net);
  store<f64>(net, 1, 56);
  sparseBegin(net);
  sumNorms(net);
}

/** Z <- 0, where there is one and no mean was taken from it. */
function forgetSums(net: usize): void {
  const sums: usize = load<u32>(net, 20);
  if (sums) memory.fill(sums, 0, 4 * <usize>load<u32>(net) * <usize>load<u32>(net, 4));
}

/** The mean of the iterates of a column none of whose units closed: W_i <- W_i - without b times what open ones have in common. */
function averageColumn(net: usize, i: usize, without: f32): void {
  const m: usize = load<u32>(net);
  let w: usize = load<u32>(net, 8) + 4 * i * m;
  let w0: usize = load<u32>(net, 12) + 4 * i * m;
  let sign: usize = load<u32>(net, 16);
  const norm = <usize>load<u32>(net, 24) + 8 * i;
  const step = f32x4.splat(-without * <f32>load<f64>(norm));
  let squares = f32x4.splat(0);
  let squares1 = squares;
  for (const end = w + 4 * m; w < end; w += 32, w0 += 32, sign += 32) {
    const old = v128.load(w);
    const old1 = v128.load(w, 16);
    const moved = f32x4.add(old, changeOf(old, v128.load(sign), step));
    const moved1 = f32x4.add(old1, changeOf(old1, v128.load(sign, 16), step));
    const travel = f32x4.sub(moved, v128.load(w0));
    const travel1 = f32x4.sub(moved1, v128.load(w0, 16));
    v128.store(w, moved);
    v128.store(w, moved1, 16);
    squares = multiplyAdd(travel, travel, squares);
    squares1 = multiplyAdd(travel1, travel1, squares1);
  }
  store<f64>(norm, <f64>laneSum(f32x4.add(squares, squares1)));
}

/** W_i <- W_i(0) + factor (W_i - W_i(0)) - without Z_i; where `without` is not 0, Z_i <- 0. */
function setColumn(net: usize, i: usize, factor: f32, without: f32): void {
  const m: usize = load<u32>(net);
  const offset = 4 * i * m;
  const w: usize = load<u32>(net, 8) + offset;
  const w0: usize = load<u32>(net, 12) + offset;
  const norm = <usize>load<u32>(net, 24) + 8 * i;
  if (factor == 1 && without == 0) {
    store<f64>(norm, squaredDistance(m, w, w0));
    return;
  }
  const z: usize = load<u32>(net, 20) + offset;
  const summed = load<u32>(net, 20) != 0 && without != 0;
  const keep = f32x4.splat(factor);
  const drop = f32x4.splat(-without);
  let squares = f32x4.splat(0);
  for (let j: usize = 0; j < 4 * m; j += 16) {
    const centre = v128.load(w0 + j);
    let travel = f32x4.mul(keep, f32x4.sub(v128.load(w + j), centre));
    if (summed) {
      travel = multiplyAdd(drop, v128.load(z + j), travel);
      v128.store(z + j, f32x4.splat(0));
    }
    squares = multiplyAdd(travel, travel, squares);
    v128.store(w + j, f32x4.add(centre, travel));
  }
  store<f64>(norm, <f64>laneSum(squares));
}

function sumNorms(net: usize): void {
  const columns: usize = load<u32>(net, 4);
  const norms: usize = load<u32>(net, 24);
  let total: f64 = 0;
  for (let i: usize = 0; i < columns; i++) total += load<f64>(norms + 8 * i);
  store<f64>(net, total, 72);
}

/** After weights were written from outside: every norm and value anew. */
export function sparseRefresh(net: usize): void {
  const columns: usize = load<u32>(net, 4);
  for (let i: usize = 0; i < columns; i++) setColumn(net, i, 1, 0);
  store<u32>(net, load<u32>(net, 88) + 1, 88);
  sumNorms(net);
}

// ---- gradient ascent on a weighted sum of values -------------------------------------------------------------------

/** W <- Pi_B(W + stepSize g), g = sum_k amounts[k] grad f(e_indices[k]), indices distinct. Returns ||g||. */
export function sparseTableAscend(net: usize, count: usize, indices: usize, amounts: usize, stepSize: f32): f64 {
  let squares: f64 = 0;
  for (let k: usize = 0; k < count; k++) {
    const i: usize = load<u32>(indices + 4 * k);
    const amount = load<f32>(amounts + 4 * k);
    squares += <f64>amount * <f64>amount * openShare(net, i);
    moveColumn(net, i, stepSize * amount);
  }
  project(net);
  sparseFinish(net, 1, 0);
  return Math.sqrt(squares);
}

/** ||grad f(e_i)||^2: the share of units with W_ji > 0. */
function openShare(net: usize, i: usize): f64 {
  const m: usize = load<u32>(net);
  const w: usize = load<u32>(net, 8) + 4 * i * m;
  const signs: usize = load<u32>(net, 16);
  let squares = f32x4.splat(0);
  for (let j: usize = 0; j < 4 * m; j += 16) {
    const open = v128.and(v128.load(signs + j), f32x4.gt(v128.load(w + j), f32x4.splat(0)));
    squares = multiplyAdd(open, open, squares);
  }
  const scale = <f64>load<f32>(net, 80);
  return <f64>laneSum(squares) * scale * scale;
}

/** gradient [d, m] <- gradient + sum_i amounts[i] grad f(x_i), at W with c = 1. */
export function sparseGradient(
  net: usize,
  rows: usize,
  entries: usize,
  indices: usize,
  values: usize,
  amounts: usize,
  gradient: usize,
): void {
  const m: usize = load<u32>(net);
  const hidden: usize = load<u32>(net, 40);
  for (let r: usize = 0; r < rows; r++) {
    const amount = load<f32>(amounts + 4 * r) * load<f32>(net, 80);
    if (amount == 0) continue;
    const at = 4 * r * entries;
    rowValue(net, entries, indices + at, values + at, hidden);
    gradientSigns(net, hidden, amount);
    for (let p: usize = 0; p < 4 * entries; p += 4) {
      const x = v128.load_splat<f32>(values + at + p);
      const g = gradient + 4 * m * <usize>load<u32>(indices + at + p);
      for (let j: usize = 0; j < 4 * m; j += 16) {
        v128.store(g + j, multiplyAdd(x, v128.load(hidden + j), v128.load(g + j)));
      }
    }
  }
}

/** Pi_B after weights were moved from outside. */
export function sparseProject(net: usize): void {
  sparseRefresh(net);
  project(net);
  sparseFinish(net, 1, 0);
}
