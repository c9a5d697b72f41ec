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
 */
export const LIGHT: Theme = {
  background: "#ffffff",
  ink: "#1d2329",
  muted: "#66707a",
  grid: "#e8eaed",
  tones: { learned: "#2a6ab0", expert: "#c8621b", second: "#1b8f76", neutral: "#8a939c" },
};

/** The same on a dark page. */
export const DARK: Theme = {
  background: "#14171b",
  ink: "#e6e8ea",
  muted: "#98a2ac",
  grid: "#2a3036",
  tones: { learned: "#74ade6", expert: "#f0a25f", second: "#5cc5a8", neutral: "#7d8790" },
};

/** Colours by reference: a page defines them with `cssVariables` and may redefine them for a dark scheme. */
export const BY_VARIABLE: Theme = {
  background: "var(--background)",
  ink: "var(--ink)",
  muted: "var(--muted)",
  grid: "var(--grid)",
  tones: {
    learned: "var(--learned)",
    expert: "var(--expert)",
    second: "var(--second)",
    neutral: "var(--neutral)",
  },
};

/** A theme as declarations of the variables that `BY_VARIABLE` names. */
export function cssVariables({ tones, ...rest }: Theme): string {
  return Object.entries({ ...rest, ...tones })
    .map(([name, colour]) => `--${name}: ${colour};`)
    .join(" ");
}
