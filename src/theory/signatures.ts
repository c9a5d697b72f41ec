/**
 * The ways in which a two-timescale run fails, told from the numbers it reports while it goes on. Each is judged over
 * windows of iterations; the thresholds keep healthy, noisy runs quiet (test/theory/signatures.test.ts states how quiet).
 * Swings slower than a window are not told from drift: a longer window sees them.
 */
import { TandemError } from "../core/index.ts";

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
export interface SignatureFinding {
  readonly signature: Signature;
  /** The iteration in which its first window began, or of the first measurement that was out of bounds. */
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
  /** The newest tracking errors as they were measured, and the lowest of all before them. */
  readonly tracking: { iteration: number; error: number }[];
  lowestTracking: number | null;
  readonly findings: SignatureFinding[];
}

interface WindowSummary {
  readonly first: number;
  readonly last: number;
  readonly squaredResidual: number;
  readonly gradientNorm: number;
  readonly gradientCosine: number;
  /** Standard error of that mean. */
  readonly cosineError: number;
  readonly projectedPolicyShare: number;
  readonly projectedReward: number;
  /** Of the window's blocks of the return gap: between-block variance over what independent noise would give. */
  readonly blockVarianceRatio: number;
  /** How often the gap changes sign between blocks whose means are clearly not 0. */
  readonly swings: number;
}

/** Blocks of a window, for oscillations slower than from one step to the next. */
const BLOCKS = 20;
/** Iterations of the smallest window: two a block. */
const SMALLEST_WINDOW = 2 * BLOCKS;
/** Windows remembered. */
const REMEMBERED = 50;
/**
 * So many tracking errors in a row must be above the bound: this much times the lowest before them, but no less than
 * WRONG_BY and no more than FAR_OFF, nats. Untrained networks agree within a fraction of a nat (their values are about
 * d^(-1/2)), so that an error of several has grown even where it was there at the first measurement.
 */
const IN_A_ROW = 3;
const GROWTH = 5;
const WRONG_BY = 1;
const FAR_OFF = 3;
/** The residual's growth from window to window, twice. */
const RESIDUAL_GROWTH = 2;
/** Mean cosine of successive gradients, and in standard errors: in few dimensions cosines of noise scatter widely. */
const COSINE = -0.3;
const COSINE_ERRORS = 4;
/**
 * For long blocks; n steps a block take 1 + 1 / n of it: short ones know less of the noise within. Noise whose successive
 * values correlate by 0.3 has a ratio of 1.9.
 */
const VARIANCE_RATIO = 6;
/** A block's mean is not 0 where it is beyond so many of its standard errors. */
const CLEARLY = 3;
const SWINGS = 3;
/** Against the usual norm of windows that were not called exploded. */
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
  if (!(window >= SMALLEST_WINDOW && window % BLOCKS === 0)) {
    throw new TandemError(
      "createSignatureState",
      `expected a window of ${SMALLEST_WINDOW} iterations or more, a multiple of ${BLOCKS}, got ${window}`,
    );
  }
  return { window, filling: [], windows: [], tracking: [], lowestTracking: null, findings: [] };
}

/** Look at one iteration. Returns findings that are new, or that have just ended. */
export function observe(state: SignatureState, input: SignatureInput): SignatureFinding[] {
  const changed: SignatureFinding[] = [];
  const broken = Object.entries(input).find(([, value]) => value !== null && !Number.isFinite(value));
  if (broken) {
    report(state, changed, "not finite", input.iteration, `${broken[0]} was ${broken[1]} first`);
    return changed;
  }
  if (input.trackingError !== null) judgeTracking(state, changed, input.iteration, input.trackingError);
  state.filling.push(input);
  if (state.filling.length < state.window) return changed;
  state.windows.push(summarise(state.filling));
  if (state.windows.length > REMEMBERED) state.windows.shift();
  state.filling.length = 0;
  judgeWindows(state, changed);
  return changed;
}

/** A finding as one sentence. */
export function signatureSentence({ signature, since, until, evidence, remedy }: SignatureFinding): string {
  const span = until === null ? `since iteration ${since}` : `in iterations ${since} to ${until}`;
  return `${signature} ${span}: ${evidence}; ${remedy}`;
}

/** Divergence: three errors in a row above the bound; it is over once their middle is within. */
function judgeTracking(
  state: SignatureState,
  changed: SignatureFinding[],
  iteration: number,
  error: number,
): void {
  const { tracking } = state;
  tracking.push({ iteration, error });
  if (tracking.length > IN_A_ROW) {
    state.lowestTracking = Math.min(state.lowestTracking ?? Infinity, tracking[0].error);
    tracking.shift();
  }
  if (tracking.length < IN_A_ROW) return;
  const { lowestTracking } = state;
  const bound = Math.max(WRONG_BY, Math.min(FAR_OFF, GROWTH * (lowestTracking ?? Infinity)));
  const before = lowestTracking === null ? "" : `, the lowest before was ${lowestTracking.toPrecision(3)}`;
  const errors = tracking.map((each) => each.error);
  const lasts = lasting(state, "policy divergence") !== undefined;
  settle(state, changed, {
    signature: "policy divergence",
    holds: lasts ? middle(errors) > bound : Math.min(...errors) > bound,
    since: tracking[0].iteration,
    now: iteration,
    evidence: `the tracking error was ${errors.map((each) => each.toPrecision(3)).join(", ")} nats${before}`,
  });
}

