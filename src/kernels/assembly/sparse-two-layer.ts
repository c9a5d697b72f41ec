/**
 * The two-layer network f(x; W) = m^(-1/2) sum_j b_j relu(W_j . x) on sparse rows x, and neural soft Q-learning on it
 * (arXiv:2503.17865, Alg. 1). W is stored by columns, [d, m], so that a row with n entries touches n columns. A network
 * is one block of memory:
 *
 *   0 units (m, a multiple of 16: units beyond the width have sign 0)   4 columns (d)
 *   8 W [d, m]   12 W(0) [d, m]   16 b [m]   20 Z [d, m], or 0 where nothing is averaged
 *  24 ||W_i - W_i(0)||^2, f64 [d]   28 f(e_i), f32 [d]   32 version of f(e_i), u32 [d]   36 touched since `begin`, u32 [d]
 *  40 room [m]   44 room for action values, padded with -inf   48 B, f64   56 c, f64   64 h, f64   72 sum of [24], f64
 *  80 m^(-1/2), f32   84 times the projection was active   88 version, u32
 *
 * Two things that would cost O(m d) a step are kept as scalars. The weights stand for W(0) + c (W - W(0)): a projection
 * only lowers c. The sum of the iterates so far is h (W - W(0)) - Z: adding an iterate only raises h, and a step that
 * adds D to W adds h D to Z, in the columns it touches.
 */
import { exp, log } from "./elementary";
import { laneSum, multiplyAdd, relu } from "./lanes";

/** `next` of a transition after which nothing is earned. */
const TERMINAL: u32 = 0xffffffff;
/** Where c falls below this it is multiplied out, so that the sums stay of the size of what they sum. */
const SMALLEST: f64 = 1e-3;

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
function rowValue(net: usize, entries: usize, indices: usize, values: usize, hidden: usize): f32 {
  const m: usize = load<u32>(net);
  const weights: usize = load<u32>(net, 8);
  const initial: usize = load<u32>(net, 12);
  const signs: usize = load<u32>(net, 16);
  const shrink = f32x4.splat(<f32>load<f64>(net, 56));
  const whole = load<f64>(net, 56) == 1;
  let sum = f32x4.splat(0);
  let sum1 = sum;
  for (let j: usize = 0; j < 4 * m; j += 64) {
    let h0 = f32x4.splat(0);
    let h1 = h0;
    let h2 = h0;
    let h3 = h0;
    for (let p: usize = 0; p < 4 * entries; p += 4) {
      const offset = 4 * m * <usize>load<u32>(indices + p) + j;
      const x = v128.load_splat<f32>(values + p);
      const w = weights + offset;
      if (whole) {
        h0 = multiplyAdd(x, v128.load(w), h0);
        h1 = multiplyAdd(x, v128.load(w, 16), h1);
        h2 = multiplyAdd(x, v128.load(w, 32), h2);
        h3 = multiplyAdd(x, v128.load(w, 48), h3);
      } else {
        const w0 = initial + offset;
        h0 = multiplyAdd(x, effective(v128.load(w), v128.load(w0), shrink), h0);
        h1 = multiplyAdd(x, effective(v128.load(w, 16), v128.load(w0, 16), shrink), h1);
        h2 = multiplyAdd(x, effective(v128.load(w, 32), v128.load(w0, 32), shrink), h2);
        h3 = multiplyAdd(x, effective(v128.load(w, 48), v128.load(w0, 48), shrink), h3);
      }
    }
    if (hidden) {
      v128.store(hidden + j, h0);
      v128.store(hidden + j, h1, 16);
      v128.store(hidden + j, h2, 32);
      v128.store(hidden + j, h3, 48);
    }
    const b = signs + j;
    sum = multiplyAdd(v128.load(b), relu(h0), sum);
    sum1 = multiplyAdd(v128.load(b, 16), relu(h1), sum1);
    sum = multiplyAdd(v128.load(b, 32), relu(h2), sum);
    sum1 = multiplyAdd(v128.load(b, 48), relu(h3), sum1);
  }
  return load<f32>(net, 80) * laneSum(f32x4.add(sum, sum1));
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
  let largest = load<f32>(q);
  for (let a: usize = 1; a < actions; a++) largest = max(largest, load<f32>(q + 4 * a));
  const shift = f32x4.splat(largest);
  let total = f32x4.splat(0);
  for (let a: usize = 0; a < actions; a += 4) total = f32x4.add(total, exp(f32x4.sub(v128.load(q + 4 * a), shift)));
  return largest + f32x4.extract_lane(log(f32x4.splat(laneSum(total))), 0);
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
  const q: usize = load<u32>(net, 44);
  let squares: f64 = 0;
  for (let t: usize = 0; t < count; t++) {
    const first = load<u32>(next + 4 * t);
    let target = load<f32>(rewards + 4 * t);
    if (first != TERMINAL) {
      for (let a: usize = 0; a < actions; a++) store<f32>(q + 4 * a, tableValue(net, <usize>first + a));
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
      for (let a: usize = 0; a < actions; a++) {
        const row = (at * actions) + 4 * a * entries;
        store<f32>(q + 4 * a, rowValue(net, entries, nextIndices + row, nextValues + row, 0));
      }
      target += discount * (stateValue(q, actions, logPolicy, t) - shift);
    }
    const residual = rowValue(net, entries, indices + at, values + at, hidden) - target;
    squares += <f64>residual * <f64>residual;
    moveRow(net, entries, indices + at, values + at, hidden, -stepSize * residual);
    closeStep(net);
  }
  return squares;
}

