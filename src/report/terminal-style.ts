import type { Tone } from "./figure.ts";

/** Styles text for a terminal, or leaves it plain. */
export interface Pen {
  tone(tone: Tone, text: string): string;
  strong(text: string): string;
  muted(text: string): string;
}

const CODES: Readonly<Record<Tone, number>> = {
  learned: 36,
  expert: 33,
  second: 32,
  neutral: 90,
  series1: 36,
  series2: 33,
  series3: 32,
  series4: 35,
  series5: 31,
  level1: 33,
  level2: 31,
  level3: 35,
  level4: 34,
  level5: 36,
};

/** The sixteen colours that every terminal's own theme sets. */
export function penOf(colour: boolean): Pen {
  const wrap = (code: number, text: string): string =>
    colour && text ? `\u001b[${code}m${text}\u001b[0m` : text;
  return {
    tone: (tone, text) => wrap(CODES[tone], text),
    strong: (text) => wrap(1, text),
    muted: (text) => wrap(90, text),
  };
}
