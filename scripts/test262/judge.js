/** Null where a test passes with this failure, or null for none; else what it came to, in short. */
export function judge({ negative }, failure) {
  if (negative === null) return failure === null ? null : textOf(failure)
  if (failure === null) return `no ${negative.type}`
  const { phase, name } = failure
  return phase === negative.phase && name === negative.type ? null : textOf(failure)
}

/** The failure that an error of an outcome is: refused code is a syntax error. */
export function describe({ name, message, code }) {
  const isRefused = code === 'CODE_SYNTAX' || code === 'CODE_TOO_LARGE'
  return {
    phase: isRefused ? 'parse' : 'runtime',
    name: isRefused ? 'SyntaxError' : name,
    message: typeof code === 'string' ? `${message} (${code})` : message
  }
}

function textOf({ phase, name, message }) {
  return `${phase === 'parse' ? 'parse: ' : ''}${name}: ${message}`.slice(0, 300)
}
