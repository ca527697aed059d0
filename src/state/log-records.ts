/**
 * The files that RocksDB appends to, its write-ahead log and its manifest: blocks of 32 KiB, in which there are records of a
 * masked CRC-32C (4 bytes), a length (2), a type (1) and their payload; the sum is over type and payload. What is left of a block
 * that no header fits into is zero (RocksDB, db/log_format.h).
 */
const BLOCK = 32 * 1024
const HEADER = 7
/** Of a file that is used again, where the number of the log is behind the type. */
const HEADER_RECYCLED = 11
const TYPE_AT = 6
const RECYCLED: ReadonlySet<number> = new Set([5, 6, 7, 8, 11, 131])

const MASK_DELTA = 0xa282ead8
/** Castagnoli's polynomial, reflected. */
const POLYNOMIAL = 0x82f63b78
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
  return crc
})
/** The same for bytes that one, two and three others follow. */
const TABLE_1 = behind(TABLE)
const TABLE_2 = behind(TABLE_1)
const TABLE_3 = behind(TABLE_2)

/** One bit of a file. */
export interface Bit {
  readonly at: number
  /** 0 to 7. */
  readonly bit: number
}

/** What a file of records is like. */
export interface Reading {
  /** Bits that are not as they were written: with each of them the other way its record is whole. */
  readonly flipped: readonly Bit[]
  /** Where a record begins that is not what was written, and more than a bit of it is wrong; null where there is none. */
  readonly damaged: number | null
}

/**
 * Reads a file to its end, or as far as it can be read. What a crash has cut off, at the end of the file, is not damaged. A
 * sum tells which bit it is that is wrong, where it is only one: no two bits of a record change it in the same way.
 */
export function readRecords(bytes: Uint8Array): Reading {
  const flipped: Bit[] = []
  let at = 0
  while (at + HEADER <= bytes.byteLength) {
    const left = BLOCK - (at % BLOCK)
    if (left < HEADER || isEmpty(bytes, at)) {
      at += left
      continue
    }
    const end = endOf(bytes, at)
    if (isWhole(bytes, at, end)) {
      at = end
      continue
    }
    const bit = wrongBit(bytes, at)
    if (bit === null) return { flipped, damaged: end > bytes.byteLength ? null : at }
    flipped.push(bit)
    at = endOf(withBit(bytes, at, bit), 0) + at
  }
  return { flipped, damaged: null }
}

/** Nothing was written here yet. */
function isEmpty(bytes: Uint8Array, at: number): boolean {
  return bytes.subarray(at, at + HEADER).every((byte) => byte === 0)
}

function endOf(bytes: Uint8Array, at: number): number {
  const header = RECYCLED.has(bytes[at + TYPE_AT] ?? 0) ? HEADER_RECYCLED : HEADER
  return at + header + (bytes[at + 4] ?? 0) + ((bytes[at + 5] ?? 0) << 8)
}

function isWhole(bytes: Uint8Array, at: number, end: number): boolean {
  if (end > bytes.byteLength || end - at > BLOCK - (at % BLOCK)) return false
  return storedSum(bytes, at) === maskedSum(bytes.subarray(at + TYPE_AT, end))
}

/** The one bit of a record that is wrong; null where it is more than one, or which one is not certain. */
function wrongBit(bytes: Uint8Array, at: number): Bit | null {
  const end = endOf(bytes, at)
  const found = [...bitsOfHeader(bytes, at), ...bitsOfPayload(bytes, at, end)]
  const [bit] = found
  return found.length === 1 && bit !== undefined ? bit : null
}

/** Those of sum, length and type: with any of the others it would be as long as it says. */
function* bitsOfHeader(bytes: Uint8Array, at: number): Generator<Bit> {
  for (let i = 0; i < 8 * HEADER; i++) {
    const bit = { at: at + (i >> 3), bit: i & 7 }
    const record = withBit(bytes, at, bit)
    const end = endOf(record, 0)
    const isInBlock = end <= BLOCK - (at % BLOCK)
    if (isInBlock && end <= record.byteLength && isSummed(record, end)) yield bit
  }
}

function* bitsOfPayload(bytes: Uint8Array, at: number, end: number): Generator<Bit> {
  if (end > bytes.byteLength || end - at > BLOCK - (at % BLOCK)) return
  const summed = bytes.subarray(at + TYPE_AT, end)
  const wrong = (sum(summed) ^ unmask(storedSum(bytes, at))) >>> 0
  // what each bit of a byte changes, from the last byte to the first
  const changes = Uint32Array.from({ length: 8 }, (_, bit) => TABLE[1 << bit] ?? 0)
  for (let i = end - 1; i >= at + HEADER; i--) {
    for (let bit = 0; bit < 8; bit++) {
      const change = changes[bit] ?? 0
      if (change === wrong) yield { at: i, bit }
      changes[bit] = (change >>> 8) ^ (TABLE[change & 0xff] ?? 0)
    }
  }
}

/** What is left of the block from a record on, with one bit the other way. */
function withBit(bytes: Uint8Array, at: number, bit: Bit): Uint8Array {
  // a copy also where these are a Buffer's
  const record = new Uint8Array(bytes.subarray(at, at + BLOCK - (at % BLOCK)))
  record[bit.at - at] = (record[bit.at - at] ?? 0) ^ (1 << bit.bit)
  return record
}

function isSummed(record: Uint8Array, end: number): boolean {
  return storedSum(record, 0) === maskedSum(record.subarray(TYPE_AT, end))
}

function storedSum(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset + at, 4).getUint32(0, true)
}

function maskedSum(bytes: Uint8Array): number {
  const crc = sum(bytes)
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0
}

function unmask(masked: number): number {
  const rotated = (masked - MASK_DELTA) >>> 0
  return ((rotated >>> 17) | (rotated << 15)) >>> 0
}

/** CRC-32C, four bytes at a time. */
function sum(bytes: Uint8Array): number {
  const { byteLength } = bytes
  const view = new DataView(bytes.buffer, bytes.byteOffset, byteLength)
  let crc = 0xffffffff
  let i = 0
  for (; i + 4 <= byteLength; i += 4) {
    const word = crc ^ view.getUint32(i, true)
    crc =
      (TABLE_3[word & 0xff] ?? 0) ^
      (TABLE_2[(word >>> 8) & 0xff] ?? 0) ^
      (TABLE_1[(word >>> 16) & 0xff] ?? 0) ^
      (TABLE[word >>> 24] ?? 0)
  }
  for (; i < byteLength; i++) crc = (crc >>> 8) ^ (TABLE[(crc ^ (bytes[i] ?? 0)) & 0xff] ?? 0)
  return ~crc >>> 0
}

function behind(table: Uint32Array): Uint32Array {
  return table.map((crc) => (crc >>> 8) ^ (TABLE[crc & 0xff] ?? 0))
}
