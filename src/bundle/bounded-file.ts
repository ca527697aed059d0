import { createReadStream } from 'node:fs'

/** The bytes of a file, or of a stream; null where there are more than `max`: what is no file may never end. */
export async function readAtMost(
  from: string | AsyncIterable<Uint8Array>,
  max: number
): Promise<Buffer | null> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of typeof from === 'string' ? createReadStream(from) : from) {
    size += chunk.length
    if (size > max) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
