/** The arrays that plain numbers of a file become: little-endian, as the machine is. Booleans of h5py are `i1`. */
const ARRAYS = {
  i1: Int8Array,
  i2: Int16Array,
  i4: Int32Array,
  i8: BigInt64Array,
  u1: Uint8Array,
  u2: Uint16Array,
  u4: Uint32Array,
  u8: BigUint64Array,
  f4: Float32Array,
  f8: Float64Array,
} as const;

/** Numbers as they lie in a file, with their size in bytes. */
export type Hdf5Type = keyof typeof ARRAYS;

/** The type with this letter and size; null where there is none. */
export function hdf5Type(letter: "i" | "u" | "f", size: number): Hdf5Type | null {
  const type = `${letter}${size}`;
  return type in ARRAYS ? (type as Hdf5Type) : null;
}

/** `bytes` as numbers; they share memory, which must begin at a multiple of 8. */
export function numbersIn(bytes: Uint8Array, type: Hdf5Type): InstanceType<(typeof ARRAYS)[Hdf5Type]> {
  const array = ARRAYS[type];
  return new array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength / array.BYTES_PER_ELEMENT);
}
