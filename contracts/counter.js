// A counter that anybody may move. All it has to remember is one exported variable.

exports.count = 0

/** Adds `by`, 1 unless given, and returns the new count. */
exports.increment = async (by = 1) => {
  if (!Number.isSafeInteger(by)) fail('NOT_AN_INTEGER', `${by} cannot be added: give an integer`)
  const count = exports.count + by
  if (!Number.isSafeInteger(count)) fail('OUT_OF_RANGE', 'the count would not be exact any more')
  exports.count = count
  return count
}

exports.get = async () => exports.count

function fail(code, message) {
  throw Object.assign(new Error(message), { code })
}
