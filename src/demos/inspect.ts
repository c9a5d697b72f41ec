import {
  episodeCount,
  episodeReturns,
  transitionCount,
  type ActionSpace,
  type Trajectories,
} from "../core/index.ts";
import type { Demonstrations } from "./layouts.ts";

/** Least, mean, greatest and (population) standard deviation of some numbers. */
export interface NumberSummary {
  readonly min: number;
  readonly mean: number;
  readonly max: number;
  readonly std: number;
}

/** How much a finding matters: an `error` breaks learning, a `warning` may, a `note` is good to know. */
export type FindingSeverity = "error" | "warning" | "note";

/** What can be found in a demonstration set. */
export type FindingKind =
  | "reading"
  | "action-size"
  | "actions-out-of-bounds"
  | "actions-at-bounds"
  | "constant-actions"
  | "constant-observations"
  | "uneven-scales"
  | "shifted-next-observations"
  | "broken-next-observations"
  | "wrong-final-observations"
  | "repeated-last-rows"
  | "missing-rewards"
  | "constant-rewards"
  | "timeouts-as-terminations"
  | "ends-with-both-flags"
  | "unmarked-ends"
  | "single-step-episodes"
  | "duplicate-episodes";

/** One thing found, in one or two sentences. Episodes, steps and columns count from 0. */
export interface Finding {
  readonly kind: FindingKind;
  readonly severity: FindingSeverity;
  readonly message: string;
}

/** What a demonstration set holds and what seems wrong with it: plain data, as {@link formatInspection} shows it. */
export interface Inspection {
  readonly source: string;
  readonly env: string | null;
  readonly layout: string;
  readonly episodes: number;
  /** Steps over all episodes. */
  readonly transitions: number;
  /** Steps of an episode. */
  readonly lengths: NumberSummary;
  /** Undiscounted true returns of the episodes; null where the recording has no rewards. */
  readonly returns: NumberSummary | null;
  readonly observationSize: number;
  readonly actionSize: number;
  /** Of each observation column, [observationSize]. */
  readonly observations: readonly NumberSummary[];
  /** Of each action column, [actionSize]. */
  readonly actions: readonly NumberSummary[];
  /** How often each action was taken, ascending; null where actions are not few whole numbers in one column. */
  readonly actionCounts: readonly { readonly action: number; readonly count: number }[] | null;
  /** Episodes ended by the task, by a time limit or other cut, and without a mark. */
  readonly ends: { readonly terminated: number; readonly truncated: number; readonly unmarked: number };
  /** Worst first. */
  readonly findings: readonly Finding[];
}

/** What else is known about the task. */
export interface InspectionOptions {
  /** The environment's actions; without it bounds are guessed. */
  readonly actionSpace?: ActionSpace;
}

/** Everything a check may look at. */
interface Subject {
  trajectories: Trajectories;
  rows: number;
  episodes: number;
  observations: NumberSummary[];
  actions: NumberSummary[];
  actionSpace: ActionSpace | undefined;
}

const SEVERITIES: readonly FindingSeverity[] = ["error", "warning", "note"];

/** Most distinct whole numbers in an action column that are still shown as choices. */
const MOST_CHOICES = 20;

/** Above this ratio of standard deviations columns are called uneven. */
const UNEVEN_RATIO = 1000;

/** Fraction of rows an explanation of wrong next observations must account for. */
const EXPLAINED = 0.9;

