/** Outside of strings, Python's json writes what JSON has no words for. */
const TOKENS = /"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g;

/** JSON as Python's json writes it: infinite numbers are kept, NaN becomes null. Throws where it is none. */
export function parsePythonJson(text: string): unknown {
  const plain = text.replace(TOKENS, (token) => {
    if (token.startsWith('"')) return token;
    return token === "NaN" ? "null" : token.replace("Infinity", "1e999");
  });
  return JSON.parse(plain);
}

/** JSON as Python's json reads it, infinite numbers included. */
export function pythonJson(value: unknown): string {
  if (typeof value === "number") return String(value);
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  return `{${entries.map(([key, entry]) => `${JSON.stringify(key)}: ${pythonJson(entry)}`).join(", ")}}`;
}
