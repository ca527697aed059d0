import b4a from 'b4a'
import c from 'compact-encoding'

/*
 * What an instance notes down beside its call log, with the same writes: it is on this disk alone, neither signed nor sent.
 */

/** Name of the note of its methods. */
export const METHODS_NOTE = 'methods'

/** Name of the note of the users that have calls waiting. */
export const PENDING_NOTE = 'pending'

/** Name of the note of how far the calls of a user, z-base-32, are executed. */
export function positionNote(user: string): string {
  return `user/${user}`
}

/** Of methods, whose names may have any characters. */
export function encodeMethods(methods: readonly string[]): Uint8Array {
  return b4a.from(JSON.stringify(methods))
}

/** None where there is no note. */
export function decodeMethods(note: Uint8Array | null): string[] {
  return note === null ? [] : Array.from(JSON.parse(b4a.toString(note)), String)
}

/** Of users, z-base-32; null where there are none, and then there is no note. */
export function encodePending(users: readonly string[]): Uint8Array | null {
  return users.length === 0 ? null : b4a.from(users.join())
}

export function decodePending(note: Uint8Array | null): string[] {
  return note === null || note.byteLength === 0 ? [] : b4a.toString(note).split(',')
}

/** The last of a user's calls that has a result. */
export interface Position {
  /** Number of its entry in the user's log; 0 before the first. */
  readonly entry: number
  /** Block of its ack in the call log. */
  readonly ack: number
}

export function encodePosition({ entry, ack }: Position): Uint8Array {
  return b4a.concat([c.encode(c.uint, entry), c.encode(c.uint, ack)])
}

/** The beginning where there is no note. */
export function decodePosition(note: Uint8Array | null): Position {
  if (note === null) return { entry: 0, ack: 0 }
  const state = { start: 0, end: note.byteLength, buffer: note }
  return { entry: c.uint.decode(state), ack: c.uint.decode(state) }
}
