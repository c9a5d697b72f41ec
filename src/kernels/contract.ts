/**
 * What the WebAssembly module offers. All pointers are byte offsets into its memory, 16-byte aligned where `Arena`
 * made them; all matrices are float32, row-major, with a leading dimension (`ld*`, in floats) so that a matrix may be
 * a block of columns of a wider one. Nothing here checks its arguments: callers check once, when they are made.
 * Nothing here allocates. Sums run in an order fixed by the shape alone.
 */
export interface KernelExports {
  // ---- matrix products: C = op(A) op(B), then the epilogue -------------------------------------------------------
  /** C[m,n] = A[m,k] B[k,n]; epilogue: 0 none, 1 + bias[n], 2 relu(. + bias[n]), 3 tanh(. + bias[n]). */
  gemmNN(
    m: number,
    n: number,
    k: number,
    a: number,
    lda: number,
    b: number,
    ldb: number,
    c: number,
    ldc: number,
    epilogue: number,
    bias: number,
  ): void;
  /** C[m,n] = A[m,k] B[n,k]^T; epilogue as in gemmNN, and 4: C = (mask[m,n] > 0) ? C : 0, `extra` being the mask (ld = ldc). */
  gemmNT(
    m: number,
    n: number,
    k: number,
    a: number,
    lda: number,
    b: number,
    ldb: number,
    c: number,
    ldc: number,
    epilogue: number,
    extra: number,
  ): void;
  /** C[m,n] = A[k,m]^T B[k,n]; epilogue 0 overwrites C, 5 adds to it. */
  gemmTN(
    m: number,
    n: number,
    k: number,
    a: number,
    lda: number,
    b: number,
    ldb: number,
    c: number,
    ldc: number,
    epilogue: number,
  ): void;
  /** out[cols] = sum over rows of x[rows, cols] (bias gradient). */
  columnSums(rows: number, cols: number, x: number, ldx: number, out: number): void;

  // ---- optimisers ------------------------------------------------------------------------------------------------
  /**
   * Adam (arXiv:1412.6980, Alg. 1) with decoupled decay (arXiv:1711.05101): p <- p (1 - lr*decay) - lr * mhat / (sqrt(vhat) + eps),
   * mhat = m / correction1, vhat = v / correction2, correction_i = 1 - beta_i^t computed by the caller in float64.
   */
  adam(
    n: number,
    params: number,
    grads: number,
    m: number,
    v: number,
    lr: number,
    beta1: number,
    beta2: number,
    eps: number,
    correction1: number,
    correction2: number,
    decay: number,
  ): void;
  /** target <- target + tau (online - target), n floats. */
  polyak(n: number, target: number, online: number, tau: number): void;

  // ---- vectors ---------------------------------------------------------------------------------------------------
  /** dst[i, 0..width) = src[indices[i], 0..width), indices uint32[count]; strides in floats. */
  gatherRows(
    count: number,
    width: number,
    src: number,
    srcStride: number,
    indices: number,
    dst: number,
    dstStride: number,
  ): void;
  /** dst[i, 0..width) = src[i, 0..width); strides in floats. */
  copyRows(rows: number, width: number, src: number, srcStride: number, dst: number, dstStride: number): void;
  /** x[i] = value */
  fill(n: number, x: number, value: number): void;
  /** y <- y + a x */
  axpy(n: number, a: number, x: number, y: number): void;
  /** x <- a x */
  scale(n: number, a: number, x: number): void;
  /** sum of x */
  sum(n: number, x: number): number;
  /** sum of x[i] y[i] */
  dot(n: number, x: number, y: number): number;
  /** || x - y ||^2 (distance from initialisation) */
  squaredDistance(n: number, x: number, y: number): number;
  /** y = exp(x) elementwise; x and y may be the same, here and in the three below. Bounds in ulp: assembly/elementary.ts. */
  expVector(n: number, x: number, y: number): void;
  /** y = log(x) */
  logVector(n: number, x: number, y: number): void;
  /** y = tanh(x) */
  tanhVector(n: number, x: number, y: number): void;
  /** y = log(1 + exp(x)) */
  softplusVector(n: number, x: number, y: number): void;

