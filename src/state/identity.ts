import { chmod, stat } from 'node:fs/promises'
import path from 'node:path'
import b4a from 'b4a'
import crypto, { type KeyPair } from 'hypercore-crypto'
import { codeOf, MivmError } from '../protocol/errors.ts'
import { isBytes } from '../protocol/fields.ts'
import { encodeId } from '../protocol/ids.ts'
import { createDurably, writeDurably } from './durable-file.ts'
import { readUnflipped } from './flipped-bit.ts'
import { listDirectory } from './list-directory.ts'
import { makeDirectory } from './make-directory.ts'
import { readOwnFile } from './own-file.ts'

/** An Ed25519 identity, of a host or of a user, as it lies on disk: one file, readable by its owner alone. */
export interface Identity {
  readonly name: string
  /** The public key in z-base-32. */
  readonly id: string
  readonly keyPair: KeyPair
}

/** Creates a new identity; throws IDENTITY_EXISTS. With `seed`, 32 bytes, the one that the seed stands for. */
export async function createIdentity(
  dir: string,
  name: string,
  seed: Uint8Array = crypto.randomBytes(32)
): Promise<Identity> {
  checkName(name)
  if (!isBytes(seed, 32)) {
    throw new MivmError('KEY_INVALID', 'a seed is not 32 bytes: give a Uint8Array of as many')
  }
  // before it is asked for a key: a file in its place is no identity
  await makeDirectory(dir)
  const keyPair = crypto.keyPair(seed)
  const id = encodeId(keyPair.publicKey)
  const text = JSON.stringify({ mivm: 'identity/1', id, seed: b4a.toString(seed, 'hex') })
  try {
    // never over a key that is there, since a key lost is an identity lost; and never half a key under this name
    await createDurably(fileOf(dir, name), `${text}\n`)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
    throw new MivmError(
      'IDENTITY_EXISTS',
      `there is an identity "${name}" already: choose another name`
    )
  }
  return { name, id, keyPair }
}

/** Throws IDENTITY_UNKNOWN, or KEY_INVALID where the file is no identity. */
export async function readIdentity(dir: string, name: string): Promise<Identity> {
  checkName(name)
  const file = fileOf(dir, name)
  let bytes: Uint8Array
  try {
    bytes = await readOwnFile(file)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    throw new MivmError('IDENTITY_UNKNOWN', `there is no identity "${name}": see "mivm key ls"`)
  }
  // where nothing may be written there is nothing to change, either
  if (((await stat(file)).mode & 0o777) !== 0o600) await chmod(file, 0o600)
  const whole = parseSeed(bytes)
  // whoever loses it is somebody else: where a disk has flipped a bit of it, the id tells which one that is
  const keyPair = crypto.keyPair(whole ?? readUnflipped(bytes, parseSeed) ?? refuse(file))
  const identity = { name, id: encodeId(keyPair.publicKey), keyPair }
  // before another bit goes as well; where nothing can be written it is read like this the next time
  if (whole === null) await writeDurably(file, exportIdentity(identity)).catch(() => {})
  return identity
}

/** The identity of that name, created where there is none. */
export async function openIdentity(dir: string, name: string): Promise<Identity> {
  try {
    return await readIdentity(dir, name)
  } catch (error) {
    if (codeOf(error) !== 'IDENTITY_UNKNOWN') throw error
  }
  try {
    return await createIdentity(dir, name)
  } catch (error) {
    if (codeOf(error) !== 'IDENTITY_EXISTS') throw error
    // somebody else has just created it
    return readIdentity(dir, name)
  }
}

/** Names of all identities, sorted. */
export async function listIdentities(dir: string): Promise<string[]> {
  const files = await listDirectory(dir)
  return files
    .filter((file) => file.endsWith(EXTENSION))
    .map((file) => file.slice(0, -EXTENSION.length))
    .sort()
}

/** The text that {@link importIdentity} reads: whoever has it is this identity. */
export function exportIdentity(identity: Identity): string {
  checkIdentity(identity)
  const seed = b4a.toString(identity.keyPair.secretKey.subarray(0, 32), 'hex')
  return `${JSON.stringify({ mivm: 'identity/1', id: identity.id, seed })}\n`
}

export async function importIdentity(dir: string, name: string, text: string): Promise<Identity> {
  return createIdentity(dir, name, parseSeed(b4a.from(text)) ?? refuse('the text'))
}

/** An identity that a program has from elsewhere; throws KEY_INVALID for what is none, and USAGE for its name. */
export function checkIdentity(identity: Identity): Identity {
  const { name, id, keyPair } = identity ?? {}
  const { publicKey, secretKey } = keyPair ?? {}
  // the second half of a secret key is the public one
  const isPair =
    isBytes(publicKey, 32) &&
    isBytes(secretKey, 64) &&
    b4a.equals(secretKey.subarray(32), publicKey)
  if (!isPair || encodeId(publicKey) !== id) {
    throw new MivmError(
      'KEY_INVALID',
      'this is no identity: give its name, or what readIdentity gives'
    )
  }
  checkName(name)
  return identity
}

const EXTENSION = '.key'

function fileOf(dir: string, name: string): string {
  return path.join(dir, `${name}${EXTENSION}`)
}

/** Throws USAGE for what cannot be the name of an identity. */
export function checkName(name: string): void {
  if (typeof name === 'string' && /^[a-z0-9][a-z0-9_-]{0,63}$/i.test(name)) return
  throw new MivmError(
    'USAGE',
    `"${String(name).slice(0, 80)}" is no name for an identity: use up to 64 letters, digits, - and _, not - or _ first`
  )
}

/** Null where a text, in UTF-8, is no identity. */
function parseSeed(text: Uint8Array): Uint8Array | null {
  try {
    const { mivm, id, seed } = JSON.parse(b4a.toString(text))
    // what is not hex would be left out, or end it
    const whole = mivm === 'identity/1' && typeof seed === 'string' && /^[0-9a-f]{64}$/i.test(seed)
    const bytes = b4a.from(whole ? seed : '', 'hex')
    if (whole && encodeId(crypto.keyPair(bytes).publicKey) === id) return bytes
  } catch {}
  return null
}

function refuse(where: string): never {
  throw new MivmError(
    'KEY_INVALID',
    `${where} does not hold an identity: export it anew where it is whole`
  )
}
