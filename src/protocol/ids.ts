import b4a from 'b4a'
import z32 from 'z32'
import { MivmError } from './errors.ts'
import { isBytes } from './fields.ts'

/** A key as people see it: 52 characters of z-base-32 (https://philzimmermann.com/docs/human-oriented-base-32-encoding.txt). */
export function encodeId(key: Uint8Array): string {
  // programs in JavaScript give anything
  if (!b4a.isBuffer(key) && !isBytes(key, 32)) throw noKey()
  const name = b4a.toString(key, 'latin1')
  const known = IDS.get(name)
  if (known !== undefined) return known
  if (key.byteLength !== 32) throw noKey()
  const id = z32.encode(key)
  if (IDS.size >= IDS_MAX) IDS.clear()
  IDS.set(name, id)
  return id
}

/** The 32 bytes of a key written in z-base-32, or in hex; throws KEY_INVALID. */
export function decodeId(text: string, what = 'key'): Uint8Array {
  // programs in JavaScript give anything
  const key = typeof text === 'string' ? tryDecode(text.trim()) : null
  if (key === null) {
    throw new MivmError(
      'KEY_INVALID',
      `"${shorten(text)}" is not a valid ${what}: expected 52 characters of z-base-32, as "mivm ls" or "mivm key ls" show them`
    )
  }
  return key
}

/** Where an instance is: its address, and the host to ask first where that is known. */
export interface Link {
  readonly host: Uint8Array | null
  readonly address: Uint8Array
}

/** `mivm://<host>/<address>`, or the bare address where no host is known. */
export function formatLink(link: Link): string {
  // programs in JavaScript give anything
  const { address, host = null }: Link = link ?? {}
  const id = encodeId(address)
  return host === null ? id : `mivm://${encodeId(host)}/${id}`
}

/** What there is to say of a link whose address is that of an instance of another host. */
export function notOnHost(link: string): MivmError {
  return new MivmError(
    'INSTANCE_UNKNOWN',
    `${link} names a host that the instance is not on: check the link`
  )
}

/** Reads what {@link formatLink} writes; throws LINK_INVALID. */
export function parseLink(text: string): Link {
  if (typeof text !== 'string') return { host: null, address: decodeId(text, 'address') }
  const match = /^mivm:\/\/([^/]+)\/([^/]+)\/?$/.exec(text.trim())
  if (match === null) {
    if (text.trim().startsWith('mivm:')) {
      throw new MivmError(
        'LINK_INVALID',
        `"${shorten(text)}" is not a link: expected mivm://<host>/<address>`
      )
    }
    return { host: null, address: decodeId(text, 'address') }
  }
  const [, host = '', address = ''] = match
  return { host: decodeId(host, 'host key'), address: decodeId(address, 'address') }
}

function noKey(): MivmError {
  return new MivmError('KEY_INVALID', 'this is no key: give 32 bytes, a Uint8Array')
}

function tryDecode(text: string): Uint8Array | null {
  if (/^[0-9a-f]{64}$/i.test(text)) return Uint8Array.from(b4a.from(text, 'hex'))
  if (text.length !== 52) return null
  try {
    const key = z32.decode(text)
    // 52 characters hold 260 bits: the last 4 must be zero, else two texts would name one key
    return key.byteLength >= 32 && z32.encode(key.subarray(0, 32)) === text
      ? Uint8Array.from(key.subarray(0, 32))
      : null
  } catch {
    return null
  }
}

function shorten(given: string): string {
  const text = String(given)
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}

/** Keys are few and written down often, several times for each call: to look one up takes a fifth of the time. */
const IDS = new Map<string, string>()
const IDS_MAX = 4096
