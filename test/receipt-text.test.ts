import { readFile } from 'node:fs/promises'
import b4a from 'b4a'
import test from 'brittle'
import { armor, MivmError, verify } from '../src/index.ts'
import { Random } from './random.ts'

const VECTORS = new URL('vectors/heads-proofs.json', import.meta.url)
const { receipt } = JSON.parse(await readFile(VECTORS, 'utf8'))
const BYTES = b4a.from(receipt.bytes, 'hex')
const TEXT = armor(BYTES)

test('receipt text - is short lines of ASCII between two that say what it is', (t) => {
  const lines = TEXT.trimEnd().split('\n')
  t.is(lines[0], '-----BEGIN MIVM RECEIPT-----')
  t.is(lines.at(-1), '-----END MIVM RECEIPT-----')
  t.ok(lines.every((line) => /^[A-Za-z0-9+/= -]{1,64}$/.test(line)))
})

const MAILED: readonly [how: string, change: (text: string) => string][] = [
  ['as it is', (text) => text],
  ['without its last line end', (text) => text.trimEnd()],
  ['with CRLF', (text) => text.replaceAll('\n', '\r\n')],
  ['with CR alone', (text) => text.replaceAll('\n', '\r')],
  ['quoted', (text) => text.replace(/^/gm, '> ')],
  ['quoted three times', (text) => text.replace(/^/gm, '> >> ')],
  ['quoted, with CRLF', (text) => text.replace(/^/gm, '> ').replaceAll('\n', '\r\n')],
  ['indented', (text) => text.replace(/^/gm, '\t  ')],
  ['with blanks at the ends of lines', (text) => text.replace(/$/gm, ' \t')],
  ['with empty lines', (text) => text.replaceAll('\n', '\n\n')],
  ['with no-break spaces', (text) => text.replace(/^/gm, '\u00a0')],
  ['with a byte order mark', (text) => `\ufeff${text}`],
  ['in one line', (text) => text.replaceAll('\n', ' ')],
  ['wrapped at 20', (text) => text.replace(/([A-Za-z0-9+/=]{20})/g, '$1\n')],
  ['in quoted-printable', (text) => quotedPrintable(text)],
  ['in quoted-printable, quoted, with CRLF', (text) => inQuotes(quotedPrintable(text))],
  ['in a signed message', (text) => text.replace(/^-/gm, '- -')],
  ['in a signed message, quoted', (text) => text.replace(/^-/gm, '- -').replace(/^/gm, '> ')],
  ['in a message', (text) => `Hi,\n\nhere it is:\n${text}\n--\nBob - for -----ever\n`]
]

for (const [how, change] of MAILED) {
  test(`receipt text - ${how} verifies`, (t) => {
    const text = change(TEXT)
    t.alike(b4a.from(verify(text).bytes), BYTES)
    t.is(verify(b4a.from(text)).value, verify(BYTES).value)
  })
}

test('receipt text - in UTF-16 verifies, with more before and behind', (t) => {
  const units = Buffer.from(`\ufeffHi,\r\n\r\n${TEXT.replaceAll('\n', '\r\n')}Bób`, 'utf16le')
  t.alike(b4a.from(verify(units).bytes), BYTES, 'as PowerShell writes it')
  t.alike(b4a.from(verify(Buffer.from(units).swap16()).bytes), BYTES, 'the other way around')
  t.is(refusal(units.subarray(0, -401))?.code, 'PROOF_DAMAGED', 'cut off')
  t.is(refusal(Buffer.from([0xfe, 0xff, 0]))?.code, 'PROOF_UNKNOWN', 'nothing but its beginning')
})