  // ---- random numbers: Threefry-2x32-20, same blocks as core/rng's threefry(key, counter, 0) ------------------------
  /** n standard normals into out; uses ceil(n/2) blocks from counter on (block j gives numbers 2j and 2j+1). */
  fillNormal(n: number, out: number, key0: number, key1: number, counter: number): void;
  /** n uniform integers in [0, bound) into out (uint32), by multiply-high of one 32-bit word each; ceil(n/2) blocks. */
  fillIndices(n: number, out: number, bound: number, key0: number, key1: number, counter: number): void;

  // ---- rows <-> features -----------------------------------------------------------------------------------------
  /**
   * out[i, 0..width) = (x[i,:] - mean) * inverseStd; where `unit` is 1 a constant coordinate 1 is appended (out has
   * width + 1 columns) and the whole row is then divided by its Euclidean norm, so that ||psi|| = 1.
   */
  standardiseRows(
    rows: number,
    width: number,
    x: number,
    ldx: number,
    mean: number,
    inverseStd: number,
    unit: number,
    out: number,
    ldout: number,
  ): void;

  // ---- the two-layer network f(x; W) = m^(-1/2) sum_j b_j relu(W_j . x) ---------------------------------------------
  /** out[i] = scale * sum_j signs[j] * h[i,j], h = relu(x W^T) from gemmNT with epilogue 2 and zero bias, [rows, m]. */
  signedRowSums(rows: number, m: number, h: number, signs: number, scale: number, out: number): void;
  /** g[i,j] = coefficient[i] * scale * signs[j] * 1{h[i,j] > 0}: then dW[m,d] = gemmTN(g, x). g may be h. */
  twoLayerBackward(
    rows: number,
    m: number,
    h: number,
    signs: number,
    coefficient: number,
    scale: number,
    g: number,
  ): void;
  /** Pi_B in place: if ||w - w0|| > radius then w = w0 + radius (w - w0)/||w - w0||. Returns the norm before. */
  projectBall(n: number, w: number, w0: number, radius: number): number;

  // ---- the two-layer network on sparse rows, and neural soft Q-learning: a network is one block of memory ------------------
  /** out[i] = f(e_i; W) for all d columns. */
  sparseTable(net: number, out: number): void;
  /** out[i] = f(x_i; W), row i having `entries` float32 `values` at uint32 `indices`, both [rows, entries]; no index twice in a row. */
  sparseForward(
    net: number,
    rows: number,
    entries: number,
    indices: number,
    values: number,
    out: number,
  ): void;
  /** Before the first steps of a loop: no iterate summed, no column touched. */
  sparseBegin(net: number): void;
  /**
   * `count` times W <- Pi_B(W - stepSize delta grad f(e_i; W)), delta = f(e_i) - r - discount V(s'): transition t is pair
   * i = pairs[t] (uint32), rewards[t], next[t] (uint32: the first of the `actions` pairs of s', 0xffffffff where s' is
   * terminal and worth 0). V = log sum_a exp f - shift, or, with `logPolicy` [count, actions] for s' (0: none),
   * sum_a pi_a (f - log pi_a) - shift. Returns the sum of delta^2. O(m) a step.
   */
  sparseTableSteps(
    net: number,
    count: number,
    pairs: number,
    next: number,
    rewards: number,
    logPolicy: number,
    actions: number,
    discount: number,
    shift: number,
    stepSize: number,
  ): number;
  /**
   * The same for rows of `entries` values: the current ones [count, entries], the next ones [count, actions, entries];
   * continues[t] (float32) is 0 where s' is terminal. O(entries m) a row.
   */
  sparseSteps(
    net: number,
    count: number,
    entries: number,
    indices: number,
    values: number,
    nextIndices: number,
    nextValues: number,
    rewards: number,
    continues: number,
    logPolicy: number,
    actions: number,
    discount: number,
    shift: number,
    stepSize: number,
  ): number;
  /** After `count` steps: W becomes the mean of the iterates after each step (average 1) or stays the last one (0). */
  sparseFinish(net: number, count: number, average: number): void;
  /** W <- Pi_B(W + stepSize g), g = sum_k amounts[k] grad f(e_indices[k]; W), indices (uint32) distinct; returns ||g||. */
  sparseTableAscend(net: number, count: number, indices: number, amounts: number, stepSize: number): number;
  /** gradient [d, units] <- gradient + sum_i amounts[i] grad f(x_i; W). Outside a loop only. */
  sparseGradient(
    net: number,
    rows: number,
    entries: number,
    indices: number,
    values: number,
    amounts: number,
    gradient: number,
  ): void;
  /** After weights were written from outside: norms and values are computed anew. */
  sparseRefresh(net: number): void;
  /** `sparseRefresh`, and Pi_B. */
  sparseProject(net: number): void;

