/** Ranges and ticks of axes, one way for every medium. */
import type { Axis } from "./figure.ts";
import { grouped } from "./numbers.ts";

/** A range this small against its ends is none. */
const FLAT = 1e-9;
/** Ends of a logarithmic axis, times a power of ten; finer where the values' ratio is below `NARROW`. */
const CHOICES = [1, 2, 5, 10];
const FINE_CHOICES = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9, 10];
const NARROW = 4;

/** An axis over all finite `values`, rounded outwards; a logarithmic one needs a positive value, else it is linear. */
export function axisOver(
  words: Pick<Axis, "label" | "unit"> & Partial<Pick<Axis, "scale" | "format" | "ticks">>,
  values: Iterable<number>,
  options: { readonly zero?: boolean; readonly nice?: boolean } = {},
): Axis {
  const { label, unit, format = "number", ticks } = words;
  const rest = { label, unit, format, ...(ticks ? { ticks } : {}) };
  let [low, high, lowPositive] = [Infinity, -Infinity, Infinity];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
    if (value > 0) lowPositive = Math.min(lowPositive, value);
  }
  if (words.scale === "log" && high > 0) {
    const choices = high / lowPositive < NARROW ? FINE_CHOICES : CHOICES;
    const domain = [tidy(0.95 * lowPositive, "down", choices), tidy(1.05 * high, "up", choices)] as const;
    return { ...rest, scale: "log", domain };
  }
  if (options.zero) [low, high] = [Math.min(low, 0), Math.max(high, 0)];
  if (low > high) [low, high] = [0, 1];
  const size = Math.max(Math.abs(low), Math.abs(high));
  if (high - low <= FLAT * size) {
    const room = size / 2 || 0.5;
    [low, high] = [low - room, high + room];
  }
  const domain = options.nice === false ? ([low, high] as const) : outwards(low, high);
  return { ...rest, scale: "linear", domain };
}

/** About `count` round numbers within the domain, or the axis's own ticks. */
export function ticksOf({ scale, domain, format, ticks }: Axis, count: number): number[] {
  const [low, high] = domain;
  if (ticks) return ticks.filter((tick) => tick >= low && tick <= high);
  if (scale === "log") return logTicks(low, high, count);
  return evenTicks(low, high, count, format === "count");
}

/** What lies between the ticks of a logarithmic axis: 2, 3 .. 9 times powers of ten, or the powers left out. */
export function minorTicksOf(
  { scale, domain: [low, high], ticks }: Axis,
  major: readonly number[],
): number[] {
  if (scale === "linear" || ticks || major.length < 2 || high / low < 10) return [];
  const skips = major.some((tick, i) => i > 0 && tick / major[i - 1] > 10.5);
  const first = Math.floor(Math.log10(low));
  const decades = Array.from({ length: Math.ceil(Math.log10(high)) - first + 1 }, (_, i) => first + i);
  const factors = skips ? [1] : [1, 2, 3, 4, 5, 6, 7, 8, 9];
  const all = decades.flatMap((decade) => factors.map((factor) => clean(factor * 10 ** decade)));
  return all.filter((tick) => tick >= low && tick <= high && !major.includes(tick));
}

/** A tick's words, with just the decimals that the distance between ticks needs. */
export function formatTick(axis: Axis, value: number, ticks: readonly number[]): string {
  const { format, scale } = axis;
  if (axis.ticks) return formatShort(value);
  if (scale === "log" && !evenly(ticks)) {
    const isWide = ticks.some((tick) => tick < 1e-3 || tick >= 1e4);
    return formatPower(value, isWide ? [0.1, 11] : [1e-3, 1e4]);
  }
  const step = ticks.length > 1 ? Math.abs(ticks[1] - ticks[0]) : Math.abs(value) || 1;
  if (format === "percent") return `${grouped(100 * value, decimalsOf(100 * step))}%`;
  const largest = Math.max(...ticks.map(Math.abs));
  if (format === "count" && largest >= 10_000) return shortened(value, step, largest);
  return largest >= 1e7 || (largest > 0 && largest < 1e-4)
    ? formatPower(value)
    : grouped(value, decimalsOf(step));
}

/** Where `value` lies between the domain's ends: 0 to 1. */
export function fractionOf({ scale, domain: [low, high] }: Axis, value: number): number {
  if (scale === "linear") return (value - low) / (high - low);
  return Math.log(value / low) / Math.log(high / low);
}