/** W <- W + amount grad f(e_i), which leaves f(e_i) up to date. */
function moveColumn(net: usize, i: usize, amount: f32): void {
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
  const zero = f32x4.splat(0);
  let along = zero;
  let squares = zero;
  let value = zero;
  const end = w + 4 * m;
  if (c == 1 && sums) {
    for (; w < end; w += 16, w0 += 16, sign += 16, z += 16) {
      const old = v128.load(w);
      const b = v128.load(sign);
      const change = v128.and(f32x4.mul(step, b), f32x4.gt(old, zero));
      const moved = f32x4.add(old, change);
      along = multiplyAdd(f32x4.sub(old, v128.load(w0)), change, along);
      squares = multiplyAdd(change, change, squares);
      value = multiplyAdd(b, relu(moved), value);
      v128.store(w, moved);
      v128.store(z, multiplyAdd(weight, change, v128.load(z)));
    }
  } else {
    for (; w < end; w += 16, w0 += 16, sign += 16, z += 16) {
      const old = v128.load(w);
      const b = v128.load(sign);
      const centre = v128.load(w0);
      const change = v128.and(f32x4.mul(step, b), f32x4.gt(effective(old, centre, shrink), zero));
      const moved = f32x4.add(old, change);
      along = multiplyAdd(f32x4.sub(old, centre), change, along);
      squares = multiplyAdd(change, change, squares);
      value = multiplyAdd(b, relu(effective(moved, centre, shrink)), value);
      v128.store(w, moved);
      if (sums) v128.store(z, multiplyAdd(weight, change, v128.load(z)));
    }
  }
  store<f32>(<usize>load<u32>(net, 28) + 4 * i, load<f32>(net, 80) * laneSum(value));
  store<u32>(<usize>load<u32>(net, 32) + 4 * i, load<u32>(net, 88));
  grow(net, i, 2 * <f64>laneSum(along) + <f64>laneSum(squares));
}

/** W <- W + amount grad f(x), W x being in `hidden`, which is used up. */
function moveRow(net: usize, entries: usize, indices: usize, values: usize, hidden: usize, amount: f32): void {
  const m: usize = load<u32>(net);
  const c = load<f64>(net, 56);
  const squares = gradientSigns(net, hidden, <f32>((<f64>amount * <f64>load<f32>(net, 80)) / c));
  const weight = f32x4.splat(<f32>load<f64>(net, 64));
  const sums: usize = load<u32>(net, 20);
  for (let p: usize = 0; p < 4 * entries; p += 4) {
    const i: usize = load<u32>(indices + p);
    const x = load<f32>(values + p);
    if (x == 0) continue;
    const factor = f32x4.splat(x);
    const offset = 4 * i * m;
    const w: usize = load<u32>(net, 8) + offset;
    const w0: usize = load<u32>(net, 12) + offset;
    const z = sums + offset;
    let along = f32x4.splat(0);
    for (let j: usize = 0; j < 4 * m; j += 16) {
      const old = v128.load(w + j);
      const change = f32x4.mul(factor, v128.load(hidden + j));
      along = multiplyAdd(f32x4.sub(old, v128.load(w0 + j)), change, along);
      v128.store(w + j, f32x4.add(old, change));
      if (sums) v128.store(z + j, multiplyAdd(weight, change, v128.load(z + j)));
    }
    grow(net, i, 2 * <f64>laneSum(along) + <f64>x * <f64>x * squares);
  }
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

/** Column i was touched, and its squared distance from W(0) grew. */
@inline
function grow(net: usize, i: usize, growth: f64): void {
  const norm = <usize>load<u32>(net, 24) + 8 * i;
  store<f64>(norm, load<f64>(norm) + growth);
  store<f64>(net, load<f64>(net, 72) + growth, 72);
  store<u32>(<usize>load<u32>(net, 36) + 4 * i, 1);
}

/** Pi_B, and the iterate into the sum. */
@inline
function closeStep(net: usize): void {
  project(net);
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
  store<u32>(net, load<u32>(net, 88) + (all ? 1 : 0), 88);
  for (let i: usize = 0; i < columns; i++) {
    if (!all && load<u32>(touched + 4 * i) == 0) continue;
    setColumn(net, i, factor, without);
    if (!same) store<u32>(versions + 4 * i, load<u32>(net, 88) - 1);
  }
  store<f64>(net, 1, 56);
  sparseBegin(net);
  sumNorms(net);
}

/** W_i <- W_i(0) + factor (W_i - W_i(0)) - without Z_i; where `without` is not 0, Z_i <- 0. */
function setColumn(net: usize, i: usize, factor: f32, without: f32): void {
  const m: usize = load<u32>(net);
  const offset = 4 * i * m;
  const w: usize = load<u32>(net, 8) + offset;
  const w0: usize = load<u32>(net, 12) + offset;
  const sums: usize = load<u32>(net, 20);
  const z = sums + offset;
  const same = factor == 1 && without == 0;
  const keep = f32x4.splat(factor);
  const drop = f32x4.splat(-without);
  let squares = f32x4.splat(0);
  for (let j: usize = 0; j < 4 * m; j += 16) {
    const centre = v128.load(w0 + j);
    let travel = f32x4.mul(keep, f32x4.sub(v128.load(w + j), centre));
    if (sums && without != 0) {
      travel = multiplyAdd(drop, v128.load(z + j), travel);
      v128.store(z + j, f32x4.splat(0));
    }
    squares = multiplyAdd(travel, travel, squares);
    if (!same) v128.store(w + j, f32x4.add(centre, travel));
  }
  store<f64>(<usize>load<u32>(net, 24) + 8 * i, <f64>laneSum(squares));
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
