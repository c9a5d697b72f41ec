/** Lines that reports on demonstration files have in common: plain text of at most 80 characters, no colours. */
import type { Finding, FindingSeverity } from "./inspect-finding.ts";
import type { Inspection } from "./inspect.ts";
import { printable } from "./printable.ts";

/** Width of the names that rows begin with. */
export const NAME_WIDTH = 16;

const TEXT_WIDTH = 80;

/** What file it is, of which environment, in which format. */
export function headLines({
  source,
  env,
  format,
  layout,
}: Pick<Inspection, "source" | "env" | "format" | "layout">): string[] {
  const rows = [
    ["Demonstrations", source],
    ["Environment", env === null ? "not named in the file" : printable(env, 60)],
    format === null || format === layout ? ["Layout", layout] : ["Format", `${format}, layout ${layout}`],
  ];
  return rows.map(([name, value]) => name.padEnd(NAME_WIDTH) + value);
}

/** A named row as those of {@link headLines}, its further lines indented under the first. */
export function namedLines(name: string, text: string): string[] {
  return wrapped(text, name.padEnd(NAME_WIDTH));
}

const HEADINGS: Record<FindingSeverity, string> = {
  error: "Wrong",
  warning: "Doubtful",
  note: "Worth knowing",
};

/** The findings under a heading each for how bad they are, the worst first. */
export function findingsInWords(findings: readonly Finding[]): string[] {
  const lines: string[] = [];
  if (!findings.some(({ severity }) => severity !== "note")) lines.push("Nothing looks wrong.");
  for (const severity of ["error", "warning", "note"] as const) {
    const some = findings.filter((finding) => finding.severity === severity);
    if (some.length === 0) continue;
    if (lines.length > 0) lines.push("");
    lines.push(HEADINGS[severity], ...some.flatMap(({ message }) => wrapped(message, "  - ")));
  }
  return lines;
}

/** Text after `start`, its further lines indented under it. */
function wrapped(message: string, start: string): string[] {
  const lines: string[] = [];
  let line = start;
  let words = 0;
  for (const word of message.split(" ")) {
    if (words > 0 && line.length + 1 + word.length > TEXT_WIDTH) {
      lines.push(line);
      line = " ".repeat(start.length);
      words = 0;
    }
    line += words++ === 0 ? word : ` ${word}`;
  }
  return [...lines, line];
}
