/**
 * The ways in which a two-timescale run fails, told from the numbers it reports while it goes on. Each is judged over
 * windows of iterations; the thresholds keep healthy, noisy runs quiet (test/theory/signatures.test.ts states how quiet).
 */

/** What is looked at in each iteration; null where it is not known. */
export interface SignatureInput {
  /** k. */
  readonly iteration: number;
  /** max |log pi_k - log pi_theta|, nats, where it was measured. */
  readonly trackingError: number | null;
  /** Mean squared TD residual of the inner loop: the sampled stand-in for the tracking error. */
  readonly squaredResidual: number;
  /** ||g_k||. */
  readonly gradientNorm: number;
  /** Cosine between g_k and g_{k-1}. */
  readonly gradientCosine: number;
  /** Expert minus agent of the return under the learned reward. */
  readonly returnGap: number;
  /** Share of the inner loop's steps in which its projection was active; 1 or 0 for the reward's. */
  readonly projectedPolicyShare: number;
  readonly projectedReward: number;
}

/** The names of the signatures. */
export type Signature =
  | "policy divergence"
  | "reward oscillation"
  | "gradient explosion"
  | "policy saturation"
  | "reward saturation"
  | "not finite";

/** A signature that was seen. */
export interface Finding {
  readonly signature: Signature;
  /** The iteration in which its window began. */
  readonly since: number;
  /** The iteration by whose window it was over; null while it lasts. */
  until: number | null;
  /** What was seen, in numbers. */
  readonly evidence: string;
  readonly remedy: string;
}

/** What has been seen so far. Plain data, updated in place by `observe`. */
export interface SignatureState {
  /** Iterations of a window. */
  readonly window: number;
  /** The window being filled. */
  readonly filling: SignatureInput[];
  /** What whole windows came to, oldest first. */
  readonly windows: WindowSummary[];
  /** Tracking errors as they were measured, the last few. */
  readonly tracking: { iteration: number; error: number }[];
  readonly findings: Finding[];
}

interface WindowSummary {
  readonly first: number;
  readonly last: number;
  readonly squaredResidual: number;
  readonly gradientNorm: number;
  readonly gradientCosine: number;
  readonly projectedPolicyShare: number;
  readonly projectedReward: number;
  /** Of the window's blocks of the return gap: between-block variance over what independent noise would give. */
  readonly blockVarianceRatio: number;
  /** How often the blocks' means change sign. */
  readonly signChanges: number;
}

/** Blocks of a window, for oscillations slower than from one step to the next. */
const BLOCKS = 20;
/** Tracking errors that are compared: the middle of the newest three with that of the three before. */
const COMPARED = 3;
const WRONG_BY = 1;
const GROWTH = 1.5;
const RESIDUAL_GROWTH = 2;
const COSINE = -0.3;
const VARIANCE_RATIO = 6;
const SIGN_CHANGES = 4;
const EXPLOSION = 10;
const SATURATED = 0.5;

const REMEDIES: Record<Signature, string> = {
  "policy divergence":
    "the policy does not keep up with the reward: lower alpha, or raise eta T_k; if the error sits where the chain never goes, make it visit there; if it stays, raise the width m",
  "reward oscillation": "alpha is too large against eta: lower alpha, or raise eta T_k",
  "gradient explosion":
    "check that features have norm at most 1 and that trajectories are sampled as weighed",
  "policy saturation": "B_q is too small: raise it, or use centred values, which need less of it",
  "reward saturation":
    "B_r decides the reward: raise it unless it is there to hold a reward that finitely many demonstrations leave unbounded",
  "not finite": "lower the step sizes or the radii; the last good state was kept",
};

/** Nothing seen yet; `window` iterations (40 or more, a multiple of 20) are judged together. */
export function createSignatureState(window: number): SignatureState {
  return { window, filling: [], windows: [], tracking: [], findings: [] };
}

/** Look at one iteration. Returns findings that are new, or that have just ended. */
export function observe(state: SignatureState, input: SignatureInput): Finding[] {
  const changed: Finding[] = [];
  const broken = Object.entries(input).find(([, value]) => value !== null && !Number.isFinite(value));
  if (broken) {
    report(state, changed, "not finite", input.iteration, `${broken[0]} was ${broken[1]} first`);
    return changed;
  }
  if (input.trackingError !== null) {
    state.tracking.push({ iteration: input.iteration, error: input.trackingError });
    if (state.tracking.length > 2 * COMPARED) state.tracking.shift();
    judgeTracking(state, changed, input.iteration);
  }
  state.filling.push(input);
  if (state.filling.length < state.window) return changed;
  state.windows.push(summarise(state.filling));
  if (state.windows.length > 50) state.windows.splice(1, 1);
  state.filling.length = 0;
  judgeWindows(state, changed);
  return changed;
}

/** A finding as one sentence. */
export function findingSentence({ signature, since, until, evidence, remedy }: Finding): string {
  const span = until === null ? `since iteration ${since}` : `in iterations ${since} to ${until}`;
  return `${signature} ${span}: ${evidence}; ${remedy}`;
}

