;(function makeState(primordials, errors, calls, { charge, prices, spent }) {
  // `state`, the files of the instance as the contract sees them. Operations are answered in the order in which they
  // were asked, each in its own turn; a write needs no answer.

  const {
    chargeBytes,
    defineProperty,
    floor,
    freeze,
    freezeMethods,
    fromBase64,
    includes,
    isInteger,
    isProxy,
    isWellFormed,
    normalize,
    split,
    startsWith,
    stringify,
    test,
    toBase64,
    typedArrayLength,
    typedArrayTag
  } = primordials
  const { fsError, invalid, isObject, kindOf, makeError, quoted, tooLarge, utf8Length } = errors
  const { ask, call, countChanges, countRemoved, countWrite, tell, write, writesLeft } = calls

  /** Characters that a path may have before it is in normal form, in lengths of one that is. */
  const RAW_PATHS = 4
  /** Paths that are in normal form and, in ASCII, as long as they look. */
  const PLAIN_PATH = /^(?:\/[\w~@+,=-][\w.~@+,=-]*)+$/

  const yes = freezeMethods({ is: () => true }).is
  const no = freezeMethods({ is: () => false }).is

  return freezeMethods({
    readFile(path, options) {
      try {
        const normal = normalPath(path, 'open')
        const encoding = encodingOf(options)
        fileOnly(normal, 'open')
        const convert = encoding === 'binary' ? decodeBytes : identity
        return ask(`["readFile",${stringify(normal)},"${encoding}"]`, convert)
      } catch (thrown) {
        return tell(thrown)
      }
    },
    writeFile(path, data, options) {
      try {
        const normal = normalPath(path, 'open')
        fileOnly(normal, 'open')
        writeContent(normal, data, options === undefined ? 'text' : encodingOf(options))
        return tell()
      } catch (thrown) {
        return tell(thrown)
      }
    },
    unlink(path) {
      try {
        const normal = normalPath(path, 'unlink')
        fileOnly(normal, 'unlink')
        countChanges(1)
        return ask(`["unlink",${stringify(normal)}]`, noteRemoved, refuseUnlink)
      } catch (thrown) {
        return tell(thrown)
      }
    },
    mkdir(path) {
      try {
        const normal = normalPath(path, 'mkdir')
        charge(prices.checked + normal.length * prices.byte)
        return tell()
      } catch (thrown) {
        return tell(thrown)
      }
    },
    rmdir(path, options) {
      try {
        const normal = normalPath(path, 'rmdir')
        const recursive = flag(options, 'recursive')
        const most = writesLeft()
        const refuse = (error) => {
          if (error.code === 'WRITES_TOO_MANY') charge(most * prices.listed)
          return makeError(error)
        }
        return ask(`["rmdir",${stringify(normal)},${recursive},${most}]`, noteAllRemoved, refuse)
      } catch (thrown) {
        return tell(thrown)
      }
    },
    readdir(path, options) {
      try {
        const normal = normalPath(path, 'scandir')
        const gt = bound(options, 'gt')
        const lt = bound(options, 'lt')
        const limit = countOf(options, 'limit')
        const range = `{"gt":${gt},"lt":${lt},"limit":${limit},"reverse":${flag(options, 'reverse')}}`
        // more than these could not be paid for
        const left = call.limits.fuel - spent()
        const most = floor(left / prices.listed) + 1
        const mostProbed = floor(left / prices.probed) + 1
        return ask(`["readdir",${stringify(normal)},${range},${most},${mostProbed}]`, namesOf)
      } catch (thrown) {
        return tell(thrown)
      }
    },
    stat(path) {
      try {
        return ask(`["stat",${stringify(normalPath(path, 'stat'))}]`, makeStat)
      } catch (thrown) {
        return tell(thrown)
      }
    },
    exists(path) {
      try {
        return ask(`["exists",${stringify(normalPath(path, 'stat'))}]`, whetherItIs)
      } catch (thrown) {
        return tell(thrown)
      }
    }
  })

  function writeContent(path, data, encoding) {
    if (typeof data === 'string') writeText(path, data, encoding)
    else writeBytes(path, data)
  }

  function writeText(path, data, encoding) {
    const { file } = call.limits
    if (data.length > file) throw tooLarge('FILE_TOO_LARGE', `the file ${path}`, file, data.length)
    if (encoding === 'binary') {
      throw invalid(
        `writeFile ${path}: the data is a string; write a Uint8Array, or leave out the encoding`
      )
    }
    if (!isWellFormed(data)) {
      throw invalid(`writeFile ${path}: the text has a lone surrogate, which UTF-8 cannot hold`)
    }
    // before it is measured and quoted, which is most of the work
    charge(prices.operation + data.length * prices.byte)
    const isExact = countWrite(path, data, 0)
    const text = `${stringify(path)},"text",${stringify(data)}]`
    charge((text.length - data.length) * prices.byte)
    write(path, text, isExact ? null : data)
  }

  function writeBytes(path, data) {
    if (isProxy(data) || typedArrayTag(data) !== 'Uint8Array') {
      throw invalid(
        `writeFile ${path}: the data is ${kindOf(data)}; write a string or a Uint8Array`
      )
    }
    const size = typedArrayLength(data)
    charge(prices.operation + size * prices.byte)
    countWrite(path, null, size)
    const text = `${stringify(path)},"binary","${toBase64(data)}"]`
    charge((text.length - size) * prices.byte)
    write(path, text, null)
  }

  // ---- answers

  function identity(payload) {
    return payload
  }

  /** The engine reads a file to look at it, so that it is paid for by its size. */
  function whetherItIs({ 0: isThere, 1: size }) {
    charge(size * prices.looked)
    return isThere
  }

  function namesOf({ 0: names, 1: probed }) {
    charge(names.length * prices.listed + probed * prices.probed)
    return names
  }

  function noteRemoved({ 0: removed, 1: size }, entry) {
    charge(size * prices.looked)
    entry.removed = removed
  }

  function noteAllRemoved(removed, entry) {
    charge(removed.length * prices.listed)
    entry.removed = removed
    countRemoved(removed.length)
  }

  function refuseUnlink(payload) {
    countChanges(-1)
    return makeError(payload)
  }

  function decodeBytes(base64) {
    chargeBytes((base64.length / 4) * 3)
    return fromBase64(base64)
  }

  function makeStat({ type, size }) {
    const isFile = type === 'file'
    if (isFile) charge(size * prices.looked)
    const stat = { type, size: isFile ? size : 0 }
    // not enumerable, so that a stat is a value
    defineProperty(stat, 'isFile', { value: isFile ? yes : no })
    defineProperty(stat, 'isDirectory', { value: isFile ? no : yes })
    return freeze(stat)
  }

  // ---- arguments

  /** `/a/b` in NFC, without empty, `.` and `..` segments. */
  function normalPath(path, syscall) {
    if (typeof path !== 'string') {
      throw invalid(`EINVAL: a path is a string, and this is ${kindOf(path)}, ${syscall}`)
    }
    // the usual case, at the price of one regular expression
    if (path.length <= call.limits.path && test(PLAIN_PATH, path)) return path
    const { path: limit } = call.limits
    // what is empty or composed may go from it, but not any amount
    if (path.length > RAW_PATHS * limit) {
      throw tooLarge('PATH_TOO_LONG', 'the path', limit, path.length)
    }
    charge(path.length * prices.pathCharacter)
    if (!isWellFormed(path) || includes(path, '\0') || includes(path, '\\')) {
      throw invalid(
        `EINVAL: a path has no NUL, backslash or lone surrogate, ${syscall} ${quoted(path)}`
      )
    }
    let normal = ''
    const segments = split(normalize(path), '/')
    for (let i = 0; i < segments.length; i++) {
      const segment = segments[i]
      if (segment === '') continue
      if (segment === '.' || segment === '..') {
        throw invalid(`EINVAL: a path has no . and .. segments, ${syscall} ${quoted(path)}`)
      }
      normal += `/${segment}`
    }
    const size = utf8Length(normal)
    if (size > limit) throw tooLarge('PATH_TOO_LONG', 'the path', limit, size)
    if (normal === '/.mivm' || startsWith(normal, '/.mivm/')) {
      throw fsError('EACCES', `permission denied, ${syscall} '${normal}'`)
    }
    return normal === '' ? '/' : normal
  }

  function fileOnly(path, syscall) {
    if (path === '/') throw fsError('EISDIR', `illegal operation on a directory, ${syscall} '/'`)
  }

  function encodingOf(options) {
    const encoding = isObject(options) ? options.encoding : options
    if (encoding === undefined || encoding === null) return 'text'
    if (encoding === 'utf8' || encoding === 'utf-8') return 'text'
    if (encoding === 'binary') return 'binary'
    throw invalid(`EINVAL: the encoding is ${kindOf(encoding)}; give 'utf8' or 'binary'`)
  }

  function flag(options, key) {
    const value = option(options, key)
    if (value === undefined || value === null) return false
    if (typeof value === 'boolean') return value
    throw invalid(`EINVAL: ${key} is ${kindOf(value)}; give true or false`)
  }

  function bound(options, key) {
    const value = option(options, key)
    if (value === undefined || value === null) return 'null'
    if (typeof value === 'string' && isWellFormed(value)) {
      // no name is as long
      const { path: limit } = call.limits
      if (value.length > limit) throw tooLarge('PATH_TOO_LONG', key, limit, value.length)
      return stringify(normalize(value))
    }
    throw invalid(`EINVAL: ${key} is ${kindOf(value)}; give a name`)
  }

  function countOf(options, key) {
    const value = option(options, key)
    if (value === undefined || value === null) return 'null'
    if (isInteger(value) && value >= 0) return `${value}`
    throw invalid(`EINVAL: ${key} is ${kindOf(value)}; give a number from 0`)
  }

  function option(options, key) {
    if (options === undefined || options === null) return undefined
    if (isObject(options)) return options[key]
    throw invalid(`EINVAL: the options are ${kindOf(options)}; give an object`)
  }
})
