import b4a from 'b4a'
import { CoreRX } from 'hypercore-storage/lib/tx.js'

/** Blocks that a page of a bitfield is about, and its bytes. */
export const PAGE_BLOCKS = 32_768
export const PAGE_BYTES = PAGE_BLOCKS / 8

const WORD_BYTES = Uint32Array.BYTES_PER_ELEMENT

/**
 * A page as it goes to the disk: without the words of zeros at its end, of which a page of a short log is made. Hypercore
 * writes four pages for every call, 4 KiB each, which were most of what a call wrote; and when it opens a log, it takes pages of any
 * length up to that.
 */
export function trimPage(page: Uint8Array): Uint8Array {
  const { buffer, byteOffset, byteLength } = page
  if (byteLength !== PAGE_BYTES || byteOffset % WORD_BYTES !== 0) return page
  const words = new Uint32Array(buffer, byteOffset, byteLength / WORD_BYTES)
  let count = words.length
  // one is left: a value without any byte is one that some readers take for none
  while (count > 1 && words[count - 1] === 0) count--
  return page.subarray(0, count * WORD_BYTES)
}

/** Has Hypercore get whole pages, whatever is on the disk: bits that it sets behind the end of a shorter one it forgets. */
export function readWholePages(): void {
  CoreRX.prototype.getBitfieldPage = async function (index) {
    const page = await getBitfieldPage.call(this, index)
    if (page === null || page.byteLength >= PAGE_BYTES) return page
    const whole = b4a.alloc(PAGE_BYTES)
    whole.set(page)
    return whole
  }
}

/** The library's own. */
const getBitfieldPage = CoreRX.prototype.getBitfieldPage
