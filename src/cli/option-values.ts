import { TandemError } from "../core/index.ts";

/** An option as it was given: its text (several where it may be repeated) and how an error calls it. */
export interface GivenOption {
  readonly texts: readonly string[];
  /** `--steps`, or `settings.json: steps`. */
  readonly from: string;
}

/** Options as they were given, by their long name without dashes. */
export type GivenOptions = ReadonlyMap<string, GivenOption>;

/** Turns an option's text into its value, or returns null where it cannot. */
export interface ValueReader<Value> {
  /** What is expected, to go on from "expected". */
  readonly expected: string;
  read(text: string): Value | null;
}

/** The value of an option, or undefined where it was not given; what cannot be read is refused. */
export function optionValue<Value>(
  given: GivenOptions,
  name: string,
  reader: ValueReader<Value>,
): Value | undefined {
  const option = given.get(name);
  if (!option) return undefined;
  const text = option.texts[0];
  const value = reader.read(text);
  if (value !== null) return value;
  throw new TandemError(option.from, `expected ${reader.expected}, got ${text === "" ? "nothing" : text}`);
}

/** Any text. */
export const anyText: ValueReader<string> = { expected: "some text", read: (text) => text || null };

/** What a switch says: it is on where it stands without a value. */
export const onOrOff: ValueReader<boolean> = {
  expected: "true or false",
  read: (text) => (text === "true" ? true : text === "false" ? false : null),
};

/** A whole number of at least `least`. */
export function wholeNumber(least: number): ValueReader<number> {
  return {
    expected: `a whole number of at least ${least}`,
    read: (text) => {
      const value = numberOf(text);
      return value !== null && Number.isSafeInteger(value) && value >= least ? value : null;
    },
  };
}

/** A finite number for which `accepts` holds. */
export function realNumber(
  expected: string,
  accepts: (value: number) => boolean = () => true,
): ValueReader<number> {
  return {
    expected,
    read: (text) => {
      const value = numberOf(text);
      return value !== null && accepts(value) ? value : null;
    },
  };
}

/** A number above 0. */
export const positiveNumber = realNumber("a number above 0", (value) => value > 0);

/** A number from 0. */
export const nonNegativeNumber = realNumber("a number of at least 0", (value) => value >= 0);

/** Either a certain word or what `reader` reads. */
export function wordOr<Word extends string, Value>(
  word: Word,
  reader: ValueReader<Value>,
): ValueReader<Word | Value> {
  return {
    expected: `${reader.expected}, or "${word}"`,
    read: (text) => (text === word ? word : reader.read(text)),
  };
}

/** One of some words. */
export function oneOf<Word extends string>(...words: readonly Word[]): ValueReader<Word> {
  return { expected: words.join(" or "), read: (text) => words.find((word) => word === text) ?? null };
}

/** Episodes of a file, as in 7,8. */
export const episodeNumbers: ValueReader<number[]> = {
  expected: "episodes counted from 0, such as 7,8",
  read: (text) => {
    const episodes = text.split(",").map((part) => wholeNumber(0).read(part.trim()));
    return episodes.every((episode) => episode !== null) ? episodes : null;
  },
};

/** Widths of layers, as in 256,256. */
export const layerWidths: ValueReader<number[]> = {
  expected: "the widths of layers, such as 256,256",
  read: (text) => {
    const widths = text.split(",").map((part) => wholeNumber(1).read(part.trim()));
    return widths.every((width) => width !== null) ? widths : null;
  },
};

/** A number in JavaScript's decimal notation; digits may be grouped as in 1_000_000. */
function numberOf(text: string): number | null {
  const digits = text.replaceAll(/(?<=\d)_(?=\d)/g, "");
  if (!/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(digits)) return null;
  const value = Number(digits);
  return Number.isFinite(value) ? value : null;
}
