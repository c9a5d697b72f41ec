/** What the simulator says of a recording: whether it goes where the recording goes, pays and ends as it does. */
import { makeEnvironment, type Environment } from "../envs/index.ts";
import { brief, error, share, warning, type Finding } from "./inspect-finding.ts";
import type { InitialState } from "./lint-initial-state.ts";
import { claimedMujoco, ERAS, marginsOf, otherThan, type Margins } from "./lint-margins.ts";
import type { PairingShift } from "./lint-pairing.ts";
import { replayFirstEpisode, type ReplayReport } from "./lint-replay.ts";
import { checkEnds, checkRewards, type Comparison } from "./lint-outcomes.ts";
import { episodeOf, rowsToTry, trySteps, type Sample, type StepTrial } from "./lint-steps.ts";

/** What came of simulating a recording. */
export interface SimulationReport {
  readonly env: string;
  /** Steps taken again from their recorded states, and those of them that lead elsewhere, under what fits best. */
  readonly steps: number;
  readonly departed: number;
  /** The rows from the observation's to that of its action, as far as simulation shows: 0 is right. */
  readonly shift: PairingShift;
  /** The rule of contact margins that was assumed and the one that fits, with departed steps under each; null where the task has no margins. */
  readonly margins: {
    readonly assumed: Margins;
    readonly fits: Margins;
    readonly departed: Readonly<Record<Margins, number>>;
  } | null;
  /** Rewards and ends that were compared, and those that differ; null where they could not be. */
  readonly rewards: Comparison | null;
  readonly ends: Comparison | null;
  readonly replay: ReplayReport | null;
}

/** What is known beside the sample. */
export interface SimulationContext {
  /** The recording's. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Null where no start is known. */
  readonly start: InitialState | null;
  /** Told how many steps were simulated of those that will be, as far as that is known. */
  readonly progress: (done: number, of: number) => void;
}

/** First steps that are taken again. */
const MOST_STEPS = 200;

/** Fewer steps than this say nothing. */
const FEWEST_STEPS = 10;

/** Share of steps that may depart without a word, for what perturbing within rounding misses. */
const SOUND = 0.02;

/** Distance, in spreads of its column, that no rounding explains in a single step. */
const FAR = 0.1;

/** Another explanation must leave this many times fewer departures. */
const CLEARLY_BETTER = 4;

/**
 * Simulates `sample`, whole episodes from the beginning of a recording, step by step, and its first episode in one go.
 * Null where its observations show too few states.
 */
export async function simulateRecording(
  environment: Environment,
  sample: Sample,
  { metadata, start, progress }: SimulationContext,
): Promise<{ report: SimulationReport; findings: Finding[] } | null> {
  const rows = rowsToTry(sample, MOST_STEPS);
  const margins = marginsOf(environment);
  const own: World = { environment, margins };
  let done = 0;
  const worlds = margins ? 2 : 1;
  const fitOf = (world: World, shift: PairingShift): Fit => ({
    world,
    shift,
    trials: trySteps(world.environment, sample, rows, shift, () => {
      done++;
      progress(done, rows.length * (done > worlds * rows.length ? 3 * worlds : worlds));
    }),
  });
  const asRecorded = fitOf(own, 0);
  if (asRecorded.trials.length < Math.min(FEWEST_STEPS, rows.length)) return null;
  const others = margins ? [await openWorld(environment, otherThan(margins))] : [];
  try {
    const sameRows = others.map((world) => fitOf(world, 0));
    const shifted = isSound(asRecorded)
      ? []
      : [own, ...others].flatMap((world) => [fitOf(world, 1), fitOf(world, -1)]);
    const best = bestOf([asRecorded, ...sameRows, ...shifted]);
    const { findings, rewards, ends } = judge(best, asRecorded, sample, metadata);
    const report: SimulationReport = {
      env: environment.id,
      steps: best.trials.length,
      departed: departures(best).length,
      shift: best.shift,
      margins: marginsReport(best, [asRecorded, ...sameRows]),
      rewards,
      ends,
      replay: start && replayFirstEpisode(best.world.environment, sample, start.state, start.from),
    };
    return { report, findings };
  } finally {
    for (const world of others) world.environment.close();
  }
}

/** A simulator and the rule of contact margins in it. */
interface World {
  readonly environment: Environment;
  readonly margins: Margins | null;
}

/** An explanation of the recording and the steps it was tried on. */
interface Fit {
  readonly world: World;
  readonly shift: PairingShift;
  readonly trials: readonly StepTrial[];
}

async function openWorld({ id, options }: Environment, margins: Margins): Promise<World> {
  return { environment: await makeEnvironment(id, { ...options, contactMargins: margins }), margins };
}

/** The first, unless another explains clearly more. */
function bestOf([asRecorded, ...others]: readonly Fit[]): Fit {
  if (isSound(asRecorded)) return asRecorded;
  return others
    .filter((fit) => CLEARLY_BETTER * departedShare(fit) < departedShare(asRecorded))
    .reduce((best, fit) => (departedShare(fit) < departedShare(best) ? fit : best), asRecorded);
}

function departures({ trials }: Fit): StepTrial[] {
  return trials.filter(({ departs }) => departs);
}

