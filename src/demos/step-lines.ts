import { sliceEpisodes, TandemError, type Trajectories } from "../core/index.ts";
import { readAhead, type ByteSource } from "./byte-source.ts";
import type { DemonstrationFile, DemonstrationFormat } from "./demonstration-file.ts";
import { cumulated, emptyTrajectories, episodeReader } from "./episodes.ts";
import { environmentName } from "./metadata.ts";
import { textLines } from "./text-lines.ts";

/** One step of a recording that has one line a step. */
export interface Step {
  /** Which episode it belongs to: the same for all its steps, greater for those of the next. */
  readonly episode: number;
  /** Its place in the episode; null where the file does not count. */
  readonly t: number | null;
  readonly observation: readonly number[];
  readonly action: readonly number[];
  /** s_{t+1}; null where the following line's observation is it. */
  readonly nextObservation: readonly number[] | null;
  readonly reward: number | null;
  readonly terminated: boolean;
  readonly truncated: boolean;
}

/** A text file of steps, and how its lines are read. */
export interface StepLines {
  readonly bytes: ByteSource;
  readonly format: DemonstrationFormat;
  readonly layout: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Where the first step begins, bytes, and how many lines lie before it. */
  readonly begin: number;
  readonly linesBefore: number;
  /** The step in a line; what is wrong with it is thrown as an Error with the words for it. */
  parse(text: string): Step;
  /** What is to be said once all lines have been seen. */
  warnings(): string[];
  close(): Promise<void>;
}

/** The episodes a text file holds: where their lines begin and end, bytes, and how many steps are read of them. */
interface EpisodeIndex {
  begins: number[];
  ends: number[];
  lengths: number[];
  /** Last steps without a next observation, and episodes lost by dropping them. */
  dropped: number;
  lost: number;
  first: Step;
}

/** Opens a text file of steps: all its lines are checked once, where episodes lie is kept. */
export async function openStepLines(lines: StepLines): Promise<DemonstrationFile> {
  const { bytes, format, layout, metadata } = lines;
  const index = await indexEpisodes(lines);
  const { first, lengths } = index;
  const source = readAhead(bytes);
  const episodeStarts = cumulated(lengths);
  return {
    source: bytes.name,
    format,
    layout,
    env: environmentName(metadata),
    metadata,
    warnings: [...lines.warnings(), ...droppedSteps(index)],
    observationSize: first.observation.length,
    actionSize: first.action.length,
    hasRewards: first.reward !== null,
    episodeStarts,
    readEpisodes: episodeReader(bytes.name, lengths.length, async (from, to) => {
      const trajectories = emptyTrajectories(
        first.observation.length,
        first.action.length,
        first.reward !== null,
        episodeStarts.subarray(from, to + 1),
      );
      for (let episode = from; episode < to; episode++) {
        const part = sliceEpisodes(trajectories, episode - from, episode - from + 1);
        await readEpisode(lines, source, index.begins[episode], index.ends[episode], part);
      }
      return trajectories;
    }),
    close: () => lines.close(),
  };
}

async function indexEpisodes(lines: StepLines): Promise<EpisodeIndex> {
  const { bytes, begin, linesBefore } = lines;
  const index = { begins: [], ends: [], lengths: [], dropped: 0, lost: 0 };
  let first: Step | null = null;
  let before: Step | null = null;
  let open = { begin, steps: 0 };
  for await (const block of textLines(bytes, begin, bytes.length)) {
    for (const line of block) {
      const step = stepOf(lines, line.text, line.number + linesBefore);
      first ??= step;
      const problem = mismatch(step, first, before);
      if (problem) refuse(bytes.name, line.number + linesBefore, problem);
      if (before && step.episode !== before.episode) {
        closeEpisode(index, open, line.begin, before);
        open = { begin: line.begin, steps: 0 };
      }
      open.steps++;
      before = step;
    }
  }
  if (!first || !before) {
    throw new TandemError(
      "readDemonstrations",
      `${bytes.name}: expected at least one episode, found no steps; record some`,
    );
  }
  closeEpisode(index, open, bytes.length, before);
  if (index.lengths.length === 0) {
    throw new TandemError(
      "readDemonstrations",
      `${bytes.name}: every episode has a single step and no next observation; add them`,
    );
  }
  return { ...index, first };
}