/** Summarises `demonstrations` and looks for what usually goes wrong in recordings. */
export function inspectDemonstrations(
  demonstrations: Demonstrations,
  options: InspectionOptions = {},
): Inspection {
  const { trajectories, source, env, layout, warnings } = demonstrations;
  const { observationSize, actionSize, episodeStarts } = trajectories;
  const subject: Subject = {
    trajectories,
    rows: transitionCount(trajectories),
    episodes: episodeCount(trajectories),
    observations: summariseColumns(trajectories.observations, observationSize),
    actions: summariseColumns(trajectories.actions, actionSize),
    actionSpace: options.actionSpace,
  };
  const reading = warnings.map((message): Finding => ({ kind: "reading", severity: "note", message }));
  const findings = [...reading, ...CHECKS.flatMap((check) => check(subject))];
  const returns = episodeReturns(trajectories);
  const lengths = episodeStarts.subarray(1).map((start, episode) => start - episodeStarts[episode]);
  return {
    source,
    env,
    layout,
    episodes: subject.episodes,
    transitions: subject.rows,
    lengths: summarise(lengths),
    returns: returns && summarise(returns),
    observationSize,
    actionSize,
    observations: subject.observations,
    actions: subject.actions,
    actionCounts: countActions(trajectories),
    ends: countEnds(subject),
    findings: SEVERITIES.flatMap((severity) => findings.filter((finding) => finding.severity === severity)),
  };
}

const CHECKS: readonly ((subject: Subject) => Finding[])[] = [
  checkActionBounds,
  checkConstantColumns,
  checkScales,
  checkNextObservations,
  checkFinalObservations,
  checkRepeatedLastRows,
  checkRewards,
  checkEnds,
  checkSingleSteps,
  checkDuplicates,
];

function checkActionBounds(subject: Subject): Finding[] {
  const { actionSpace, trajectories } = subject;
  if (!actionSpace) return guessActionBounds(subject);
  const size = actionSpace.kind === "box" ? actionSpace.size : 1;
  const { actions, actionSize } = trajectories;
  if (size !== actionSize) {
    return [
      error("action-size", `The environment takes actions of ${size}, the recording has ${actionSize}.`),
    ];
  }
  if (actionSpace.kind === "discrete") {
    const outside = count(
      actions,
      (action) => !(Number.isInteger(action) && action >= 0 && action < actionSpace.count),
    );
    if (outside === 0) return [];
    const expected = `the whole numbers 0 to ${actionSpace.count - 1}`;
    return [
      error(
        "actions-out-of-bounds",
        `${share(outside, actions.length)} of the actions are not among ${expected}.`,
      ),
    ];
  }
  // Bounds such as 0.4 are compared as the float32 that a recording at the bound holds.
  const low = Float32Array.from(actionSpace.low);
  const high = Float32Array.from(actionSpace.high);
  const outside = count(actions, (action, at) => action < low[at % size] || action > high[at % size]);
  const atBound = count(actions, (action, at) => action === low[at % size] || action === high[at % size]);
  const findings: Finding[] = [];
  if (outside > 0) {
    const columns = subject.actions.flatMap(({ min, max }, j) => (min < low[j] || max > high[j] ? [j] : []));
    findings.push(
      error(
        "actions-out-of-bounds",
        `${share(outside, actions.length)} of the action entries lie outside the environment's bounds (${named("column", columns)}; largest magnitude ${brief(largestMagnitude(subject.actions))}). The environment would clip them: clip them before learning.`,
      ),
    );
  }
  if (atBound > 0) {
    findings.push(
      note(
        "actions-at-bounds",
        `${share(atBound, actions.length)} of the action entries lie exactly on a bound, where a tanh policy has no density: move them inside before taking atanh.`,
      ),
    );
  }
  return findings;
}

/** Without bounds only one suspicion is worth a word: most entries, not all, lie in [-1, 1]. */
function guessActionBounds({ trajectories, actions }: Subject): Finding[] {
  const entries = trajectories.actions;
  if (countActions(trajectories)) return [];
  const outside = count(entries, (action) => action < -1 || action > 1);
  if (outside === 0 || outside >= entries.length / 2) return [];
  const message = `${share(outside, entries.length)} of the action entries lie outside [-1, 1], most lie inside (largest magnitude ${brief(largestMagnitude(actions))}). If the bounds are [-1, 1] the recording is of unclipped actions; tell the action space to be sure.`;
  return [warning("actions-out-of-bounds", message)];
}

