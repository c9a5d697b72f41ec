/** The terminal that is written to. */
import type { Pen } from "../report/terminal-style.ts";

/** Its columns, at most `most`, and how to style text for it. */
export async function terminalOf(most: number): Promise<{ width: number; colour: boolean; pen: Pen }> {
  const { penOf } = await import("../report/terminal-style.ts");
  const width = Math.min(process.stdout.columns || 80, most);
  const colour = process.stdout.isTTY && process.stdout.hasColors();
  return { width, colour, pen: penOf(colour) };
}
