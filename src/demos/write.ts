import { randomUUID } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { TandemError, type Trajectories } from "../core/index.ts";
import { formatDemonstrations } from "./format.ts";

/**
 * Writes `trajectories` to a `.npz` file in the layout `plain`, which {@link readDemonstrations} and numpy.load read
 * (without pickle). The file appears whole or not at all: it is written beside its place and then renamed into it.
 *
 * @param metadata anything JSON can hold, by convention with the environment's id as `env`
 */
export async function writeDemonstrations(
  path: string,
  trajectories: Trajectories,
  metadata: Readonly<Record<string, unknown>>,
): Promise<void> {
  if (!path.endsWith(".npz")) {
    throw new TandemError(
      "writeDemonstrations",
      `expected a path that ends in .npz, got ${path}; add the ending`,
    );
  }
  const bytes = formatDemonstrations(trajectories, metadata);
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}.tmp`);
  try {
    const file = await open(temporary, "wx");
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    const { code } = cause as NodeJS.ErrnoException;
    const problem = `${path}: cannot be written (${code ?? String(cause)}); check that its folder exists and may be written`;
    throw new TandemError("writeDemonstrations", problem, { cause });
  }
}
