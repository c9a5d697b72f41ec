import type { Command } from "commander";
import { TandemError } from "../core/index.ts";
import type { DemonstrationFile } from "../demos/index.ts";
import { environmentIds, type Environment } from "../envs/index.ts";
import { recordedOptions } from "./expert-demonstrations.ts";
import { nearestName } from "./nearest.ts";
import { anyText, optionValue, type GivenOptions } from "./option-values.ts";
import { openEnvironment } from "./run-setup.ts";
import { environmentOptions } from "./settings.ts";

/** Adds the options that {@link environmentOf} reads. */
export function withEnvironmentOptions(command: Command): Command {
  return command
    .option("--env <id>", "environment of the demonstrations [what the file names]")
    .option("--env-option <name=value>", "option of the environment (repeatable)", repeated);
}

/** The environment of a demonstration file, or why there is none: a clause. */
export type EnvironmentOfFile =
  | { readonly environment: Environment; readonly obstacle?: undefined }
  | { readonly environment: null; readonly obstacle: string };

/**
 * The environment asked for, with the options of the command line over those of the file; else the one that the file
 * names, where it is known. What a file names wrongly is no reason to stop.
 */
export async function environmentOf(
  flags: GivenOptions,
  file: DemonstrationFile,
): Promise<EnvironmentOfFile> {
  const asked = optionValue(flags, "env", anyText);
  const given = environmentOptions(flags);
  const id = asked ?? file.env;
  const options = { ...(id === file.env && recordedOptions(file)), ...given };
  if (asked !== undefined) return { environment: await openEnvironment(asked, options) };
  if (id === null) return { environment: null, obstacle: "The file does not name its environment (--env)" };
  const known = environmentIds();
  if (!known.includes(id)) {
    const near = nearestName(id, known);
    const remedy = near ? ` (try --env ${near})` : "";
    return { environment: null, obstacle: `There is no environment ${id} here${remedy}` };
  }
  try {
    return { environment: await openEnvironment(id, options) };
  } catch (error) {
    if (!(error instanceof TandemError) || Object.keys(given).length > 0) throw error;
    return {
      environment: null,
      obstacle: `The environment that the file describes cannot be made (${error.message})`,
    };
  }
}

function repeated(text: string, earlier: string[] | undefined): string[] {
  return [...(earlier ?? []), text];
}
