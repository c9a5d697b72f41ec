import { TandemError } from "./errors.ts";

/** The format of a run folder, as its `config.json` says it: docs/runs.md. */
const RUN_FORMAT = "tandem-run/1";

/** Refuse a configuration that is of no format that this version reads. `where` names its file. */
export function requireRunFormat(config: unknown, where: string): void {
  const format = formatOf(config);
  if (format === RUN_FORMAT) return;
  const newer = Number(/^tandem-run\/(\d+)$/.exec(format ?? "")?.[1]) > 1;
  throw new TandemError(
    "run folder",
    newer
      ? `${where}: format: ${format} is newer than ${RUN_FORMAT}, which this version reads; update tandem-irl`
      : `${where}: format: expected ${RUN_FORMAT}, got ${format === null ? "none" : JSON.stringify(format)}; it is of no run: name a run's folder`,
  );
}

/** Whether a file's content says that it is the configuration of a run, of this format or another. */
export function saysRun(config: unknown): boolean {
  return formatOf(config)?.startsWith("tandem-run/") ?? false;
}

function formatOf(config: unknown): string | null {
  const isObject = typeof config === "object" && config !== null && "format" in config;
  return isObject && typeof config.format === "string" ? config.format : null;
}