  // ---- tanh-Gaussian policy head: head[B, 2d] = (mean | raw log std), log std = clamp(raw, low, high) ---------------
  /**
   * a = tanh(u), u = mean + exp(logStd) noise; actions to out (ldout), log pi(a|s) = sum_i [ -noise^2/2 - logStd - log(2 pi)/2
   * - 2 (log 2 - u - softplus(-2u)) ] to logProb[B]. Saves u to `pre` [B,d] for the backward pass.
   */
  tanhGaussianForward(
    batch: number,
    d: number,
    head: number,
    noise: number,
    low: number,
    high: number,
    pre: number,
    out: number,
    ldout: number,
    logProb: number,
  ): void;
  /**
   * Gradient of sum_i [ weightLogProb[i] * log pi_i + sum_j dAction[i,j] a_ij ] with respect to head, noise held fixed
   * (reparameterised): into dHead[B, 2d]. Gradient through a clamped log std is 0. `weight` is one number for all rows.
   */
  tanhGaussianBackward(
    batch: number,
    d: number,
    head: number,
    noise: number,
    low: number,
    high: number,
    pre: number,
    weight: number,
    dAction: number,
    ldda: number,
    dHead: number,
  ): void;
  /** a = tanh(mean), the deterministic action. */
  tanhGaussianMode(batch: number, d: number, head: number, out: number, ldout: number): void;

  // ---- soft actor-critic's elementwise parts ------------------------------------------------------------------------
  /** y[i] = reward[i] + discount * (1 - terminated[i]) * (min(q1[i], q2[i]) - temperature * logProb[i]); terminated float32 0/1. */
  softTarget(
    batch: number,
    reward: number,
    terminated: number,
    q1: number,
    q2: number,
    logProb: number,
    temperature: number,
    discount: number,
    y: number,
  ): void;
  /** dQ[i] = (q[i] - y[i]) / batch, the gradient of mean of (q - y)^2 / 2; returns mean of (q - y)^2. */
  squaredErrorGradient(batch: number, q: number, y: number, dQ: number): number;
  /** Actor: dQ1[i] = -1/batch where q1 <= q2 else 0; dQ2 the other; returns mean of min(q1, q2). */
  minimumGradient(batch: number, q1: number, q2: number, dQ1: number, dQ2: number): number;

  // ---- benchmark -----------------------------------------------------------------------------------------------------
  /** `rounds` x 16 independent 4-wide multiply-adds held in registers, in the build's own form (fused or not): the SIMD ceiling. Returns a value that depends on all of them. */
  multiplyAddCeiling(rounds: number): number;
}

/** The two builds of the module. Relaxed SIMD fuses multiply and add (one rounding); plain SIMD rounds twice. */
export type KernelBuild = "simd" | "relaxed-simd";

/** One instance of the module and the arena over its memory. */
export interface Kernels extends KernelExports {
  readonly build: KernelBuild;
  readonly memory: WebAssembly.Memory;
  /**
   * Reserve `count` float32 (zeroed, 64-byte aligned) for the life of the instance; grows the memory when needed, which
   * detaches every view taken before. Returns the pointer. Allocation is for setup, never for a hot loop.
   */
  allocate(count: number): number;
  /** The arena's high-water mark in bytes. */
  readonly allocatedBytes: number;
  /** float32 view over [pointer, pointer + 4 count); do not hold it across a call of `allocate`. */
  f32(pointer: number, count: number): Float32Array;
  /** uint32 view, as `f32`. */
  u32(pointer: number, count: number): Uint32Array;
}
