import { penOf, type Pen } from "../report/terminal-style.ts";

/** The terminal that is written to: its columns, at most `most`, and how to style text for it. */
export function terminalOf(most: number): { width: number; colour: boolean; pen: Pen } {
  const width = Math.min(process.stdout.columns || 80, most);
  const colour = process.stdout.isTTY && process.stdout.hasColors();
  return { width, colour, pen: penOf(colour) };
}