function departedShare(fit: Fit): number {
  return fit.trials.length === 0 ? 1 : departures(fit).length / fit.trials.length;
}

function isSound(fit: Fit): boolean {
  return departedShare(fit) <= SOUND;
}

function marginsReport(best: Fit, sameRows: readonly Fit[]): SimulationReport["margins"] {
  const [{ world }, other] = sameRows;
  if (world.margins === null || best.world.margins === null) return null;
  const departed = { larger: 0, summed: 0 };
  for (const fit of [sameRows[0], other]) {
    if (fit.world.margins) departed[fit.world.margins] = departures(fit).length;
  }
  return { assumed: world.margins, fits: best.world.margins, departed };
}

function judge(
  best: Fit,
  asRecorded: Fit,
  sample: Sample,
  metadata: Readonly<Record<string, unknown>>,
): { findings: Finding[]; rewards: Comparison | null; ends: Comparison | null } {
  const findings = [
    ...checkShift(best, asRecorded),
    ...checkMargins(best, asRecorded, metadata),
    ...checkDynamics(best, sample),
  ];
  // Under actions of other rows rewards and ends are others too.
  if (best.shift !== 0) return { findings, rewards: null, ends: null };
  const rewards = checkRewards(best.trials, sample);
  const ends = checkEnds(best.trials, sample, best.world.environment);
  return {
    findings: [...findings, ...rewards.findings, ...ends.findings],
    rewards: rewards.comparison,
    ends: ends.comparison,
  };
}

function checkShift(best: Fit, asRecorded: Fit): Finding[] {
  if (best.shift === 0) return [];
  const [place, remedy] =
    best.shift === 1
      ? ["one row late: the action of the following row", "Move the actions back by one row"]
      : ["one row early: the action of the row before", "Move the actions on by one row"];
  const agree = best.trials.length - departures(best).length;
  const agreeAsRecorded = asRecorded.trials.length - departures(asRecorded).length;
  const found = `${place} leads to the recorded next observation in ${share(agree, best.trials.length)} of ${best.trials.length} simulated steps, the row's own in ${share(agreeAsRecorded, asRecorded.trials.length)}`;
  return [error("shifted-actions", `Actions stand ${found}. ${remedy}.`)];
}

function checkMargins(best: Fit, asRecorded: Fit, metadata: Readonly<Record<string, unknown>>): Finding[] {
  const [fits, assumed] = [best.world.margins, asRecorded.world.margins];
  if (fits === null || assumed === null || fits === assumed) return [];
  const { id } = best.world.environment;
  const named = (metadata.envOptions as Record<string, unknown> | undefined)?.contactMargins === assumed;
  const source = named ? "which the file's envOptions name" : `which ${id} has here`;
  const counts = `of ${best.trials.length} simulated steps ${departures(best).length} depart under it, ${departures(asRecorded).length} under "${assumed}", ${ERAS[assumed]}, ${source}`;
  const claim = claimedMujoco(metadata);
  const said = claim
    ? ` The file names MuJoCo ${claim.version}, which ${claim.margins === fits ? "agrees" : "does not agree"}.`
    : "";
  const remedy = `To learn in the recording's world give --env-option contactMargins=${fits}.`;
  const message = `Recorded under the contact margins ${ERAS[fits]} ("${fits}"): ${counts}.${said} ${remedy}`;
  return [warning("other-contact-margins", message)];
}

function checkDynamics(best: Fit, sample: Sample): Finding[] {
  const departed = departures(best);
  const { trajectories } = sample;
  const { episodeStarts } = trajectories;
  const { id } = best.world.environment;
  const isLast = ({ row }: StepTrial): boolean => row + 1 === episodeStarts[episodeOf(trajectories, row) + 1];
  // Of few episodes the last steps are too few to be seen among all: they are judged by themselves.
  const ends = best.trials.filter(isLast).length;
  const farEnds = departed.filter((trial) => isLast(trial) && !(trial.error < FAR)).length;
  if (departed.length > 0 && departed.every(isLast) && (farEnds > ends / 2 || !isSound(best))) {
    const message = `In ${departed.length} of ${ends} episodes the last next observation is not where ${id} goes from the step before: the true final observation is missing.`;
    return [error("wrong-final-observations", message)];
  }
  if (isSound(best)) return [];
  const worst = departed.reduce((one, other) => (other.error > one.error ? other : one));
  const episode = episodeOf(trajectories, worst.row);
  const where = `episode ${episode}, step ${worst.row - episodeStarts[episode]}, column ${worst.column}`;
  const far = Number.isFinite(worst.error)
    ? `${brief(worst.error)} spreads of the column`
    : "beyond all bounds";
  const found = `From ${share(departed.length, best.trials.length)} of ${best.trials.length} recorded states ${id} goes elsewhere than the recording, at worst by ${far} (${where})`;
  const many = departed.length > best.trials.length / 2;
  const why = many
    ? "Another version or other options of the task, or observations that were normalised?"
    : "Those rows were damaged, or the task has other options.";
  return [(many ? error : warning)("other-dynamics", `${found}. ${why}`)];
}
