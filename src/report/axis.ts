/** Ranges and ticks of axes, one way for every medium. */
import type { Axis } from "./figure.ts";
import { grouped } from "./numbers.ts";

/** A range this small against its ends is none. */
const FLAT = 1e-9;

/** An axis over all finite `values`, rounded outwards; a logarithmic one needs a positive value, else it is linear. */
export function axisOver(
  words: Pick<Axis, "label" | "unit"> & Partial<Pick<Axis, "scale" | "format">>,
  values: Iterable<number>,
  options: { readonly zero?: boolean; readonly nice?: boolean } = {},
): Axis {
  const { label, unit, format = "number" } = words;
  let [low, high, lowPositive] = [Infinity, -Infinity, Infinity];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
    if (value > 0) lowPositive = Math.min(lowPositive, value);
  }
  if (words.scale === "log" && high > 0) {
    return {
      label,
      unit,
      format,
      scale: "log",
      domain: [tidy(0.95 * lowPositive, "down"), tidy(1.05 * high, "up")],
    };
  }
  if (options.zero) [low, high] = [Math.min(low, 0), Math.max(high, 0)];
  if (low > high) [low, high] = [0, 1];
  const size = Math.max(Math.abs(low), Math.abs(high));
  if (high - low <= FLAT * size) {
    const room = size / 2 || 0.5;
    [low, high] = [low - room, high + room];
  }
  const domain = options.nice === false ? ([low, high] as const) : outwards(low, high);
  return { label, unit, format, scale: "linear", domain };
}

/** About `count` round numbers within the domain. */
export function ticksOf({ scale, domain, format }: Axis, count: number): number[] {
  const [low, high] = domain;
  if (scale === "log") return logTicks(low, high, count);
  const step = roundStep(high - low, count, format === "count");
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => clean((first + i) * step));
}

/** A tick's words, with just the decimals that the distance between ticks needs. */
export function formatTick({ format, scale }: Axis, value: number, ticks: readonly number[]): string {
  if (scale === "log") return formatPower(value);
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

function shortened(value: number, step: number, largest: number): string {
  if (value === 0) return "0";
  const [unit, letter] = largest >= 1e6 ? [1e6, "M"] : [1000, "k"];
  return grouped(value / unit, decimalsOf(step / unit)) + letter;
}

/** 20 -> "20"; 30000 -> "3×10⁴" */
function formatPower(value: number): string {
  const size = Math.abs(value);
  if (value === 0 || (size >= 1e-3 && size < 1e4)) return String(clean(value));
  const exponent = Math.floor(Math.log10(size) + 1e-9);
  const factor = clean(value / 10 ** exponent);
  const power = `10${superscript(exponent)}`;
  return factor === 1 ? power : `${factor}×${power}`;
}

function superscript(exponent: number): string {
  return String(exponent).replace(/[-\d]/g, (digit) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(digit)]);
}

/** 1-2-5 over few decades, powers of ten over many. */
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
  if (fine.length <= count + 2) return fine;
  let every = Math.max(1, Math.ceil((last - first) / count));
  let decades = inside([1], every);
  while (decades.length < 2 && every > 1) decades = inside([1], --every);
  return decades.length < 2 ? fine : decades;
}

/** The nearest 1, 2 or 5 times a power of ten below or above. */
function tidy(value: number, direction: "down" | "up"): number {
  const exponent = Math.floor(Math.log10(value) + 1e-9);
  const choices = [1, 2, 5, 10].map((factor) => clean(factor * 10 ** exponent));
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
