/** Checksum of arrays of four-byte or eight-byte numbers (FNV-1a over 32-bit words): equal where all bits are equal. */
export function checksum(blocks: readonly (Float32Array | Float64Array)[]): number {
  let hash = 0x811c9dc5;
  for (const block of blocks) {
    for (const word of new Uint32Array(block.slice().buffer)) hash = Math.imul(hash ^ word, 0x01000193);
  }
  return hash >>> 0;
}
