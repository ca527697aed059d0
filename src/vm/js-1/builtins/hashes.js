;(function hashes(kit) {
  // V8 hashes numbers, as keys of a Map or Set, by a function that everybody can compute: whoever looks for numbers of one
  // hash gets a collection in which each is found by going through all. So of the numbers that are put into large
  // collections it is counted how many of them are of one class, by the last bits of their hash, and where these are
  // many more than chance would make them, whatever is done with such a key pays for all of its class.

  //
  // Of a text it reads the first 16383 characters at most, and takes the length where it has more: long texts of one length
  // are all compared with each other.

  const { charge, prices, spend, state, uncurry } = kit
  const { imul, trunc } = Math
  const { setFloat64, getUint32 } = DataView.prototype
  const writeFloat = uncurry(setFloat64)
  const readWord = uncurry(getUint32)
  const RawNumber = Number
  const { asUintN } = BigInt

  const HASHED_MAX = 16383
  const CLASSES = 4096
  /** Keys that a class may have in any case, and of all keys the part that it may have: sixteen times its share. */
  const USUAL = 64
  const SHARE = 8
  const WORD = 2n ** 64n
  const LOW = 2 ** 32

  /** Of each class, how many keys it has; null where none was noted. */
  let counts = null
  const double = new DataView(new ArrayBuffer(8))
  let all = 0
  let most = 0

  return {
    /** A collection of fewer keys is searched in less time than is paid for. */
    crowdMin: 1024,
    /** Characters of a text that V8 hashes by what it is. */
    HASHED_MAX,
    chargeName,
    isHashed,
    noteKey,
    chargeKeyClass,
    chargeKeys,
    startHashes() {
      if (all === 0) return
      counts = null
      all = 0
      most = 0
      state.crowded = false
    }
  }

  /** Before a text is the key of a property: V8 looks for it among all that there are, which memory bounds. */
  function chargeName(text) {
    spend(text.length, text.length > HASHED_MAX ? prices.hashLong : prices.hash)
  }

  /** Longer big integers pay otherwise, see collections.js. */
  function isHashed(key) {
    return typeof key === 'number' || (typeof key === 'bigint' && key < WORD && key > -WORD)
  }

  /** A key that a large collection did not have before. */
  function noteKey(key) {
    charge(prices.keyNoted)
    all++
    if (counts === null) makeCounts()
    const count = ++counts[classOf(key)]
    if (count > most) most = count
    if (count > USUAL) state.crowded = true
  }

  function makeCounts() {
    counts = []
    for (let i = 0; i < CLASSES; i++) counts[i] = 0
  }

  /** Before a key is looked for. */
  function chargeKeyClass(key) {
    const count = excess(counts[classOf(key)])
    if (count > 0) charge(count * prices.keyClass)
  }

  /** Before this many keys, which nobody has looked at, are looked for. */
  function chargeKeys(count) {
    const each = excess(most)
    if (each > 0) spend(count, each * prices.keyClass)
  }

  function excess(count) {
    return count - USUAL - (all >> SHARE)
  }

  function classOf(key) {
    if (typeof key === 'bigint') {
      const size = key < 0n ? -key : key
      return classOfWords(RawNumber(asUintN(32, size)), RawNumber(size >> 32n))
    }
    if ((key | 0) === key) return classOfInteger(key | 0)
    writeFloat(double, 0, key, true)
    return classOfWords(readWord(double, 0, true), readWord(double, 4, true))
  }

  /** ComputeUnseededHash of V8. */
  function classOfInteger(key) {
    let hash = (~key + (key << 15)) | 0
    hash ^= hash >>> 12
    hash = (hash + (hash << 2)) | 0
    hash ^= hash >>> 4
    hash = imul(hash, 2057)
    hash ^= hash >>> 16
    return hash & (CLASSES - 1)
  }

  /** ComputeLongHash of V8, of 64 bits in two words. */
  function classOfWords(keyLow, keyHigh) {
    let sum = (~keyLow >>> 0) + ((keyLow << 18) >>> 0)
    let low = sum >>> 0
    let high = ~keyHigh + ((keyHigh << 18) | (keyLow >>> 14)) + (sum >= LOW ? 1 : 0)
    low ^= (high << 1) | (low >>> 31)
    high ^= high >>> 31
    const product = (low >>> 0) * 21
    low = product >>> 0
    high = imul(high, 21) + trunc(product / LOW)
    low ^= (low >>> 11) | (high << 21)
    high ^= (high | 0) >>> 11
    sum = (low >>> 0) + ((low << 6) >>> 0)
    high = high + ((high << 6) | (low >>> 26)) + (sum >= LOW ? 1 : 0)
    low = sum | 0
    return (low ^ ((low >>> 22) | (high << 10))) & (CLASSES - 1)
  }
})
