/** Making SVG elements without a browser. */
import { parseHTML } from "linkedom";
import { typographic } from "../numbers.ts";
import type { Theme } from "../theme.ts";

/** The namespace. */
export const SVG = "http://www.w3.org/2000/svg";
/** Size of the letters, pixels. */
export const FONT = 12;
/** Height of a heading and of the x axis with its label, pixels. */
export const HEADING = 26;
export const X_AXIS = 44;
/** Below this width there are fewer ticks and shorter labels. */
export const NARROW = 560;
/** Advance of an average character of the interface's font, generous. */
const CHARACTER = 0.56 * FONT;

/** Width and height of one panel, pixels. */
export interface PanelSize {
  readonly width: number;
  readonly height: number;
}

type Attributes = Readonly<Record<string, string | number>>;

/** An empty document to make elements in. */
export function newDocument(): Document {
  return parseHTML("<!doctype html><html><body></body></html>").document;
}

/** An SVG element. */
export function element(document: Document, name: string, attributes: Attributes): Element {
  const made = document.createElementNS(SVG, name);
  setAttributes(made, attributes);
  return made;
}

/** An SVG element that holds text, with proper minus signs and apostrophes. */
export function textElement(
  document: Document,
  name: string,
  text: string,
  attributes: Attributes = {},
): Element {
  const made = element(document, name, attributes);
  made.append(typographic(text));
  return made;
}

/** What a panel shows, and beside it in what unit or of what. */
export function heading(document: Document, title: string, aside: string, theme: Theme): Element {
  const text = element(document, "text", { x: 0, y: 14, "text-anchor": "start", fill: theme.ink });
  text.append(textElement(document, "tspan", title, { "font-weight": 600, "font-size": FONT + 1 }));
  if (aside !== "") text.append(textElement(document, "tspan", aside, { dx: 8, fill: theme.muted }));
  return text;
}

/** Set several attributes. */
export function setAttributes(target: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) target.setAttribute(name, String(value));
}

/** Round all positions to a tenth of a pixel: nobody sees the difference, and the file is half as long. */
export function roundPositions(svg: Element): void {
  const POSITIONS = ["d", "transform", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "width", "height"];
  for (const child of svg.querySelectorAll("*")) {
    for (const name of POSITIONS) {
      const value = child.getAttribute(name);
      if (!value?.includes(".") || value.endsWith("em")) continue;
      child.setAttribute(name, value.replace(/-?\d+\.\d+/g, rounded));
    }
  }
}

function rounded(number: string): string {
  return String(Number(Number(number).toFixed(1)));
}

/** About how wide a text is drawn, pixels; rather too much than too little. */
export function widthOf(text: string): number {
  return text.length * CHARACTER;
}