const BROKEN: readonly [how: string, change: (text: string) => string, code: string][] = [
  ['cut off', (text) => text.slice(0, 300), 'PROOF_DAMAGED'],
  ['without its first line', (text) => text.slice(29), 'PROOF_UNKNOWN'],
  ['without a line', (text) => text.split('\n').toSpliced(3, 1).join('\n'), 'PROOF_DAMAGED'],
  ['with lines swapped', (text) => swapLines(text), 'PROOF_INVALID'],
  ['twice in one file', (text) => text + text, 'PROOF_DAMAGED'],
  ['with = in the middle', (text) => text.replace(/([^-\n]{50})/g, '$1='), 'PROOF_DAMAGED'],
  ['in lower case', (text) => text.toLowerCase(), 'PROOF_UNKNOWN'],
  ['said to be evidence', (text) => text.replaceAll('RECEIPT', 'EVIDENCE'), 'PROOF_DAMAGED'],
  ['of another version', () => newerArmor(), 'PROOF_VERSION'],
  ['of nothing', () => '', 'PROOF_UNKNOWN'],
  ['of other text', () => 'Hi, I have lost it. Bob', 'PROOF_UNKNOWN'],
  ['of two lines only', () => TEXT.replace(/[^-]{40,}/, '\n'), 'PROOF_UNKNOWN'],
  ['in armour twice', () => wrapText(b4a.from(TEXT)), 'PROOF_UNKNOWN']
]

for (const [how, change, code] of BROKEN) {
  test(`receipt text - ${how} is refused, in one line`, (t) => {
    const error = refusal(change(TEXT))
    t.is(error?.code, code)
    t.absent(error?.message.includes('\n'))
  })
}

test('receipt text - with any character changed is the same receipt or none', (t) => {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  for (let at = 0; at < TEXT.length; at++) {
    const other = String.fromCharCode(32 + random.below(95))
    const text = `${TEXT.slice(0, at)}${other}${TEXT.slice(at + 1)}`
    if (refusal(text) === null && !b4a.equals(verify(text).bytes, BYTES)) {
      t.fail(`${JSON.stringify(other)} at ${at} is another receipt`)
    }
  }
  t.pass()
})

test('receipt - of a newer version, cut off or none at all is told apart', (t) => {
  t.is(refusal(newer())?.code, 'PROOF_VERSION')
  t.is(refusal(BYTES.subarray(0, 8))?.code, 'PROOF_DAMAGED')
  t.is(refusal(BYTES.subarray(0, 200))?.code, 'PROOF_DAMAGED')
  const asText = b4a.toString(BYTES, 'latin1').replaceAll('\n', '\r\n')
  t.is(refusal(b4a.from(asText, 'latin1'))?.code, 'PROOF_DAMAGED', 'with other line ends')
  t.is(refusal(b4a.alloc(1000))?.code, 'PROOF_UNKNOWN')
  t.is(
    refusal(b4a.from('mivm/identity/1\n and so on, for more than a line'))?.code,
    'PROOF_UNKNOWN'
  )
  t.is(refusal(b4a.alloc(200 * 1024 * 1024))?.code, 'PROOF_TOO_LARGE')
})

function refusal(file: Uint8Array | string): MivmError | null {
  try {
    verify(file)
    return null
  } catch (error) {
    if (error instanceof MivmError) return error
    throw error
  }
}

function quotedPrintable(text: string): string {
  return text.replaceAll('=', '=3D').replace(/([^-=\n]{50})/g, '$1=\n')
}

function inQuotes(text: string): string {
  return text.replace(/^/gm, '> ').replaceAll('\n', '\r\n')
}

function swapLines(text: string): string {
  const lines = text.split('\n')
  return lines.toSpliced(2, 2, lines[3] ?? '', lines[2] ?? '').join('\n')
}

function newer(): Uint8Array {
  return b4a.concat([b4a.from('mivm/receipt/2\n'), BYTES.subarray(15)])
}

function newerArmor(): string {
  return wrapText(newer())
}

function wrapText(bytes: Uint8Array): string {
  const lines = TEXT.trimEnd().split('\n')
  return [lines[0], b4a.toString(bytes, 'base64'), lines.at(-1)].join('\n')
}