function judgeTracking(state: SignatureState, changed: Finding[], iteration: number): void {
  if (state.tracking.length < 2 * COMPARED) return;
  const errors = state.tracking.map(({ error }) => error);
  const before = middle(errors.slice(0, COMPARED));
  const now = middle(errors.slice(COMPARED));
  const diverges = now > WRONG_BY && (now > GROWTH * before || lasting(state, "policy divergence") !== undefined);
  settle(
    state,
    changed,
    "policy divergence",
    diverges,
    state.tracking[0].iteration,
    iteration,
    `the tracking error rose from ${before.toPrecision(3)} to ${now.toPrecision(3)} nats`,
  );
}

function judgeWindows(state: SignatureState, changed: Finding[]): void {
  const { windows } = state;
  const now = windows[windows.length - 1];
  const { first, last } = now;
  const judge = (signature: Signature, holds: boolean, evidence: string): void => {
    settle(state, changed, signature, holds, first, last, evidence);
  };
  if (state.tracking.length === 0 && windows.length >= 3) {
    const [older, old] = windows.slice(-3);
    const grows =
      now.squaredResidual > RESIDUAL_GROWTH * old.squaredResidual &&
      old.squaredResidual > RESIDUAL_GROWTH * older.squaredResidual &&
      now.squaredResidual > WRONG_BY;
    judge(
      "policy divergence",
      grows,
      `the squared TD residual went ${[older, old, now].map((w) => w.squaredResidual.toPrecision(3)).join(", ")} over windows of ${state.window}`,
    );
  }
  const alternates = now.gradientCosine < COSINE;
  const cycles = now.blockVarianceRatio > VARIANCE_RATIO && now.signChanges >= SIGN_CHANGES;
  judge(
    "reward oscillation",
    alternates || cycles,
    alternates
      ? `successive gradients have a mean cosine of ${now.gradientCosine.toFixed(2)}`
      : `the return gap swings ${now.signChanges} times with ${now.blockVarianceRatio.toFixed(0)} times the variance of noise`,
  );
  if (windows.length >= 3) {
    const usual = middle(windows.slice(0, -1).map(({ gradientNorm }) => gradientNorm));
    judge(
      "gradient explosion",
      now.gradientNorm > EXPLOSION * usual,
      `||g|| is ${now.gradientNorm.toPrecision(3)}, usual was ${usual.toPrecision(3)}`,
    );
  }
  judge(
    "policy saturation",
    now.projectedPolicyShare > SATURATED,
    `the projection onto B_q was active in ${percent(now.projectedPolicyShare)} of the steps`,
  );
  judge(
    "reward saturation",
    now.projectedReward > SATURATED,
    `the projection onto B_r was active in ${percent(now.projectedReward)} of the steps`,
  );
}

/** Begin or end a finding as `holds` says. */
function settle(
  state: SignatureState,
  changed: Finding[],
  signature: Signature,
  holds: boolean,
  since: number,
  now: number,
  evidence: string,
): void {
  const open = lasting(state, signature);
  if (holds && !open) report(state, changed, signature, since, evidence);
  if (!holds && open) {
    open.until = now;
    changed.push(open);
  }
}

function report(
  state: SignatureState,
  changed: Finding[],
  signature: Signature,
  since: number,
  evidence: string,
): void {
  if (lasting(state, signature)) return;
  const finding: Finding = { signature, since, until: null, evidence, remedy: REMEDIES[signature] };
  state.findings.push(finding);
  changed.push(finding);
}

function lasting({ findings }: SignatureState, signature: Signature): Finding | undefined {
  return findings.find((finding) => finding.signature === signature && finding.until === null);
}

function summarise(inputs: readonly SignatureInput[]): WindowSummary {
  const over = (name: keyof SignatureInput): number =>
    inputs.reduce((sum, input) => sum + (input[name] ?? 0), 0) / inputs.length;
  return {
    first: inputs[0].iteration,
    last: inputs[inputs.length - 1].iteration,
    squaredResidual: over("squaredResidual"),
    gradientNorm: over("gradientNorm"),
    gradientCosine: over("gradientCosine"),
    projectedPolicyShare: over("projectedPolicyShare"),
    projectedReward: over("projectedReward"),
    ...blocksOf(inputs.map(({ returnGap }) => returnGap)),
  };
}

/** n Var(block means) / mean variance within blocks, 1 for independent noise; and sign changes of the means. */
function blocksOf(values: readonly number[]): { blockVarianceRatio: number; signChanges: number } {
  const size = Math.floor(values.length / BLOCKS);
  const means: number[] = [];
  let within = 0;
  for (let block = 0; block < BLOCKS; block++) {
    const part = values.slice(block * size, (block + 1) * size);
    const mean = part.reduce((sum, value) => sum + value, 0) / size;
    within += part.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (size - 1) / BLOCKS;
    means.push(mean);
  }
  const centre = means.reduce((sum, mean) => sum + mean, 0) / BLOCKS;
  const between = means.reduce((sum, mean) => sum + (mean - centre) ** 2, 0) / (BLOCKS - 1);
  let signChanges = 0;
  for (let block = 1; block < BLOCKS; block++) if (means[block] * means[block - 1] < 0) signChanges++;
  return { blockVarianceRatio: within > 0 ? (size * between) / within : 0, signChanges };
}

function middle(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
