import b4a from 'b4a'

/** Text as programs save it: UTF-8, or UTF-16 behind a byte order mark, which is what `>` of PowerShell 5 writes. */
export function savedText(bytes: Uint8Array): string {
  const units = bytes.subarray(2, bytes.byteLength - (bytes.byteLength % 2))
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return b4a.toString(units, 'utf16le')
  if (bytes[0] === 0xfe && bytes[1] === 0xff) {
    return b4a.toString(b4a.swap16(b4a.from(units)), 'utf16le')
  }
  return b4a.toString(bytes).replace(/^\ufeff/, '')
}
