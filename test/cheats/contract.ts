/** A contract whose calls succeed, throw and write nothing, with random numbers and oracles as well. */
export const SOURCE = `
exports.count = 0
exports.init = async () => { await state.writeFile('/items/0', caller.id) }
exports.add = async (text) => {
  const id = ++exports.count
  await state.writeFile('/items/' + id, text)
  return id
}
exports.change = async (id, text) => { await state.writeFile('/items/' + id, text) }
exports.read = async (id) => await state.exists('/items/' + id) ? 'there' : 'not there'
exports.rest = async () => {}
exports.fail = async () => {
  await state.writeFile('/lost', 'x')
  throw Object.assign(new TypeError('no'), { code: 'NO' })
}
const end = async (kind, value) => {
  if (kind === 'throws') throw new Error(String(value))
  if (kind === 'succeeds') await state.writeFile('/last', String(value))
  return value
}
exports.roll = async (kind) => end(kind, Math.random())
exports.told = async (kind) => end(kind, Date.now() + caller.id + env.seq)
exports.ask = async (kind) => end(kind, await oracle.price('of it'))
`

/** What becomes of the call that a cheat strikes at. */
export const KINDS = ['succeeds', 'throws', 'writes nothing'] as const
export type Kind = (typeof KINDS)[number]

export type Spec = readonly [method: string, ...args: unknown[]]

/** A call of each kind. */
export const CALLS: Readonly<Record<Kind, Spec>> = {
  succeeds: ['add', 'of bob'],
  throws: ['fail'],
  'writes nothing': ['read', 0]
}
