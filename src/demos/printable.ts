/** Text from a file, fit for one line of a terminal: no control or direction characters, cut at `limit`. */
export function printable(text: string, limit = 300): string {
  const plain = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?");
  return plain.length > limit ? `${plain.slice(0, limit)}...` : plain;
}
