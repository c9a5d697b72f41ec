/** Numbers in words: prose, tables and axis ticks. ASCII throughout; `typographic` makes it print. */

/** 1234567.8 -> "1,234,568" */
export function grouped(value: number, decimals = 0): string {
  const [whole, fraction] = value.toFixed(decimals).split(".");
  const withCommas = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  const text = fraction ? `${withCommas}.${fraction}` : withCommas;
  return Number(value.toFixed(decimals)) === 0 ? text.replace("-", "") : text;
}

/** Three significant digits or all of the whole ones; "n/a" where there is no number. */
export function formatValue(value: number): string {
  return Number.isFinite(value) ? grouped(value, decimalsOf(value)) : "n/a";
}

/** "8,912 ± 95"; without the spread where it is not a number. */
export function formatSpread(mean: number, spread: number): string {
  if (!Number.isFinite(mean)) return "n/a";
  if (!Number.isFinite(spread)) return formatValue(mean);
  const larger = Math.max(Math.abs(mean), spread);
  const decimals = Number.isInteger(mean) && Number.isInteger(spread) ? 0 : decimalsOf(larger + 1e-9);
  return `${grouped(mean, decimals)} ± ${grouped(spread, decimals)}`;
}

/** Steps: "500k", "1.25M", or every digit where shortening would lose some. */
export function formatSteps(steps: number): string {
  if (steps >= 1e6 && steps % 10_000 === 0) return `${Number((steps / 1e6).toFixed(2))}M`;
  if (steps >= 10_000 && steps % 1000 === 0) return `${grouped(steps / 1000)}k`;
  return grouped(steps);
}

/** Bytes: "812 B", "42 kB", "1.3 MB", "412 MB", "2.9 GB". */
export function formatBytes(bytes: number): string {
  const unit = ["B", "kB", "MB", "GB", "TB"];
  let [size, power] = [bytes, 0];
  for (; size >= 999.5 && power < unit.length - 1; power++) size /= 1000;
  return `${power > 1 && size < 9.95 ? size.toFixed(1) : size.toFixed(0)} ${unit[power]}`;
}

/** "95%" */
export function formatShare(share: number): string {
  return Number.isFinite(share) ? `${grouped(100 * share)}%` : "n/a";
}

/** "1 h 42 min", "3 min 5 s", "12.5 s" */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return "n/a";
  if (seconds < 60) return `${formatValue(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Two decimals, as for a correlation. */
export function formatCorrelation(value: number | null | undefined): string {
  return value === null || value === undefined || !Number.isFinite(value) ? "n/a" : grouped(value, 2);
}

/** "1 seed", "3 seeds" */
export function plural(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** "zero", "zero and constant", "a, b and c" */
export function enumerate(words: readonly string[]): string {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

/** Hyphens before numbers become minus signs, straight apostrophes curved ones. */
export function typographic(text: string): string {
  return text.replace(/(^|[\s([])-(?=\d)/g, "$1−").replace(/(?<=\w)'(?=\w|\s|$)/g, "’");
}

function decimalsOf(value: number): number {
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return 0;
  if (size >= 10) return 1;
  return size >= 0.1 || size === 0 ? 2 : Math.min(8, 1 - Math.floor(Math.log10(size)));
}

/** Mean of what is finite; NaN of nothing. */
export function mean(values: readonly number[]): number {
  const finite = values.filter(Number.isFinite);
  return finite.reduce((sum, value) => sum + value, 0) / finite.length;
}

/** Standard deviation (n - 1) of what is finite; NaN of fewer than two. */
export function deviation(values: readonly number[]): number {
  const finite = values.filter(Number.isFinite);
  const centre = mean(finite);
  const squares = finite.reduce((sum, value) => sum + (value - centre) ** 2, 0);
  return finite.length > 1 ? Math.sqrt(squares / (finite.length - 1)) : NaN;
}
