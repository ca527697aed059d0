// Public keys by name. Everybody may read them, admins may change them; the deployer is the first admin.

const KEY_MAX = 16384
const PAGE = 100

/** Ids of the admins. */
exports.admins = []

exports.init = async () => {
  exports.admins.push(caller.id)
}

exports.addAdmin = async (id) => {
  requireAdmin()
  if (!/^[a-z1-9]{52}$/.test(id)) fail('ID_INVALID', 'an admin is named by its id of 52 characters')
  if (!exports.admins.includes(id)) exports.admins.push(id)
}

exports.removeAdmin = async (id) => {
  requireAdmin()
  if (!exports.admins.includes(id)) fail('ADMIN_UNKNOWN', 'there is no such admin')
  if (exports.admins.length === 1) fail('LAST_ADMIN', 'the last admin has to stay: add another first')
  exports.admins = exports.admins.filter((admin) => admin !== id)
}

/** Sets or replaces the key of a name. */
exports.setKey = async (name, key) => {
  requireAdmin()
  const path = keyPath(name)
  if (typeof key !== 'string' || key === '' || key.length > KEY_MAX) {
    fail('KEY_INVALID', `a key is a text of 1 to ${KEY_MAX} characters`)
  }
  await state.writeFile(path, key)
}

exports.getKey = async (name) => {
  const path = keyPath(name)
  if (!(await state.exists(path))) fail('KEY_UNKNOWN', `there is no key of ${name}`)
  return state.readFile(path)
}

exports.removeKey = async (name) => {
  requireAdmin()
  const path = keyPath(name)
  if (!(await state.exists(path))) fail('KEY_UNKNOWN', `there is no key of ${name}`)
  await state.unlink(path)
}

/** The first hundred names behind `after`, sorted; give the last one to get the next hundred. */
exports.listKeys = async (after = '') => {
  if (typeof after !== 'string') fail('NAME_INVALID', 'names are listed behind a name')
  return state.readdir('/keys', { gt: after, limit: PAGE })
}

function requireAdmin() {
  if (!exports.admins.includes(caller.id)) fail('NOT_ADMIN', 'only an admin may do that')
}

function keyPath(name) {
  // what becomes part of a path has to be checked: "../admins" would be refused, "a/b" would not
  if (typeof name !== 'string' || !/^[a-z0-9][a-z0-9._@-]{0,99}$/.test(name)) {
    fail('NAME_INVALID', 'a name has 1 to 100 characters: a-z, 0-9 and, not first, . _ @ -')
  }
  return `/keys/${name}`
}

function fail(code, message) {
  throw Object.assign(new Error(message), { code })
}
