import { TandemError } from "../core/index.ts";
import { joined, readBytes, type ByteSource } from "./byte-source.ts";

/** One line of a text file that is not blank. */
export interface TextLine {
  /** Without its end. */
  readonly text: string;
  /** Counted from 1, of the lines that were asked for. */
  readonly number: number;
  /** Where it begins, bytes. */
  readonly begin: number;
  /** Where the next one begins. */
  readonly end: number;
}

/** Read at once, bytes. */
const BLOCK_BYTES = 2 ** 18;

/** No line is longer: a step of an image, but not a whole recording, bytes. */
const MAX_LINE_BYTES = 2 ** 24;

const NEWLINE = 0x0a;

/** The lines of UTF-8 text from byte `from` to `to`, some at a time. At most a block and a line are held. */
export async function* textLines(
  source: ByteSource,
  from: number,
  to: number,
): AsyncGenerator<readonly TextLine[]> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let held = new Uint8Array(0);
  let begin = from;
  let number = 0;
  for (let offset = from; offset < to; offset += BLOCK_BYTES) {
    const end = Math.min(to, offset + BLOCK_BYTES);
    const block = joined([held, await readBytes(source, offset, end)]);
    const lines: TextLine[] = [];
    let at = 0;
    while (at < block.length) {
      const newline = block.indexOf(NEWLINE, at);
      if (newline < 0 && end < to) break;
      const stop = newline < 0 ? block.length : newline;
      const next = begin + (newline < 0 ? stop : stop + 1) - at;
      number++;
      const text = decoded(decoder, block.subarray(at, stop), source.name, number);
      if (text !== "") lines.push({ text, number, begin, end: next });
      at += next - begin;
      begin = next;
    }
    held = block.slice(at);
    if (held.length > MAX_LINE_BYTES) {
      refuse(
        source.name,
        number + 1,
        `expected lines of at most ${MAX_LINE_BYTES} bytes; write one step a line`,
      );
    }
    yield lines;
  }
}

/** The first line that is not blank, null where there is none. */
export async function firstLine(source: ByteSource): Promise<TextLine | null> {
  for await (const lines of textLines(source, 0, source.length)) {
    if (lines.length > 0) return lines[0];
  }
  return null;
}

function decoded(decoder: TextDecoder, bytes: Uint8Array, name: string, number: number): string {
  try {
    return decoder.decode(bytes).trim();
  } catch (cause) {
    const problem = `${name}: line ${number}: expected UTF-8 text; save the file as UTF-8`;
    throw new TandemError("readDemonstrations", problem, { cause });
  }
}

function refuse(name: string, line: number, problem: string): never {
  throw new TandemError("readDemonstrations", `${name}: line ${line}: ${problem}`);
}