function checkConstantColumns({ observations, actions, rows }: Subject): Finding[] {
  if (rows < 2) return [];
  const findings: Finding[] = [];
  const still = constantColumns(observations);
  if (still.length === observations.length) {
    findings.push(
      error("constant-observations", "No observation ever changes: this is no recording of a task."),
    );
  } else if (still.length > 0) {
    const some = `${still.length} of ${observations.length} observation columns never change (${named("column", still)})`;
    findings.push(
      note(
        "constant-observations",
        `${some}. They tell nothing; a normaliser must not divide by their spread.`,
      ),
    );
  }
  const idle = constantColumns(actions);
  if (idle.length > 0) {
    const some = `${idle.length} of ${actions.length} action columns never change (${named("column", idle)})`;
    findings.push(warning("constant-actions", `${some}. Was the right array recorded?`));
  }
  return findings;
}

function constantColumns(summaries: readonly NumberSummary[]): number[] {
  return summaries.flatMap(({ min, max }, column) => (min === max ? [column] : []));
}

function checkScales({ observations }: Subject): Finding[] {
  const spreads = observations.map(({ std, min, max }) => (min === max ? NaN : std));
  const moving = spreads.filter((std) => std > 0);
  if (moving.length < 2) return [];
  const [least, most] = [Math.min(...moving), Math.max(...moving)];
  if (most / least <= UNEVEN_RATIO) return [];
  const where = `from ${brief(least)} in column ${spreads.indexOf(least)} to ${brief(most)} in column ${spreads.indexOf(most)}`;
  return [note("uneven-scales", `Observation columns spread very unevenly, ${where}: normalise them.`)];
}

/** Compares s_{t+1} with the observation of the following row and, where they part, tries to explain it by a shift. */
function checkNextObservations(subject: Subject): Finding[] {
  const { trajectories, episodes } = subject;
  const { episodeStarts } = trajectories;
  const same = observationComparison(subject);
  let pairs = 0;
  let broken = 0;
  let first = "";
  for (let episode = 0; episode < episodes; episode++) {
    for (let row = episodeStarts[episode]; row + 1 < episodeStarts[episode + 1]; row++) {
      pairs++;
      if (same(row, row + 1)) continue;
      if (broken++ === 0) first = `episode ${episode}, step ${row - episodeStarts[episode]}`;
    }
  }
  if (broken === 0) return [];
  const found = `In ${share(broken, pairs)} of the rows the next observation is not the observation of the following row`;
  const lag = [0, 2, -1].find((candidate) => shiftedFraction(subject, same, candidate) >= EXPLAINED);
  if (lag === undefined) {
    const doubt = "The rows were subsampled, reordered or damaged, or an end of an episode is not marked.";
    return [warning("broken-next-observations", `${found} (first in ${first}). ${doubt}`)];
  }
  const explanation = {
    "0": "it repeats the row's own observation. Recompute next observations from the following rows",
    "2": "it is the observation two rows on: next observations run one row ahead. Shift them back by one",
    "-1": "it is the observation of the row before: next observations run two rows behind. Recompute them",
  }[lag];
  return [error("shifted-next-observations", `${found}; ${explanation}.`)];
}

/** Fraction of rows, among those that have a row `lag` away in their episode, whose next observation is found there. */
function shiftedFraction({ trajectories, episodes }: Subject, same: Comparison, lag: number): number {
  const { episodeStarts } = trajectories;
  let pairs = 0;
  let matches = 0;
  for (let episode = 0; episode < episodes; episode++) {
    const [start, end] = [episodeStarts[episode], episodeStarts[episode + 1]];
    for (let row = Math.max(start, start - lag); row < Math.min(end, end - lag); row++) {
      pairs++;
      if (same(row, row + lag)) matches++;
    }
  }
  return pairs === 0 ? 0 : matches / pairs;
}

