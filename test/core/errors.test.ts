import { expect, test } from "vitest";
import { shownValue, TandemError } from "../../src/core/index.ts";

test("a message is one printable line, whatever a file put into it", () => {
  const { message } = new TandemError("read", "a\n\tb\u001b[2J\u202ec\u2028d; remedy");
  expect(message).toBe("read: a  b?[2J?c d; remedy");
});

test("a message of any length keeps its beginning and its end", () => {
  const { message } = new TandemError("read", `${"x".repeat(1e6)}; cut it`);
  expect(message).toHaveLength(700 + 5 + 250);
  expect(message).toMatch(/^read: x+ \.\.\. x+; cut it$/);
  const whole = "y".repeat(994);
  expect(new TandemError("read", whole).message).toBe(`read: ${whole}`);
});

test("values from files in few words", () => {
  const deep = JSON.parse(`${"[".repeat(20_000)}${"]".repeat(20_000)}`) as unknown;
  const shown = [null, undefined, 1.5, "a\nb", [], [1, 2], deep, {}, "z".repeat(100)].map(shownValue);
  expect(shown.slice(0, 8)).toEqual([
    "null",
    "undefined",
    "1.5",
    '"a\\nb"',
    "[]",
    "a list of 2",
    "a list of 1",
    "an object",
  ]);
  expect(shown[8]).toBe(`"${"z".repeat(59)}...`);
});