function closeEpisode(
  index: Omit<EpisodeIndex, "first">,
  { begin, steps }: { begin: number; steps: number },
  end: number,
  last: Step,
): void {
  const drops = last.nextObservation === null;
  if (drops) index.dropped++;
  if (drops && steps === 1) {
    index.lost++;
    return;
  }
  index.begins.push(begin);
  index.ends.push(end);
  index.lengths.push(drops ? steps - 1 : steps);
}

function stepOf(lines: StepLines, text: string, number: number): Step {
  try {
    return lines.parse(text);
  } catch (cause) {
    return refuse(lines.bytes.name, number, (cause as Error).message);
  }
}

/** What does not go together with the first step or the one before; null where all does. */
function mismatch(step: Step, first: Step, before: Step | null): string | null {
  const sizes: [string, readonly number[] | null, number][] = [
    ["observation", step.observation, first.observation.length],
    ["action", step.action, first.action.length],
    ["next observation", step.nextObservation, first.observation.length],
  ];
  for (const [name, values, size] of sizes) {
    if (values && values.length !== size)
      return `expected ${size} numbers in its ${name} as in the first step, got ${values.length}; record the same spaces`;
  }
  if ((step.reward === null) !== (first.reward === null))
    return "expected a reward in every step or in none; record them all or leave them out";
  if (!before) return null;
  if (step.episode < before.episode)
    return `expected the steps of episode ${before.episode} or of one after it, got one of ${step.episode}; sort by episode`;
  const isNext = step.t === null || before.t === null || step.t === before.t + 1;
  if (step.episode === before.episode && !isNext && before.nextObservation === null)
    return `expected t ${before.t + 1} after ${before.t}, got ${step.t}; sort by t or add next observations`;
  return null;
}

function droppedSteps({ dropped, lost, lengths }: EpisodeIndex): string[] {
  if (dropped === 0) return [];
  const warnings = [
    `The last step of ${dropped} of the ${lengths.length + lost} episodes has no next observation: it was dropped, and the episode now ends cut (truncated) one step early.`,
  ];
  if (lost > 0) warnings.push(`${lost} episodes of a single step were lost by this.`);
  return warnings;
}

/** Reads the steps in the lines from byte `begin` to `end` into `target`. A step beyond its rows is one that is dropped. */
async function readEpisode(
  lines: StepLines,
  source: ByteSource,
  begin: number,
  end: number,
  target: Trajectories,
): Promise<void> {
  const { observationSize, actionSize, observations, actions, nextObservations, truncated } = target;
  const rows = truncated.length;
  let row = 0;
  let before: Step | null = null;
  for await (const block of textLines(source, begin, end)) {
    for (const { text, number } of block) {
      const step = stepOf(lines, text, number);
      if (before && !before.nextObservation)
        nextObservations.set(step.observation, (row - 1) * observationSize);
      before = step;
      if (row === rows) {
        truncated[rows - 1] = 1;
        return;
      }
      observations.set(step.observation, row * observationSize);
      actions.set(step.action, row * actionSize);
      if (step.nextObservation) nextObservations.set(step.nextObservation, row * observationSize);
      if (target.rewards) target.rewards[row] = step.reward!;
      target.terminated[row] = +step.terminated;
      truncated[row] = +step.truncated;
      row++;
    }
  }
}

function refuse(name: string, line: number, problem: string): never {
  throw new TandemError("readDemonstrations", `${name}: line ${line}: ${problem}`);
}