/** The last s_{t+1} of an episode has no following row to check against, but two common mistakes show. */
function checkFinalObservations(subject: Subject): Finding[] {
  const { trajectories, episodes, rows } = subject;
  const { episodeStarts, terminated } = trajectories;
  const same = observationComparison(subject);
  const ends = Array.from({ length: episodes }, (_, episode) => episodeStarts[episode + 1] - 1);
  const resets = ends.filter((row) => row + 1 < rows && same(row, row + 1));
  // A task that rests before its end (a lander, a held goal) repeats itself rightly: only a sudden stop counts.
  const repeats = ends.filter(
    (row, episode) => same(row, row) && row > episodeStarts[episode] && !same(row - 1, row - 1),
  );
  const findings: Finding[] = [];
  if (resets.length > 0) {
    const found = `In ${resets.length} of ${episodes} episodes the last next observation is the first observation of the next episode`;
    if (resets.some((row) => terminated[row])) {
      const why = "It was recorded after an automatic reset: record the final observation instead.";
      findings.push(error("wrong-final-observations", `${found}. ${why}`));
    } else {
      const why =
        "Either one recording was cut into pieces, which is fine, or it was recorded after an automatic reset.";
      findings.push(warning("wrong-final-observations", `${found}. ${why}`));
    }
  }
  if (repeats.length >= episodes / 2) {
    const found = `In ${repeats.length} of ${episodes} episodes the last next observation repeats the last observation`;
    findings.push(warning("wrong-final-observations", `${found}. Was the true final observation lost?`));
  }
  return findings;
}

function checkRepeatedLastRows({ trajectories, episodes }: Subject): Finding[] {
  const { episodeStarts, observations, observationSize, actions, actionSize } = trajectories;
  let affected = 0;
  let extra = 0;
  for (let episode = 0; episode < episodes; episode++) {
    let row = episodeStarts[episode + 1] - 1;
    const last = row;
    while (
      row > episodeStarts[episode] &&
      sameRow(observations, observationSize, row - 1, row) &&
      sameRow(actions, actionSize, row - 1, row)
    ) {
      row--;
    }
    if (row < last) affected++;
    extra += last - row;
  }
  if (affected === 0) return [];
  const found = `${affected} of ${episodes} episodes end with a repeated row (${extra} repeats in all)`;
  return [warning("repeated-last-rows", `${found}. If they pad the episodes to one length, cut them off.`)];
}

function checkRewards({ trajectories: { rewards } }: Subject): Finding[] {
  if (!rewards) {
    return [
      note(
        "missing-rewards",
        "The recording has no rewards: learning needs none, but its return is unknown.",
      ),
    ];
  }
  if (rewards.length < 2 || rewards.some((reward) => reward !== rewards[0])) return [];
  const constant = brief(rewards[0]);
  if (rewards[0] === 0) {
    return [warning("constant-rewards", "Every reward is 0: its return says nothing. Were they recorded?")];
  }
  return [note("constant-rewards", `Every reward is ${constant}: its return only counts steps.`)];
}

function checkEnds(subject: Subject): Finding[] {
  const { trajectories, episodes } = subject;
  const { terminated, truncated, episodeStarts } = trajectories;
  const findings: Finding[] = [];
  const longest = Math.max(...lengthsOf(trajectories));
  const suspects = [...episodeStarts.subarray(1)].filter(
    (end, episode) => end - episodeStarts[episode] === longest && terminated[end - 1] && !truncated[end - 1],
  ).length;
  if (looksLikeTimeLimit(longest, suspects, episodes)) {
    const found = `${suspects === episodes ? `All ${episodes}` : `${suspects} of ${episodes}`} episodes are marked as terminated after exactly ${longest} steps`;
    const message = `${found}, as a time limit would cut them. If it did, mark them as truncated (timeouts), or values will not bootstrap there.`;
    findings.push(warning("timeouts-as-terminations", message));
  }
  const both = [...episodeStarts.subarray(1)].filter(
    (end) => terminated[end - 1] && truncated[end - 1],
  ).length;
  if (both > 0) {
    const message = `${both} of ${episodes} episodes end both terminated and truncated. If dones mean any end here, keep only timeouts where a time limit cut.`;
    findings.push(warning("ends-with-both-flags", message));
  }
  const { unmarked } = countEnds(subject);
  if (unmarked > 0) {
    findings.push(
      note("unmarked-ends", `${unmarked} of ${episodes} episodes end neither terminated nor truncated.`),
    );
  }
  return findings;
}

