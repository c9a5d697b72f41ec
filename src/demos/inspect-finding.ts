/** How much a finding matters: an `error` breaks learning, a `warning` may, a `note` is good to know. */
export type FindingSeverity = "error" | "warning" | "note";

/** What can be found in a demonstration set: the last group by `tandem demos lint` alone. */
export type FindingKind =
  | "reading"
  | "not-finite"
  | "action-size"
  | "observation-size"
  | "actions-out-of-bounds"
  | "actions-at-bounds"
  | "constant-actions"
  | "constant-observations"
  | "uneven-scales"
  | "shifted-next-observations"
  | "broken-next-observations"
  | "wrong-final-observations"
  | "repeated-last-rows"
  | "missing-rewards"
  | "constant-rewards"
  | "timeouts-as-terminations"
  | "ends-with-both-flags"
  | "unmarked-ends"
  | "longer-than-limit"
  | "single-step-episodes"
  | "duplicate-episodes"
  | "shifted-actions"
  | "other-contact-margins"
  | "other-dynamics"
  | "wrong-rewards"
  | "wrong-terminations"
  | "not-simulated";

/** One thing found, in one or two sentences. Episodes, steps and columns count from 0. */
export interface Finding {
  readonly kind: FindingKind;
  readonly severity: FindingSeverity;
  readonly message: string;
}

const SEVERITIES: readonly FindingSeverity[] = ["error", "warning", "note"];

/** The findings, worst first. */
export function worstFirst(findings: readonly Finding[]): Finding[] {
  return SEVERITIES.flatMap((severity) => findings.filter((finding) => finding.severity === severity));
}

/** A finding that breaks learning. */
export function error(kind: FindingKind, message: string): Finding {
  return { kind, severity: "error", message };
}

/** A finding that may break learning. */
export function warning(kind: FindingKind, message: string): Finding {
  return { kind, severity: "warning", message };
}

/** A finding that is good to know. */
export function note(kind: FindingKind, message: string): Finding {
  return { kind, severity: "note", message };
}

/** A share in percent that is never rounded to nothing or to all. */
export function share(part: number, whole: number): string {
  if (part === whole) return "100%";
  const percent = (100 * part) / whole;
  if (percent < 0.1) return `${part} of ${whole}`;
  return `${Math.min(percent, 99.9).toFixed(percent < 10 ? 1 : 0)}%`;
}

/** `column 3`, `columns 0, 2-5`, cut after some. */
export function named(noun: string, indices: readonly number[]): string {
  const ranges: string[] = [];
  for (let at = 0; at < indices.length;) {
    let last = at;
    while (indices[last + 1] === indices[last] + 1) last++;
    ranges.push(last > at ? `${indices[at]}-${indices[last]}` : `${indices[at]}`);
    at = last + 1;
  }
  const shown = ranges.slice(0, 8).join(", ") + (ranges.length > 8 ? ", ..." : "");
  return `${noun}${indices.length > 1 ? "s" : ""} ${shown}`;
}

/** Three significant digits. */
export function brief(value: number): string {
  return String(Number(value.toPrecision(3)));
}
