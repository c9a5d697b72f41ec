import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, dirname, join } from "node:path";
import { Command, Option } from "commander";
import { configurationsOf, diskBound, parseSweep, secondsLeft, suiteOf, type Suite } from "../bench/index.ts";
import { TandemError } from "../core/index.ts";
import { grouped, plural } from "../report/numbers.ts";
import { parseJson } from "../runs/index.ts";
import { diskWords } from "./bench-disk.ts";
import { hasEnded, knownOf, readRecords } from "./bench-known.ts";
import { planBench, type FoundSuite } from "./bench-plan.ts";
import { benchCommand, paceOf, runSuite, waitingOf, wantedOf } from "./bench.ts";
import { anyText, optionValue, wholeNumber, type GivenOptions } from "./option-values.ts";
import { optionsInFile, optionsOnCommandLine, TRAIN_OPTIONS } from "./options.ts";
import { duration } from "./progress.ts";
import { terminalOf } from "./terminal.ts";

const EXAMPLES = `
Examples:
  The points of a sweep, what they take in steps, disk and time; nothing runs:
    $ tandem sweep sweep.json --points
  Train them, two at a time (docs/sweep.md says what stands in the file):
    $ tandem sweep sweep.json --parallel 2
  Only one point, and only seed 1 of episode 0:
    $ tandem sweep sweep.json --only lr-1e-3_gp-10
    $ tandem sweep sweep.json --only 0-1
  The report on what there is so far, while cells are in training or after:
    $ tandem sweep sweep.json --report
  A sweep of a minute, on the demonstrations of a clone of Tandem:
    $ tandem sweep examples/sweep.json

Ctrl-C lets the cells that run save themselves; the same command goes on.`;

/** `tandem sweep`. `entry` is the module the process started with. */
export function sweepCommand(entry: URL): Command {
  const command = new Command("sweep")
    .summary("try a grid or random values of training's options")
    .description(
      "Train at every point of a grid, or at random ones, of any options of tandem train, with several seeds each, and report which " +
        "point comes furthest, which one held-out demonstrations would choose, and what each option does. " +
        "Points run as the methods of a bench do: complete cells are left alone, stopped ones go on.",
    )
    .argument("<file>", "a JSON file that says what is swept")
    .addOption(new Option("--points", "say which points there are and what they take, run nothing"));
  for (const option of benchCommand(entry).options) command.addOption(option);
  command.addHelpText("after", EXAMPLES);
  return command.action(async (word: string) => {
    const found = findSweep(word);
    const flags = optionsOnCommandLine(command);
    process.exitCode = flags.has("points")
      ? await showPoints(flags, found)
      : await runSuite(command, entry, word, found);
  });
}

function findSweep(path: string): FoundSuite {
  if (!existsSync(path)) throw new TandemError("sweep", `there is no file ${path}; check the path`);
  const where = basename(path);
  return {
    suite: suiteOf(where, parseSweep(where, parseJson(path), longName)),
    place: dirname(path),
    where,
  };
}

/** An option's name as on the command line. */
function longName(where: string, name: string): string {
  const [long] = optionsInFile(where, { [name]: "" }, TRAIN_OPTIONS).keys();
  return long;
}

/** Say what a sweep would be, once all of it has been checked. */
async function showPoints(flags: GivenOptions, found: FoundSuite): Promise<number> {
  const { suite } = found;
  const folder = optionValue(flags, "out", anyText) ?? join("runs", suite.name);
  const parallel = optionValue(flags, "parallel", wholeNumber(1)) ?? availableParallelism();
  const keepReplay = flags.has("keep-replay");
  const only = flags.get("only")?.texts ?? [];
  const { cells } = await planBench(found);
  const records = readRecords(suite, cells, folder, flags.get("from")?.texts ?? []);
  const known = cells.map((planned) => knownOf(planned, folder, records));
  const wanted = wantedOf(known, only);
  const names = new Set(wanted.map(({ planned }) => planned.cell.method.name));
  const waiting = waitingOf(wanted);
  const steps = wanted.reduce((sum, { planned }) => sum + planned.cell.steps, 0);
  const left = wanted
    .filter((each) => !hasEnded(each))
    .map(({ outcome }) => ({ ...outcome, steps: outcome.steps - outcome.step }));
  const seconds = secondsLeft(
    left,
    known.flatMap(({ outcome }) => paceOf(outcome)),
    parallel,
  );
  if (flags.has("json")) {
    const points = suite.methods
      .filter(({ name }) => names.has(name))
      .map(({ name, options }) => ({ name, options }));
    const { replays, rest } = diskBound(waiting, parallel, keepReplay);
    const counts = { cells: wanted.length, waiting: waiting.length, steps, diskBytes: replays + rest };
    const line = { sweep: suite.name, out: folder, points, ...counts, seconds };
    process.stdout.write(`${JSON.stringify(line)}\n`);
    return 0;
  }
  const words = [
    only.length === 0
      ? countWords(suite, cells.length, steps)
      : partWords(suite, wanted.length, cells.length, steps),
    ...(await pointLines(suite, names)),
    diskWords(waiting, parallel, keepReplay),
    timeWords(waiting.length, seconds, parallel),
  ];
  process.stdout.write(`${words.join("\n")}\n`);
  return 0;
}

/** `dac-rates: 4 points x 2 demonstration sets x 3 seeds = 24 cells, 2,400,000 steps in all` */
function countWords({ name, methods, tasks, seeds }: Suite, cells: number, steps: number): string {
  const parts = [
    plural(methods.length, "point"),
    plural(tasks[0].trajectories.length, "demonstration set"),
    plural(seeds.length, "seed"),
  ];
  return `${name}: ${parts.join(" x ")} = ${plural(cells, "cell")}, ${grouped(steps)} steps in all`;
}

/** `dac-rates: 6 of 24 cells, 600,000 steps in all` */
function partWords({ name }: Suite, wanted: number, cells: number, steps: number): string {
  return `${name}: ${grouped(wanted)} of ${plural(cells, "cell")}, ${grouped(steps)} steps in all`;
}

/** What each point of these names is, whole: a terminal may wrap it. */
async function pointLines({ tasks, methods }: Suite, names: ReadonlySet<string>): Promise<string[]> {
  const { tableText } = await import("../report/terminal-text.ts");
  const points = configurationsOf(tasks[0], methods, []);
  const options = Object.keys(points[0].values);
  const table = {
    columns: ["point", ...options],
    rows: points
      .filter(({ name }) => names.has(name))
      .map(({ name, values }) => [name, ...options.map((option) => values[option])]),
  };
  return tableText(table, Infinity, terminalOf(80).pen);
}

function timeWords(waiting: number, seconds: number, parallel: number): string {
  if (waiting === 0) return "All cells have ended.";
  if (!Number.isFinite(seconds)) return "How long it takes is known once a cell is complete.";
  return `About ${duration(seconds)} left, ${plural(parallel, "cell")} at a time.`;
}