/**
 * Several episodes that end at the greatest length are suspect when it is round, many when it is not; a single episode
 * only at a round hundred. Short tasks end at one length for good reasons.
 */
function looksLikeTimeLimit(length: number, suspects: number, episodes: number): boolean {
  if (length < 50) return false;
  if (suspects >= 5) return true;
  if (episodes === 1) return suspects === 1 && length % 100 === 0;
  return suspects >= 2 && length % 50 === 0;
}

function checkSingleSteps({ trajectories, episodes }: Subject): Finding[] {
  const single = lengthsOf(trajectories).flatMap((length, episode) => (length === 1 ? [episode] : []));
  if (single.length === 0) return [];
  const found = `${single.length} of ${episodes} episodes have a single step (${named("episode", single)})`;
  return [warning("single-step-episodes", `${found}. Are the end flags shifted or doubled?`)];
}

function checkDuplicates({ trajectories, episodes }: Subject): Finding[] {
  const { episodeStarts, observations, observationSize, actions, actionSize } = trajectories;
  const words = (data: Float32Array, size: number, episode: number): Uint32Array =>
    new Uint32Array(
      data.buffer,
      data.byteOffset + 4 * size * episodeStarts[episode],
      size * (episodeStarts[episode + 1] - episodeStarts[episode]),
    );
  const seen = new Map<number, number[]>();
  const duplicates: string[] = [];
  for (let episode = 0; episode < episodes; episode++) {
    const [observed, acted] = [
      words(observations, observationSize, episode),
      words(actions, actionSize, episode),
    ];
    const hash = hashOf(observed, hashOf(acted, 0x811c9dc5));
    const candidates = seen.get(hash) ?? [];
    const original = candidates.find(
      (other) =>
        equalWords(words(observations, observationSize, other), observed) &&
        equalWords(words(actions, actionSize, other), acted),
    );
    if (original === undefined) seen.set(hash, [...candidates, episode]);
    else duplicates.push(`${episode} repeats ${original}`);
  }
  if (duplicates.length === 0) return [];
  const shown = duplicates.slice(0, 4).join(", ") + (duplicates.length > 4 ? ", ..." : "");
  const found = `${duplicates.length} of ${episodes} episodes are exact copies of another (${shown})`;
  return [warning("duplicate-episodes", `${found}. Counted twice, they weigh twice.`)];
}

/** Whether the next observation of one row is the observation of another. */
type Comparison = (row: number, other: number) => boolean;

/** Equality up to float32 rounding of the value and 1e-5 of the column's spread. */
function observationComparison({ trajectories, observations: summaries }: Subject): Comparison {
  const { observations, nextObservations, observationSize: size } = trajectories;
  const slack = Float64Array.from(summaries, ({ std }) => 1e-5 * std);
  return (row, other) => {
    for (let j = 0; j < size; j++) {
      const next = nextObservations[row * size + j];
      const observation = observations[other * size + j];
      const distance = Math.abs(next - observation);
      if (distance > slack[j] + 2 ** -22 * Math.abs(observation)) return false;
    }
    return true;
  };
}

function sameRow(data: Float32Array, size: number, row: number, other: number): boolean {
  for (let j = 0; j < size; j++) if (data[row * size + j] !== data[other * size + j]) return false;
  return true;
}

