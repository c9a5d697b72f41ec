import { Command, CommanderError } from "commander";
import { TandemError } from "../core/index.ts";
import { benchCommand } from "./bench.ts";
import { demosCommand } from "./demos.ts";
import { evalCommand } from "./eval.ts";
import { expertCommand } from "./expert.ts";
import { labCommand } from "./lab.ts";
import { reportCommand } from "./report.ts";
import { reproCommand } from "./repro.ts";
import { retrainCommand } from "./retrain.ts";
import { rewardCommand } from "./reward.ts";
import { runsCommand } from "./runs.ts";
import { sweepCommand } from "./sweep.ts";
import { trainCommand } from "./train.ts";
import { VERSION } from "./version.ts";

const ABOUT = `Tandem learns, from expert demonstrations, a reward that explains them and a policy that earns it.`;

const EXAMPLES = `
Examples:
  Learn from one recorded episode, and look at the report:
    $ tandem train --demos expert.npz --steps 300000
  Make demonstrations of your own:
    $ tandem expert --env HalfCheetah-v5 --steps 1000000 --record expert.npz
  See what a demonstration file holds:
    $ tandem demos inspect expert.npz

Options of a command: tandem <command> --help`;

/** Runs a command line and returns its exit code. `entry` is the module the process started with. */
export async function runCommandLine(args: readonly string[], entry: URL): Promise<number> {
  process.stdout.on("error", leaveOnClosedPipe);
  process.stderr.on("error", leaveOnClosedPipe);
  const program = tandem(entry);
  if (args.length === 0) {
    program.outputHelp();
    return 0;
  }
  process.exitCode = 0;
  try {
    await program.parseAsync(args, { from: "user" });
    return process.exitCode;
  } catch (error) {
    return explain(error);
  }
}

function tandem(entry: URL): Command {
  const program = new Command("tandem").description(ABOUT).version(VERSION, "--version", "print the version");
  program.usage("<command> [options]").addHelpText("after", EXAMPLES);
  const demos = demosCommand();
  const runs = runsCommand();
  const commands = [
    trainCommand(entry),
    expertCommand(entry),
    evalCommand(),
    rewardCommand(),
    retrainCommand(entry),
    reportCommand(),
    runs,
    benchCommand(entry),
    sweepCommand(entry),
    reproCommand(entry),
    labCommand(entry),
    demos,
  ];
  for (const command of commands) program.addCommand(command);
  for (const command of [program, ...commands, ...demos.commands, ...runs.commands]) {
    command.exitOverride().configureOutput({ outputError: () => {}, getOutHelpWidth: helpWidth });
    command.helpOption("-h, --help", "print this").helpCommand(false);
    command.configureHelp({ subcommandTerm: (subcommand) => subcommand.name() });
  }
  return program;
}

function helpWidth(): number {
  return Math.min(process.stdout.columns || 80, 100);
}

/** Says on stderr what went wrong, and returns the exit code: 1 for what a user can mend, 2 for a bug. */
function explain(error: unknown): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0 || error.code === "commander.help") return error.exitCode;
    const sentence = error.message.replace(/^error: /, "").replaceAll(/\s+/g, " ");
    process.stderr.write(`tandem: ${sentence}\n`);
    return 1;
  }
  if (error instanceof TandemError) {
    process.stderr.write(`tandem: ${error.message.replaceAll(/\s*\n\s*/g, " ")}\n`);
    return 1;
  }
  const { stack } = error as Error;
  process.stderr.write(
    `${stack ?? String(error)}\ntandem: this is a bug; please report it with the lines above\n`,
  );
  return 2;
}

/** A reader that has seen enough, as in `tandem report | head`, is no error. */
function leaveOnClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE") process.exit();
  throw error;
}
