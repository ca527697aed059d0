import { readSync, writeSync } from 'node:fs'

/** Bytes of one frame; both sides refuse a longer one. */
export const FRAME_MAX = 64 * 1024 * 1024

const CHUNK = 64 * 1024

/**
 * Frames over two blocking pipes: a length (u32, little endian) and that many bytes of JSON in UTF-8. The engine
 * has nothing to do but one job at a time, and blocking is faster than an event loop.
 */
export class Channel {
  #input
  #output
  #buffer = Buffer.allocUnsafe(CHUNK)
  #start = 0
  #end = 0

  constructor(input, output) {
    this.#input = input
    this.#output = output
  }

  /** The next frame, or null when the other side has closed the pipe. */
  read() {
    if (!this.#fill(4)) return null
    const length = this.#buffer.readUInt32LE(this.#start)
    if (length > FRAME_MAX) throw new Error(`a frame of ${length} bytes is too long`)
    if (!this.#fill(4 + length)) return null
    const text = this.#buffer.toString('utf8', this.#start + 4, this.#start + 4 + length)
    this.#start += 4 + length
    if (this.#start === this.#end) this.#reset()
    return JSON.parse(text)
  }

  write(frame) {
    this.writeText(JSON.stringify(frame))
  }

  /** A frame that is JSON already. */
  writeText(text) {
    const length = Buffer.byteLength(text)
    if (length > FRAME_MAX) throw new Error(`a frame of ${length} bytes is too long`)
    const bytes = Buffer.allocUnsafe(4 + length)
    bytes.writeUInt32LE(length)
    bytes.write(text, 4)
    for (let sent = 0; sent < bytes.length; ) sent += writeSync(this.#output, bytes, sent)
  }

  /** Reads until `size` bytes are there; false at the end of the input. */
  #fill(size) {
    if (this.#start + size > this.#buffer.length) {
      const room = size > this.#buffer.length ? Buffer.allocUnsafe(size) : this.#buffer
      this.#buffer.copy(room, 0, this.#start, this.#end)
      this.#buffer = room
      this.#end -= this.#start
      this.#start = 0
    }
    while (this.#end - this.#start < size) {
      const count = readSync(this.#input, this.#buffer, this.#end, this.#buffer.length - this.#end)
      if (count === 0) return false
      this.#end += count
    }
    return true
  }

  #reset() {
    this.#start = 0
    this.#end = 0
    // one large frame shall not cost its memory for ever
    if (this.#buffer.length > 16 * CHUNK) this.#buffer = Buffer.allocUnsafe(CHUNK)
  }
}