function hashOf(words: Uint32Array, basis: number): number {
  let hash = basis;
  for (let at = 0; at < words.length; at++) hash = Math.imul(hash ^ words[at], 0x01000193);
  return hash;
}

function equalWords(one: Uint32Array, other: Uint32Array): boolean {
  return one.length === other.length && one.every((word, at) => word === other[at]);
}

function countEnds({ trajectories }: Subject): Inspection["ends"] {
  const { terminated, truncated, episodeStarts } = trajectories;
  const ends = { terminated: 0, truncated: 0, unmarked: 0 };
  for (const end of episodeStarts.subarray(1)) {
    if (terminated[end - 1]) ends.terminated++;
    else if (truncated[end - 1]) ends.truncated++;
    else ends.unmarked++;
  }
  return ends;
}

function countActions({ actions, actionSize }: Trajectories): Inspection["actionCounts"] {
  if (actionSize !== 1) return null;
  const counts = new Map<number, number>();
  for (const action of actions) {
    if (!Number.isInteger(action) || action < 0) return null;
    counts.set(action, (counts.get(action) ?? 0) + 1);
    if (counts.size > MOST_CHOICES) return null;
  }
  return [...counts].sort(([a], [b]) => a - b).map(([action, count]) => ({ action, count }));
}

function lengthsOf({ episodeStarts }: Trajectories): number[] {
  return Array.from(episodeStarts.subarray(1), (end, episode) => end - episodeStarts[episode]);
}

function summariseColumns(data: Float32Array, columns: number): NumberSummary[] {
  const rows = data.length / columns;
  return Array.from({ length: columns }, (_, column) =>
    summarise(Float64Array.from({ length: rows }, (__, row) => data[row * columns + column])),
  );
}

function summarise(values: ArrayLike<number>): NumberSummary {
  let min = Infinity;
  let max = -Infinity;
  let sum = 0;
  for (let at = 0; at < values.length; at++) {
    min = Math.min(min, values[at]);
    max = Math.max(max, values[at]);
    sum += values[at];
  }
  const mean = sum / values.length;
  let squares = 0;
  for (let at = 0; at < values.length; at++) squares += (values[at] - mean) ** 2;
  return { min, mean, max, std: Math.sqrt(squares / values.length) };
}

function largestMagnitude(summaries: readonly NumberSummary[]): number {
  return Math.max(...summaries.map(({ min, max }) => Math.max(-min, max)));
}

function count(values: Float32Array, predicate: (value: number, at: number) => boolean): number {
  let total = 0;
  for (let at = 0; at < values.length; at++) if (predicate(values[at], at)) total++;
  return total;
}

/** A share in percent that is never rounded to nothing or to all. */
function share(part: number, whole: number): string {
  if (part === whole) return "100%";
  const percent = (100 * part) / whole;
  if (percent < 0.1) return `${part} of ${whole}`;
  return `${Math.min(percent, 99.9).toFixed(percent < 10 ? 1 : 0)}%`;
}

/** `column 3`, `columns 0, 2-5`, cut after some. */
function named(noun: string, indices: readonly number[]): string {
  const ranges: string[] = [];
  for (let at = 0; at < indices.length;) {
    let last = at;
    while (indices[last + 1] === indices[last] + 1) last++;
    ranges.push(last > at ? `${indices[at]}-${indices[last]}` : `${indices[at]}`);
    at = last + 1;
  }
  const shown = ranges.slice(0, 8).join(", ") + (ranges.length > 8 ? ", ..." : "");
  return `${noun}${indices.length > 1 ? "s" : ""} ${shown}`;
}

function brief(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function error(kind: FindingKind, message: string): Finding {
  return { kind, severity: "error", message };
}

function warning(kind: FindingKind, message: string): Finding {
  return { kind, severity: "warning", message };
}

function note(kind: FindingKind, message: string): Finding {
  return { kind, severity: "note", message };
}