/** The same without tracking errors: the squared residual doubles twice in a row, and is over once it has come back. */
function judgeResidual(state: SignatureState, changed: SignatureFinding[]): void {
  const { windows, tracking } = state;
  if (tracking.length > 0 || windows.length < 3) return;
  const [older, old, now] = windows.slice(-3);
  const open = lasting(state, "policy divergence");
  const before = windows.filter(({ last }) => open !== undefined && last < open.since).at(-2);
  const grows =
    now.squaredResidual > RESIDUAL_GROWTH * old.squaredResidual &&
    old.squaredResidual > RESIDUAL_GROWTH * older.squaredResidual &&
    now.squaredResidual > WRONG_BY;
  const stays = now.squaredResidual > Math.max(WRONG_BY, RESIDUAL_GROWTH * (before?.squaredResidual ?? 0));
  settle(state, changed, {
    signature: "policy divergence",
    holds: open ? stays : grows,
    since: now.first,
    now: now.last,
    evidence: `the squared TD residual went ${[older, old, now].map((w) => w.squaredResidual.toPrecision(3)).join(", ")} over windows of ${state.window}`,
  });
}

function judgeWindows(state: SignatureState, changed: SignatureFinding[]): void {
  const { windows } = state;
  const now = windows[windows.length - 1];
  const { first, last } = now;
  const judge = (signature: Signature, holds: boolean, evidence: string): void => {
    settle(state, changed, { signature, holds, since: first, now: last, evidence });
  };
  judgeResidual(state, changed);
  const share = boundShare(state, "reward oscillation");
  const alternates = now.gradientCosine < share * Math.min(COSINE, -COSINE_ERRORS * now.cosineError);
  const bound = share * VARIANCE_RATIO * (1 + BLOCKS / state.window);
  const cycles = now.blockVarianceRatio > bound && now.swings >= SWINGS;
  judge(
    "reward oscillation",
    alternates || cycles,
    alternates
      ? `successive gradients have a mean cosine of ${now.gradientCosine.toFixed(2)}`
      : `the return gap swings ${now.swings} times with ${now.blockVarianceRatio.toFixed(0)} times the variance of noise`,
  );
  const usual = usualGradientNorm(state);
  if (usual !== null) {
    judge(
      "gradient explosion",
      now.gradientNorm > EXPLOSION * usual,
      `||g|| is ${now.gradientNorm.toPrecision(3)}, usual was ${usual.toPrecision(3)}`,
    );
  }
  judge(
    "policy saturation",
    now.projectedPolicyShare > boundShare(state, "policy saturation") * SATURATED,
    `the projection onto B_q was active in ${percent(now.projectedPolicyShare)} of the steps`,
  );
  judge(
    "reward saturation",
    now.projectedReward > boundShare(state, "reward saturation") * SATURATED,
    `the projection onto B_r was active in ${percent(now.projectedReward)} of the steps`,
  );
}

/** A finding that lasts is over below half the bound that began it: what hovers at a bound is one finding, not many. */
function boundShare(state: SignatureState, signature: Signature): number {
  return lasting(state, signature) ? 1 / 2 : 1;
}

/** Middle of the windows' norms before this one and before an explosion that lasts; null before there are two. */
function usualGradientNorm(state: SignatureState): number | null {
  const since = lasting(state, "gradient explosion")?.since ?? Infinity;
  const before = state.windows.slice(0, -1).filter(({ first }) => first < since);
  return before.length < 2 ? null : middle(before.map(({ gradientNorm }) => gradientNorm));
}

/** What a window, or a few measurements, say of one signature. */
interface Judgement {
  readonly signature: Signature;
  readonly holds: boolean;
  readonly since: number;
  readonly now: number;
  readonly evidence: string;
}

/** Begin or end a finding as `holds` says. */
function settle(state: SignatureState, changed: SignatureFinding[], judgement: Judgement): void {
  const { signature, holds, since, now, evidence } = judgement;
  const open = lasting(state, signature);
  if (holds && !open) report(state, changed, signature, since, evidence);
  if (!holds && open) {
    open.until = now;
    changed.push(open);
  }
}

function report(
  state: SignatureState,
  changed: SignatureFinding[],
  signature: Signature,
  since: number,
  evidence: string,
): void {
  if (lasting(state, signature)) return;
  const finding: SignatureFinding = { signature, since, until: null, evidence, remedy: REMEDIES[signature] };
  state.findings.push(finding);
  changed.push(finding);
}

function lasting({ findings }: SignatureState, signature: Signature): SignatureFinding | undefined {
  return findings.find((finding) => finding.signature === signature && finding.until === null);
}

function summarise(inputs: readonly SignatureInput[]): WindowSummary {
  const over = (name: keyof SignatureInput): number =>
    inputs.reduce((sum, input) => sum + (input[name] ?? 0), 0) / inputs.length;
  const gradientCosine = over("gradientCosine");
  const scatter = inputs.reduce((sum, input) => sum + (input.gradientCosine - gradientCosine) ** 2, 0);
  return {
    first: inputs[0].iteration,
    last: inputs[inputs.length - 1].iteration,
    squaredResidual: over("squaredResidual"),
    gradientNorm: over("gradientNorm"),
    gradientCosine,
    cosineError: Math.sqrt(scatter / (inputs.length - 1) / inputs.length),
    projectedPolicyShare: over("projectedPolicyShare"),
    projectedReward: over("projectedReward"),
    ...blocksOf(inputs.map(({ returnGap }) => returnGap)),
  };
}

/** n Var(block means) / mean variance within blocks, 1 for independent noise; and swings between clear block means. */
function blocksOf(values: readonly number[]): { blockVarianceRatio: number; swings: number } {
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
  // A gap that falls to 0 and stays there, with noise, has a large ratio and many changes of sign, but no swings.
  const clear = means.filter((mean) => mean ** 2 * size > CLEARLY ** 2 * within);
  const swings = clear.filter((mean, i) => i > 0 && mean * clear[i - 1] < 0).length;
  return { blockVarianceRatio: within > 0 ? (size * between) / within : 0, swings };
}

function middle(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
