import type { Tone } from "./figure.ts";

/** Colours of a drawing, as CSS colours. */
export interface Theme {
  readonly background: string;
  readonly ink: string;
  readonly muted: string;
  readonly grid: string;
  readonly tones: Readonly<Record<Tone, string>>;
}

/**
 * Blue for what was learned, orange for the expert, green for a second quantity, grey for the rest: blue and orange
 * stay apart under every common colour vision deficiency, and no figure tells blue from green by colour alone.
 *
 * Series and levels are at least 0.06 apart in Oklab for each dichromacy as simulated by Machado et al. (2009); levels
 * also order by lightness.
 */
export const LIGHT: Theme = {
  background: "#ffffff",
  ink: "#1d2329",
  muted: "#66707a",
  grid: "#e8eaed",
  tones: {
    learned: "#2a6ab0",
    expert: "#c8621b",
    second: "#1b8f76",
    neutral: "#8a939c",
    series1: "#4c61cd",
    series2: "#d37f00",
    series3: "#00b2b6",
    series4: "#a42d62",
    series5: "#5b1600",
    level1: "#df9b44",
    level2: "#c66846",
    level3: "#9e3d52",
    level4: "#662162",
    level5: "#1e1060",
  },
};

/** The same on a dark page. */
export const DARK: Theme = {
  background: "#14171b",
  ink: "#e6e8ea",
  muted: "#98a2ac",
  grid: "#2a3036",
  tones: {
    learned: "#74ade6",
    expert: "#f0a25f",
    second: "#5cc5a8",
    neutral: "#7d8790",
    series1: "#849dfe",
    series2: "#d27400",
    series3: "#00f7ee",
    series4: "#715b87",
    series5: "#ffcc34",
    level1: "#4c579b",
    level2: "#9865a4",
    level3: "#d37d98",
    level4: "#faa28c",
    level5: "#ffd687",
  },
};

/** Colours by reference: a page defines them with `cssVariables` and may redefine them for a dark scheme. */
export const BY_VARIABLE: Theme = {
  background: "var(--background)",
  ink: "var(--ink)",
  muted: "var(--muted)",
  grid: "var(--grid)",
  tones: Object.fromEntries(
    Object.keys(LIGHT.tones).map((tone) => [tone, `var(--${tone})`]),
  ) as Theme["tones"],
};

/** A theme as declarations of the variables that `BY_VARIABLE` names. */
export function cssVariables({ tones, ...rest }: Theme): string {
  return Object.entries({ ...rest, ...tones })
    .map(([name, colour]) => `--${name}: ${colour};`)
    .join(" ");
}
