const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? 0xedb88320 : 0);
  return remainder >>> 0;
});

/** CRC-32 (polynomial 0xedb88320) of `bytes` after others whose checksum is `before`; 0 for none. */
export function checksumAfter(before: number, bytes: Uint8Array): number {
  let remainder = ~before;
  for (let at = 0; at < bytes.length; at++) {
    remainder = (remainder >>> 8) ^ TABLE[(remainder ^ bytes[at]) & 0xff];
  }
  return ~remainder >>> 0;
}