/** A number as it stands alone: whole ones in full up to a million, others to three significant digits. */
export function formatShort(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return grouped(value);
  return formatPower(Number(value.toPrecision(3)));
}

function shortened(value: number, step: number, largest: number): string {
  if (value === 0) return "0";
  const [unit, letter] = largest >= 1e6 ? [1e6, "M"] : [1000, "k"];
  return grouped(value / unit, decimalsOf(step / unit)) + letter;
}

/** 20 -> "20"; 30000 -> "3×10⁴"; powers for sizes outside of `plain`. */
function formatPower(value: number, plain: readonly [number, number] = [1e-3, 1e4]): string {
  const size = Math.abs(value);
  if (value === 0 || (size >= plain[0] && size < plain[1])) return String(clean(value));
  const exponent = Math.floor(Math.log10(size) + 1e-9);
  const factor = clean(value / 10 ** exponent);
  const power = `10${superscript(exponent)}`;
  return factor === 1 ? power : `${factor}×${power}`;
}

function superscript(exponent: number): string {
  return String(exponent).replace(/[-\d]/g, (digit) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(digit)]);
}

function evenTicks(low: number, high: number, count: number, whole: boolean): number[] {
  const step = roundStep(high - low, count, whole);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => clean((first + i) * step));
}

/** Whether neighbours keep one distance, and are near enough to be read in one format. */
function evenly(ticks: readonly number[]): boolean {
  if (ticks.length < 3 || ticks[0] < 1e-3 || ticks[ticks.length - 1] >= 10 * ticks[0]) return false;
  const step = ticks[1] - ticks[0];
  return ticks.every((tick, i) => i === 0 || Math.abs(tick - ticks[i - 1] - step) < 1e-6 * step);
}

/** Evenly spaced over much less than a decade, 1-2-5 or 1-3 over few decades, powers of ten over many. */
function logTicks(low: number, high: number, count: number): number[] {
  const first = Math.floor(Math.log10(low) + 1e-9);
  const last = Math.ceil(Math.log10(high) - 1e-9);
  const inside = (factors: readonly number[], every: number): number[] => {
    const ticks: number[] = [];
    for (let exponent = Math.ceil(first / every) * every; exponent <= last; exponent += every) {
      for (const factor of factors) ticks.push(clean(factor * 10 ** exponent));
    }
    return ticks.filter((tick) => tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9));
  };
  const fine = inside([1, 2, 5], 1);
  if (fine.length < 3 && high < 10 * low) return evenTicks(low, high, count, false);
  if (fine.length <= count + 2) return fine;
  const thirds = inside([1, 3], 1);
  if (thirds.length <= count + 2) return thirds;
  let every = 1;
  while (inside([1], every).length > count + 1) every++;
  let decades = inside([1], every);
  while (decades.length < 2 && every > 1) decades = inside([1], --every);
  return decades.length < 2 ? fine : decades;
}

/** The nearest of `factors` times a power of ten below or above. */
function tidy(value: number, direction: "down" | "up", factors: readonly number[]): number {
  const exponent = Math.floor(Math.log10(value) + 1e-9);
  const choices = factors.map((factor) => clean(factor * 10 ** exponent));
  const found =
    direction === "up"
      ? choices.find((choice) => choice >= value * (1 - 1e-9))
      : choices.findLast((choice) => choice <= value * (1 + 1e-9));
  return found ?? value;
}

function outwards(low: number, high: number): readonly [number, number] {
  const step = roundStep(high - low, 10, false);
  return [clean(Math.floor(low / step + 1e-9) * step), clean(Math.ceil(high / step - 1e-9) * step)];
}

/** 1, 2 or 5 times a power of ten, about range / count. */
function roundStep(range: number, count: number, whole: boolean): number {
  const rough = range / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const ratio = rough / power;
  const step = (ratio < 1.5 ? 1 : ratio < 3.5 ? 2 : ratio < 7.5 ? 5 : 10) * power;
  return whole ? Math.max(1, step) : step;
}

function decimalsOf(step: number): number {
  return Math.min(10, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
}

/** Without the dust of binary fractions. */
function clean(value: number): number {
  return Number(value.toPrecision(12));
}
