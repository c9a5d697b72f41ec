import { join } from "node:path";
import { Command } from "commander";
import { TandemError } from "../core/index.ts";
import { writeAtomically } from "../runs/index.ts";
import { anyText, optionValue } from "./option-values.ts";
import { optionsOnCommandLine } from "./options.ts";
import { terminalOf } from "./terminal.ts";

const EXAMPLES = `
Examples:
    $ tandem report runs/HalfCheetah-v5-0-1
  Several seeds, with a negative control beside them:
    $ tandem report runs/HalfCheetah-v5-* runs/zero-reward --out report.html`;

/** `tandem report`. */
export function reportCommand(): Command {
  const command = new Command("report")
    .summary("show one run, or several side by side")
    .description(
      "Show one run, or several side by side: in the terminal, and as one HTML file with everything in it. " +
        "Runs with a zero, constant or penalty teacher, or with a shuffled or constant expert, stand beside the others as negative controls.",
    )
    .argument("<run...>", "run folders")
    .option("--out <file>", "where to write the HTML [report.html in the first folder]")
    .addHelpText("after", EXAMPLES);
  return command.action(async (folders: string[]) => {
    const out = optionValue(optionsOnCommandLine(command), "out", anyText);
    if (out && !/\.html?$/.test(out)) {
      throw new TandemError("--out", `expected a name that ends in .html, got ${out}`);
    }
    await showReport(folders, { print: true, out });
  });
}

/** Writes the report of some runs and, if so asked, prints its short form and where the file is. */
export async function showReport(
  folders: readonly string[],
  { print, out = join(folders[0], "report.html") }: { print: boolean; out?: string },
): Promise<void> {
  const { readRun, renderReport, renderTerminalReport } = await import("../report/index.ts");
  const runs = folders.map(readRun);
  writeAtomically(out, renderReport(runs));
  if (!print) return;
  const { width, colour } = terminalOf(100);
  process.stdout.write(`${renderTerminalReport(runs, { width, colour }).trimEnd()}\n\nReport: ${out}\n`);
}
