/** Tables and sentences for a terminal. */
import type { Table } from "./key-numbers.ts";
import type { Pen } from "./terminal-style.ts";

/** How many columns of a table fit, from the left. */
export function fittingColumns(table: Table, width: number): number {
  let room = width;
  return widthsOf(table).filter((each) => (room -= each + 2) >= -2).length;
}

function widthsOf({ columns, rows }: Table): number[] {
  return columns.map((column, i) => rows.reduce((most, row) => Math.max(most, row[i].length), column.length));
}

/** Columns of a table, as many from the left as fit. */
export function tableText(table: Table, width: number, pen: Pen): string[] {
  const { columns, rows } = table;
  const widths = widthsOf(table);
  const fitting = fittingColumns(table, width);
  const line = (cells: readonly string[]): string =>
    cells
      .slice(0, fitting)
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
      .join("  ");
  return [pen.muted(line(columns)), ...rows.map(line)];
}

/** Words in lines of at most `width` characters. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
