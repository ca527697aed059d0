;(function encodings(kit) {
  // What is no part of ECMAScript and yet in every place that runs it: UTF-8 and base64, by the Encoding and HTML
  // standards (https://encoding.spec.whatwg.org, https://html.spec.whatwg.org/#atob). TextDecoder knows UTF-8 alone.

  const { apply, charge, isObject, prices, spend, tagOf, textRoom, toText, uncurry } = kit
  const { defineProperty } = Reflect
  const { getOwnPropertyDescriptor } = Object
  const Bytes = Uint8Array
  const View = DataView
  const RawError = Error
  const RawRangeError = RangeError
  const RawSyntaxError = SyntaxError
  const RawTypeError = TypeError
  const RawURIError = URIError
  const { decodeURIComponent, encodeURIComponent, escape, unescape } = globalThis
  const slice = uncurry(String.prototype.slice)
  const toWellFormed = uncurry(String.prototype.toWellFormed)
  const copy = uncurry(Bytes.prototype.set)
  const subarray = uncurry(Bytes.prototype.subarray)
  const trim = uncurry(String.prototype.trim)
  const toLowerCase = uncurry(String.prototype.toLowerCase)
  const toBase64 = uncurry(Bytes.prototype.toBase64)
  const { fromCharCode } = String
  const { fromBase64 } = Bytes
  const getter = (object, key) => uncurry(getOwnPropertyDescriptor(object, key).get)
  const sizeOfBuffer = getter(ArrayBuffer.prototype, 'byteLength')
  const bufferOf = getter(View.prototype, 'buffer')
  const offsetOf = getter(View.prototype, 'byteOffset')
  const sizeOf = getter(View.prototype, 'byteLength')
  const { get: typedBufferOf } = getOwnPropertyDescriptor(
    Object.getPrototypeOf(Bytes.prototype),
    'buffer'
  )
  const typedOffsetOf = getter(Object.getPrototypeOf(Bytes.prototype), 'byteOffset')
  const typedSizeOf = getter(Object.getPrototypeOf(Bytes.prototype), 'byteLength')
  const REPLACEMENT = 0xfffd
  const UNITS_MAX = 4096
  const LABELS = [
    'unicode-1-1-utf-8',
    'unicode11utf8',
    'unicode20utf8',
    'utf-8',
    'utf8',
    'x-unicode20utf8'
  ]

  /** In an object, which their names are from: those of variables are other ones in engines. */
  const coders = {
    TextEncoder: class {
      get encoding() {
        return 'utf-8'
      }

      encode(text = '') {
        return bytesOfText(toText(text))
      }

      encodeInto(text, bytes) {
        const given = toText(text)
        if (tagOf(bytes) !== 'Uint8Array') throw new RawTypeError('encodeInto: give a Uint8Array')
        const room = typedSizeOf(bytes)
        // a unit is a byte or more: what is behind can never fit
        const start = slice(given, 0, endOfPiece(given, 0, room))
        const encoded = bytesOfText(start)
        if (encoded.length <= room) {
          copy(bytes, encoded)
          return { read: start.length, written: encoded.length }
        }
        let written = room
        while (isContinuation(encoded[written])) written--
        let read = 0
        for (let i = 0; i < written; i++) {
          if (!isContinuation(encoded[i])) read += encoded[i] < 0xf0 ? 1 : 2
        }
        copy(bytes, subarray(encoded, 0, written))
        return { read, written }
      }
    },

    TextDecoder: class {
      #fatal
      #ignoreBOM
      /** Of a character that has begun: its bits so far, bytes that are missing, bounds of the next one. */
      #point = 0
      #missing = 0
      #lower = 0x80
      #upper = 0xbf
      /** Nothing has come out yet, so that a mark of byte order may. */
      #atStart = true

      constructor(label = 'utf-8', options = undefined) {
        const name = toLowerCase(trim(toText(label)))
        let known = false
        for (let i = 0; i < LABELS.length; i++) if (LABELS[i] === name) known = true
        if (!known) {
          throw new RawRangeError(`TextDecoder: ${name} is not available in this VM; it has utf-8`)
        }
        this.#fatal = isObject(options) && !!options.fatal
        this.#ignoreBOM = isObject(options) && !!options.ignoreBOM
      }

      get encoding() {
        return 'utf-8'
      }

      get fatal() {
        if (!isObject(this) || !(#fatal in this)) throw noDecoder()
        return this.#fatal
      }

      get ignoreBOM() {
        if (!isObject(this) || !(#ignoreBOM in this)) throw noDecoder()
        return this.#ignoreBOM
      }

      decode(input = undefined, options = undefined) {
        if (!isObject(this) || !(#missing in this)) throw noDecoder()
        const streams = isObject(options) && !!options.stream
        const bytes = input === undefined ? new Bytes(0) : bytesOf(input)
        const size = typedSizeOf(bytes)
        charge(prices.converted)
        spend(size, prices.utf8)
        textRoom(size + 1)
        if (!streams && this.#missing === 0) {
          const text = wellFormed(bytes, size)
          if (text !== null) {
            const hasMark = this.#atStart && !this.#ignoreBOM && text[0] === '\ufeff'
            this.#reset()
            return hasMark ? slice(text, 1) : text
          }
        }
        spend(size, prices.utf8Broken)
        try {
          const text = this.#read(bytes, size, streams)
          if (!streams) this.#reset()
          return text
        } catch (error) {
          this.#reset()
          throw error
        }
      }

      #reset() {
        this.#clear()
        this.#atStart = true
      }

      #clear() {
        this.#point = 0
        this.#missing = 0
        this.#lower = 0x80
        this.#upper = 0xbf
      }

      #read(bytes, size, streams) {
        let text = ''
        let units = []
        const put = (unit) => {
          if (this.#atStart) {
            this.#atStart = false
            if (unit === 0xfeff && !this.#ignoreBOM) return
          }
          units[units.length] = unit
          if (units.length < UNITS_MAX) return
          text += apply(fromCharCode, undefined, units)
          units = []
        }
        for (let i = 0; i < size; i++) {
          const byte = bytes[i]
          if (this.#missing === 0) {
            if (byte < 0x80) put(byte)
            else if (!this.#begin(byte)) put(this.#broken())
            continue
          }
          if (byte < this.#lower || byte > this.#upper) {
            this.#clear()
            put(this.#broken())
            i-- // it may begin the next character
            continue
          }
          this.#lower = 0x80
          this.#upper = 0xbf
          this.#point = (this.#point << 6) | (byte & 0x3f)
          if (--this.#missing > 0) continue
          const point = this.#point
          this.#point = 0
          if (point < 0x10000) put(point)
          else {
            put(0xd800 + ((point - 0x10000) >> 10))
            put(0xdc00 + ((point - 0x10000) & 0x3ff))
          }
        }
        if (!streams && this.#missing > 0) {
          this.#clear()
          put(this.#broken())
        }
        return text + apply(fromCharCode, undefined, units)
      }

      /** The first of several bytes; false where it can be none. */
      #begin(byte) {
        if (byte >= 0xc2 && byte <= 0xdf) {
          this.#missing = 1
          this.#point = byte & 0x1f
        } else if (byte >= 0xe0 && byte <= 0xef) {
          if (byte === 0xe0) this.#lower = 0xa0
          if (byte === 0xed) this.#upper = 0x9f
          this.#missing = 2
          this.#point = byte & 0xf
        } else if (byte >= 0xf0 && byte <= 0xf4) {
          if (byte === 0xf0) this.#lower = 0x90
          if (byte === 0xf4) this.#upper = 0x8f
          this.#missing = 3
          this.#point = byte & 0x7
        } else {
          return false
        }
        return true
      }

      #broken() {
        if (this.#fatal) throw new RawTypeError('TextDecoder: the bytes are not UTF-8')
        return REPLACEMENT
      }
    }
  }

  const functions = {
    atob(text) {
      charge(prices.converted)
      const given = toText(text)
      try {
        const bytes = apply(fromBase64, Bytes, [given])
        const size = typedSizeOf(bytes)
        spend(size, prices.utf8)
        textRoom(size)
        let binary = ''
        for (let from = 0; from < size; from += UNITS_MAX) {
          binary += binaryText(bytes, from, from + UNITS_MAX)
        }
        return binary
      } catch (error) {
        if (!(error instanceof RawSyntaxError)) throw error
        throw invalid('atob: the text is not base64')
      }
    },
    btoa(text) {
      charge(prices.converted)
      const given = toText(text)
      spend(given.length, prices.utf8)
      const bytes = new Bytes(given.length)
      for (let i = 0; i < given.length; i++) {
        const unit = given.charCodeAt(i)
        if (unit > 0xff) throw invalid('btoa: the text has a character beyond U+00FF')
        bytes[i] = unit
      }
      return toBase64(bytes)
    }
  }

  define('TextEncoder', coders.TextEncoder)
  define('TextDecoder', coders.TextDecoder)
  define('atob', functions.atob)
  define('btoa', functions.btoa)
  return {}

  function define(name, value) {
    defineProperty(globalThis, name, {
      value,
      writable: true,
      enumerable: false,
      configurable: true
    })
  }

  /**
   * In pieces, since what V8 makes of them on the way is several times as long. `charCodeAt` is looked up on a
   * prototype that is frozen: taken from it beforehand, it would be called at twice the cost.
   */
  function bytesOfText(text) {
    charge(prices.converted)
    spend(text.length, prices.utf8)
    const pieces = []
    let size = 0
    for (let from = 0; from < text.length; ) {
      const end = endOfPiece(text, from, UNITS_MAX)
      // each byte as a character
      const piece = unescape(encodeURIComponent(toWellFormed(slice(text, from, end))))
      pieces[pieces.length] = piece
      size += piece.length
      from = end
    }
    spend(size, prices.utf8)
    const bytes = new Bytes(size)
    let at = 0
    for (let i = 0; i < pieces.length; i++) {
      const piece = pieces[i]
      for (let j = 0; j < piece.length; j++) bytes[at++] = piece.charCodeAt(j)
    }
    return bytes
  }

  /** The end of a piece of about `length` units that parts no surrogates. */
  function endOfPiece(text, from, length) {
    const end = from + length
    if (end >= text.length) return text.length
    const unit = text.charCodeAt(end)
    return unit >= 0xdc00 && unit <= 0xdfff ? end + 1 : end
  }

  function isContinuation(byte) {
    return (byte & 0xc0) === 0x80
  }

  /** The text of bytes that are UTF-8; null for others. */
  function wellFormed(bytes, size) {
    let text = ''
    try {
      for (let from = 0; from < size; ) {
        let end = from + UNITS_MAX < size ? from + UNITS_MAX : size
        while (end < size && end > from && isContinuation(bytes[end])) end--
        if (end === from) return null
        text += decodeURIComponent(escape(binaryText(bytes, from, end)))
        from = end
      }
      return text
    } catch (error) {
      if (error instanceof RawURIError) return null
      throw error
    }
  }

  /** Each byte as a character; for no more than UNITS_MAX. */
  function binaryText(bytes, from, end) {
    return apply(fromCharCode, undefined, subarray(bytes, from, end))
  }

  function bytesOf(input) {
    if (isObject(input)) {
      if (tagOf(input) !== undefined) {
        return new Bytes(apply(typedBufferOf, input, []), typedOffsetOf(input), typedSizeOf(input))
      }
      const buffer = tryGet(bufferOf, input)
      if (buffer !== undefined) return new Bytes(buffer, offsetOf(input), sizeOf(input))
      if (tryGet(sizeOfBuffer, input) !== undefined) return new Bytes(input)
    }
    throw new RawTypeError('TextDecoder: give an ArrayBuffer or a view of one')
  }

  function tryGet(get, object) {
    try {
      return get(object)
    } catch {
      return undefined
    }
  }

  function noDecoder() {
    return new RawTypeError('TextDecoder: it is called on something that is none')
  }

  function invalid(message) {
    const error = new RawError(message)
    defineProperty(error, 'name', {
      value: 'InvalidCharacterError',
      writable: true,
      configurable: true
    })
    return error
  }
})
