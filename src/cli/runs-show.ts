import { Command } from "commander";
import { findingSentence, TandemError, type FindingRecord } from "../core/index.ts";
import { listRun, type ListedRun } from "../bench/index.ts";
import { readRun, verdict } from "../report/index.ts";
import { latestFindings } from "../report/notes.ts";
import { formatBytes, formatSteps } from "../report/numbers.ts";
import { wrap } from "../report/terminal-text.ts";
import { readCheckpointHead, readConfig, rewardOptionsOf, type RunConfig } from "../runs/index.ts";
import { commandText } from "./invocation.ts";
import { optionsOnCommandLine } from "./options.ts";
import { unusualSettings, type UnusualSetting } from "./run-defaults.ts";
import { terminalOf } from "./terminal.ts";

const EXAMPLES = `
Examples:
    $ tandem runs show runs/HalfCheetah-v5-0-1
    $ tandem runs show runs/HalfCheetah-v5-0-1 --json`;

/** What there is to say of a run. */
interface RunReport extends ListedRun {
  readonly version: string;
  /** What it came to, in a sentence. */
  readonly verdict: string;
  /** Training step of its checkpoint; null where there is none. */
  readonly checkpointStep: number | null;
  /** Settings that are not the usual ones of method and task; null where they are another run's. */
  readonly settings: readonly UnusualSetting[] | null;
  readonly findings: readonly FindingRecord[];
  /** Commands that go on from here, by what they do. */
  readonly next: Readonly<Record<string, string>>;
}

/** `tandem runs show`. */
export function showCommand(): Command {
  const command = new Command("show")
    .summary("look into one run")
    .description(
      "Say what is unusual about a run's settings, where it stands, what was found, what it takes on the disk, and how to go on.",
    )
    .argument("<run>", "run folder")
    .option("--json", "print one line of JSON")
    .addHelpText("after", EXAMPLES);
  return command.action(async (folder: string) => {
    const config = readConfig(folder);
    const listed = listRun(folder);
    if (listed.problem !== null) throw new TandemError("runs show", listed.problem);
    const report = await reportOn(listed, config);
    const isJson = optionsOnCommandLine(command).has("json");
    process.stdout.write(isJson ? `${JSON.stringify(report)}\n` : showText(report, config));
  });
}

async function reportOn(listed: ListedRun, config: RunConfig): Promise<RunReport> {
  const { folder, sizes } = listed;
  const checkpointStep = readCheckpointHead(folder)?.step ?? null;
  const run = sizes.metrics > 0 ? readRun(folder) : null;
  return {
    ...listed,
    version: config.version,
    verdict: run ? verdict([run]) : "Nothing is recorded yet",
    checkpointStep,
    settings: await unusualSettings(config),
    findings: run ? latestFindings(run.findings) : [],
    next: nextCommands(listed, config, checkpointStep !== null),
  };
}

function nextCommands(
  { folder, state, sizes }: ListedRun,
  config: RunConfig,
  hasCheckpoint: boolean,
): Record<string, string> {
  const next: Record<string, string> = {};
  const canGoOn = sizes.replay > 0 || !hasCheckpoint;
  if (state === "stopped" && canGoOn) next["go on"] = commandText(config.command, "--resume", folder);
  if (state === "complete" && canGoOn)
    next.longer = commandText(config.command, "--resume", folder, "--steps", String(2 * config.steps));
  if (hasCheckpoint) next.evaluate = commandText("eval", folder);
  const learnsReward = config.command === "train" && rewardOptionsOf(config.algorithm) !== null;
  if (hasCheckpoint && learnsReward) next.reward = commandText("reward", folder);
  if (sizes.metrics > 0) next.report = commandText("report", folder);
  return next;
}

/** Names and values in two columns. */
function entries(rows: readonly (readonly [string, string])[]): string[] {
  const left = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `  ${name.padEnd(left)}  ${value}`);
}

function showText(report: RunReport, config: RunConfig): string {
  const { width, pen } = terminalOf(100);
  const { folder, settings, findings, sizes, next, version } = report;
  const what = [`tandem ${config.command}`, report.method, report.control].filter((word) => word !== null);
  const section = (title: string, lines: readonly string[]): string[] => [pen.strong(title), ...lines];
  const parts = [
    ["checkpoint", sizes.checkpoint],
    ["transitions", sizes.replay],
    ["metrics", sizes.metrics],
    ["rest", sizes.rest],
  ] as const;
  const sections = [
    [
      ...wrap(
        `${folder}: ${what.join(", ")}, ${config.env.id}, seed ${config.seed}, Tandem ${version}`,
        width,
      ),
      ...wrap(standing(report), width),
      ...wrap(`${report.verdict}.`, width).map((line) => pen.strong(line)),
    ],
    section("Settings that are not the usual ones", settingLines(settings, config)),
    findings.length > 0
      ? section(
          "Signs of failure",
          findings.flatMap((finding) => wrap(`${findingSentence(finding)}.`, width)),
        )
      : [],
    section(
      "On the disk",
      entries(parts.map(([name, bytes]) => [name, formatBytes(bytes).padStart(8)] as const)),
    ),
    section("Next", entries(Object.entries(next))),
  ];
  return `${sections
    .filter(({ length }) => length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

/** `Stopped at 300 of 2,000 steps; its checkpoint is of step 300.` */
function standing({ state, step, steps, checkpointStep, sizes }: RunReport): string {
  const words = {
    training: "In training",
    stopped: "Stopped",
    complete: "Complete",
    diverged: "Diverged",
    damaged: "Damaged",
  };
  const reached = `${formatSteps(step ?? 0)} of ${formatSteps(steps ?? 0)} steps`;
  const ended = state === "diverged" ? "; a measurement was not finite, which ended it: begin anew" : "";
  return `${words[state]}: ${reached}, ${savedText(checkpointStep, step, sizes.replay > 0)}${ended}.`;
}

function savedText(checkpointStep: number | null, step: number | null, canGoOn: boolean): string {
  if (checkpointStep === null) return "nothing is saved yet";
  const at = checkpointStep === step ? "" : ` at ${formatSteps(checkpointStep)}`;
  if (!canGoOn) return `saved${at}; its transitions are gone, so that it cannot go on`;
  return `saved${at}${at === "" ? "" : ", from where it goes on"}`;
}

function settingLines(settings: RunReport["settings"], config: RunConfig): string[] {
  if (settings === null) {
    const run = config.command === "retrain" ? config.frozen.run : "";
    return [`  They are those of the run whose reward it has: ${run}`];
  }
  if (settings.length === 0) return ["  none"];
  return entries(
    settings.map(
      ({ setting, value, usual }) => [setting, `${value || "none"} [${usual || "none"}]`] as const,
    ),
  );
}
