;(function softwareMath() {
  // biome-ignore lint/suspicious/noRedundantUseStrict: a classic script, not a module
  'use strict'

  // The functions of Math that differ between processors, in arithmetic that does not: + - * / and
  // sqrt of doubles, which IEEE 754 rounds in one way, and integers. The same bits on every
  // machine, whether interpreted or compiled. (sqrt and the rounding functions stay native.) Powers, `**` included, are V8's
  // by way of the C library of the system, and that one's by what the processor can do.
  //
  // Values are kept as double-doubles, unevaluated sums of two doubles (Dekker, "A floating-point
  // technique for extending the available precision", Numer. Math. 18, 1971; Knuth, The Art of
  // Computer Programming 2, 4.2.2). Arguments are reduced to |r| < 2^-6 against tables, whose
  // entries have a head so short that its product with half a double is exact (after Tang,
  // "Table-driven implementation of the exponential function", ACM TOMS 15, 1989, and "of the
  // logarithm function", ACM TOMS 16, 1990); then the first term of the series is exact and the
  // others are too small for their rounding to matter. Angles are reduced after Cody and Waite
  // (Software Manual for the Elementary Functions, 1980), large ones and those next to a multiple
  // of pi/2 after Payne and Hanek ("Radian reduction for trigonometric functions", SIGNUM
  // Newsletter 18, 1983).
  //
  // Largest errors measured, in ulp, over 100,000 arguments each (test/vm-math.test.ts), where 0.5
  // is the least there can be:
  //
  //   sin 0.50003, tan 0.50011, atan 0.50004, atan2 0.50012; all others 0.50000
  //
  // Arguments are numbers: whoever calls has coerced them.

  // Taken once, before any contract runs: no function below reads a property that a contract could
  // reach (elements of arrays are their own).
  const { sqrt, floor, abs } = Math
  const toBigInt = BigInt
  const toNumber = Number
  const toUintN = BigInt.asUintN
  const NOT_A_NUMBER = Number.NaN
  const INFINITE = Number.POSITIVE_INFINITY

  // One double and its two halves; which half is the high one depends on the machine.
  const double = new Float64Array(1)
  const words = new Uint32Array(double.buffer)
  double[0] = 1
  const HIGH = words[1] === 0x3ff00000 ? 1 : 0
  const LOW = 1 - HIGH

  // A double-double is returned as its high part, with its low part left here: no call allocates a
  // pair. Both parts are normalised: the high part is their sum, rounded once.
  let low = 0
  let turns = 0 // of reduceAngle: how many steps of pi/128 it took off
  let exponent = 0 // of reduceExp and expOf: the power of two of their value
  let index = 0 // of reduceExp: the entry of the table

  const SPLITTER = 2 ** 27 + 1 // SPLITTER·x - (SPLITTER·x - x) is x rounded to 26 bits (Veltkamp)
  const TINY = 2 ** -34 // f(x) = x ± x³/k is x, to 2^-68, for all odd functions here

  // Tables are made of fixed-point integers and cut into doubles: a head that is short enough for
  // its products and sums to be exact, and a rest.
  const BITS = 128n
  const ONE = 1n << BITS

  // 2/pi to 1216 bits: 1024 for the largest exponent, the rest for what then cancels in the worst
  // case. pi is its reciprocal.
  const TWO_OVER_PI_BITS = 1216
  const TWO_OVER_PI =
    0xa2f9836e4e441529fc2757d1f534ddc0db6295993c439041fe5163abdebbc561b7246e3a424dd2e006492eea09d1921cfe1deb1cb129a73ee88235f52ebb4484e99c7026b45f7e413991d639835339f49c845f8bbdf9283b1ff897ffde05980fef2f118b5a0a6d1f6d367ecf27cb09b74f463f669e5fea2d7527bac7ebe5f17b3d0739f78a5292ea6bfb5fb11f8d5d0856033046fc7b6babn
  const PI = (2n << (BITS + 1216n)) / TWO_OVER_PI
  const LN2 = 0xb17217f7d1cf79abc9e3b39803f2f6afn
  const LN10 = 0x24d763776aaa2b05ba95b58ae0b4c28a3n

  // The angle n·pi/128 + r, |r| ≤ pi/256
  const ANGLE_SCALE = toDouble((128n << (2n * BITS)) / PI)
  const [ANGLE_1, ANGLE_2, ANGLE_3] = cut(PI >> 7n, 38n, 71n)
  let SIN_1 = null
  let SIN_2 = null

  // 2^(n/128) · e^r, |r| ≤ log 2 / 256
  const EXP_SCALE = toDouble((128n << (2n * BITS)) / LN2)
  const [EXP_STEP_1, EXP_STEP_2] = cut(LN2 >> 7n, 42n)
  let EXP_1 = null
  let EXP_2 = null

  // e · log 2 - log c + log(1 + r), c = LOG_C[j] close to 1/x, |r| < 2^-7.8
  const [LN2_1, LN2_2] = cut(LN2, 42n)
  let LOG_C = null
  let LOG_1 = null
  let LOG_2 = null
  const [LOG2E_1, LOG2E_2] = cut((ONE << BITS) / LN2, 25n)
  const [LOG10E_1, LOG10E_2] = cut((ONE << BITS) / LN10, 27n)

  // atan(j/64) + atan(r), |r| ≤ 2^-7
  const [HALF_PI_1, HALF_PI_2] = cut(PI >> 1n, 45n)
  const [PI_1, PI_2] = cut(PI, 45n)
  let ATAN_1 = null
  let ATAN_2 = null
  const HALF_PI = HALF_PI_1 + HALF_PI_2
  const WHOLE_PI = PI_1 + PI_2

  const CBRT_2 = [1, 1.2599210498948732, 1.5874010519681994]

  return {
    sin(x) {
      if (!(abs(x) < INFINITE)) return NOT_A_NUMBER
      if (abs(x) < TINY) return x
      const r = reduceAngle(abs(x))
      const y = sineAt(turns, r, low)
      return x < 0 ? -y : y
    },

    cos(x) {
      if (!(abs(x) < INFINITE)) return NOT_A_NUMBER
      const r = reduceAngle(abs(x))
      return sineAt(turns + 64, r, low)
    },

    tan(x) {
      if (!(abs(x) < INFINITE)) return NOT_A_NUMBER
      if (abs(x) < TINY) return x
      const r = reduceAngle(abs(x))
      const rest = low
      const s = sineAt(turns, r, rest)
      const sLow = low
      const c = sineAt(turns + 64, r, rest)
      const y = divide(s, sLow, c, low)
      return x < 0 ? -y : y
    },

    asin(x) {
      const a = abs(x)
      if (!(a <= 1)) return NOT_A_NUMBER
      if (a < TINY) return x
      const c = cosineOfSine(a)
      const y = angleOf(a, 0, c, low)
      return x < 0 ? -y : y
    },

    acos(x) {
      if (!(abs(x) <= 1)) return NOT_A_NUMBER
      if (x === 1) return 0
      const s = cosineOfSine(abs(x))
      return angleOf(s, low, x, 0)
    },

    atan(x) {
      const a = abs(x)
      if (!(a >= TINY)) return x
      const y = a > 2 ** 64 ? HALF_PI : angleOf(a, 0, 1, 0)
      return x < 0 ? -y : y
    },

    atan2(y, x) {
      if (!(x <= INFINITE && y <= INFINITE)) return NOT_A_NUMBER
      const a = angleOfPoint(abs(y), x)
      return y < 0 || (y === 0 && 1 / y < 0) ? -a : a
    },

    sinh(x) {
      const a = abs(x)
      if (!(a >= TINY && a < INFINITE)) return x
      let y = INFINITE
      if (a <= 40) {
        const m = expm1Of(a)
        const mLow = low
        const d = m + 1
        const q = divide(m, mLow, d, m - (d - 1) + mLow)
        y = 0.5 * sum(m, mLow, q, low)
      } else if (a < 712) {
        const e = expOf(a)
        y = scale(e, low, exponent - 1)
      }
      return x < 0 ? -y : y
    },

    cosh(x) {
      const a = abs(x)
      if (a <= 40) {
        const m = expOf(a)
        const p = power(exponent)
        const e = m * p
        const eLow = low * p
        const q = divide(1, 0, e, eLow)
        return 0.5 * sum(e, eLow, q, low)
      }
      if (!(a < 712)) return a > 0 ? INFINITE : NOT_A_NUMBER
      const e = expOf(a)
      return scale(e, low, exponent - 1)
    },

    tanh(x) {
      const a = abs(x)
      if (!(a >= TINY)) return x
      let y = 1
      if (a < 22) {
        const m = expm1Of(2 * a)
        const mLow = low
        const d = sum(2, 0, m, mLow)
        y = divide(m, mLow, d, low)
      }
      return x < 0 ? -y : y
    },

    asinh(x) {
      const a = abs(x)
      if (!(a >= TINY && a < INFINITE)) return x
      const y = a > 2 ** 30 ? logOfTwice(a, 0.25 / a / a) : asinhOf(a)
      return x < 0 ? -y : y
    },

    acosh(x) {
      if (!(x >= 1)) return NOT_A_NUMBER
      if (x === INFINITE) return x
      if (x > 2 ** 30) return logOfTwice(x, -0.25 / x / x)
      // log(1 + v + sqrt(v·(v + 2))), v = x - 1, which is exact
      const v = x - 1
      const p = product(v, v)
      const s = sum(2 * v, 0, p, low)
      const r = root(s, low)
      const u = sum(r, low, v, 0)
      return log1pOf(u, low)
    },

    atanh(x) {
      const a = abs(x)
      if (!(a <= 1)) return NOT_A_NUMBER
      if (a < TINY) return x
      let y = INFINITE
      if (a < 1) {
        const d = 1 - a
        const v = divide(2 * a, 0, d, 1 - d - a)
        y = 0.5 * log1pOf(v, low)
      }
      return x < 0 ? -y : y
    },

    exp(x) {
      if (!(x <= 710)) return x > 710 ? INFINITE : NOT_A_NUMBER
      if (x < -746) return 0
      const e = expOf(x)
      return scale(e, low, exponent)
    },

    expm1(x) {
      if (!(x <= 710)) return x > 710 ? INFINITE : NOT_A_NUMBER
      if (x < -40) return -1
      if (abs(x) < 2 ** -64) return x
      if (x < 64) return expm1Of(x)
      const e = expOf(x)
      return scale(e, low, exponent)
    },

    log(x) {
      return x > 0 && x < INFINITE ? logOfDouble(x) : specialLog(x)
    },

    log1p(x) {
      if (!(x > -1 && x < INFINITE)) return specialLog(1 + x)
      return abs(x) < 2 ** -64 ? x : log1pOf(x, 0)
    },

    log2(x) {
      if (!(x > 0 && x < INFINITE)) return specialLog(x)
      const y = logOfDouble(x)
      return timesConstant(y, low, LOG2E_1, LOG2E_2)
    },

    log10(x) {
      if (!(x > 0 && x < INFINITE)) return specialLog(x)
      const y = logOfDouble(x)
      return timesConstant(y, low, LOG10E_1, LOG10E_2)
    },

    pow(x, y) {
      if (y === 0) return 1
      if (!(x === x && y === y)) return NOT_A_NUMBER
      const a = abs(x)
      if (abs(y) === INFINITE) return a === 1 ? NOT_A_NUMBER : a > 1 === y > 0 ? INFINITE : 0
      const isWhole = floor(y) === y
      if (x < 0 && !isWhole && a < INFINITE) return NOT_A_NUMBER
      const z = a > 0 && a < INFINITE ? powerOf(a, y, isWhole) : a > 0 === y > 0 ? INFINITE : 0
      const isOdd = isWhole && floor(y / 2) * 2 !== y
      return isOdd && (x < 0 || 1 / x < 0) ? -z : z
    },

    cbrt(x) {
      const a = abs(x)
      if (!(a > 0 && a < INFINITE)) return x
      const y = a < 2 ** -1022 ? cbrtOf(a * 2 ** 54) * 2 ** -18 : cbrtOf(a)
      return x < 0 ? -y : y
    },

    hypot(...values) {
      let most = 0
      let nan = false
      for (let i = 0; i < values.length; i++) {
        const a = abs(values[i])
        if (a === INFINITE) return INFINITE
        if (a > most) most = a
        else if (!(a >= 0)) nan = true
      }
      if (nan) return NOT_A_NUMBER
      return most === 0 ? 0 : rootOfSquares(values, most)
    }
  }

  // ---- sums, products and quotients that know their own rounding error ----

  /** (a + aLow) + (b + bLow). Møller's and Knuth's two-sum. */
  function sum(a, aLow, b, bLow) {
    const s = a + b
    const t = s - a
    const e = a - (s - t) + (b - t) + (aLow + bLow)
    const r = s + e
    low = e - (r - s)
    return r
  }

  /** a·b, exactly. Dekker's product; |a|, |b| < 2^996. */
  function product(a, b) {
    const p = a * b
    let t = SPLITTER * a
    const a1 = t - (t - a)
    const a2 = a - a1
    t = SPLITTER * b
    const b1 = t - (t - b)
    const b2 = b - b1
    low = a1 * b1 - p + a1 * b2 + a2 * b1 + a2 * b2
    return p
  }

  /** (n + nLow) / (d + dLow): the quotient, then the quotient of the remainder. */
  function divide(n, nLow, d, dLow) {
    const q = n / d
    const p = product(q, d)
    const r = (n - p - low + (nLow - q * dLow)) / d
    const s = q + r
    low = r - (s - q)
    return s
  }

  /** sqrt(x + xLow), in the same way. */
  function root(x, xLow) {
    const s = sqrt(x)
    if (s === 0) {
      low = 0
      return 0
    }
    const p = product(s, s)
    const r = (x - p - low + xLow) / (2 * s)
    const y = s + r
    low = r - (y - s)
    return y
  }

  /** (x + xLow)·(c1 + c2), where c1 has at most 26 bits. */
  function timesConstant(x, xLow, c1, c2) {
    const t = SPLITTER * x
    const x1 = t - (t - x)
    return x1 * c1 + ((x - x1 + xLow) * c1 + x * c2)
  }

  /** (x + xLow)·2^k rounded once, also where the result is subnormal. x > 0. */
  function scale(x, xLow, k) {
    double[0] = x
    const e = (words[HIGH] >>> 20) + k
    if (e > 2046) return INFINITE
    if (e > 0) {
      words[HIGH] += k << 20
      return double[0]
    }
    // Round to a multiple of the smallest double, as it is before scaling. Adding and taking away
    // 2^52 of them does it; where x lies exactly between two, xLow decides.
    const unit = power(-1074 - k)
    const magic = 2 ** 52 * unit
    let y = x + magic - magic
    const rest = x - y
    if (rest === 0.5 * unit && xLow > 0) y += unit
    else if (rest === -0.5 * unit && xLow < 0) y -= unit
    return (y / unit) * 2 ** -1074
  }

  /** 2^k, where that is a normal number */
  function power(k) {
    words[HIGH] = (k + 1023) << 20
    words[LOW] = 0
    return double[0]
  }

  // ---- angles ----

  /** x = turns·pi/128 + r. x ≥ 0, finite. Cody and Waite's reduction where its 125 bits suffice. */
  function reduceAngle(x) {
    if (x > 25000) return reduceAngleExactly(x)
    turns = floor(x * ANGLE_SCALE + 0.5)
    const t = x - turns * ANGLE_1
    const u = turns * ANGLE_2
    const h = t - u
    const l = t - h - u - turns * ANGLE_3
    const r = h + l
    if ((turns & 63) === 0 && turns !== 0 && abs(r) < 2 ** -32) return reduceAngleExactly(x)
    low = l - (r - h)
    return r
  }

  /**
   * The same with as many digits of 2/pi as x asks for (Payne and Hanek). Digits that only add
   * whole turns and digits below the 200th fractional one are left out.
   */
  function reduceAngleExactly(x) {
    double[0] = x
    const e = (words[HIGH] >>> 20) - 1075
    words[HIGH] = (words[HIGH] & 0xfffff) | 0x43300000 // x = double[0] · 2^e, a whole number
    const digits = toUintN(208, TWO_OVER_PI >> toBigInt(TWO_OVER_PI_BITS - 206 - e))
    const steps = toUintN(208, digits * toBigInt(double[0]))
    const whole = (steps + (1n << 199n)) >> 200n
    const fraction = steps - (whole << 200n)
    turns = toNumber(whole)
    const high = toNumber(fraction)
    const rest = toNumber(fraction - toBigInt(high))
    const p = product(high * 2 ** -200, PI_1 * 2 ** -7)
    const l = low + (high * 2 ** -200 * (PI_2 * 2 ** -7) + rest * 2 ** -200 * (PI_1 * 2 ** -7))
    const r = p + l
    low = l - (r - p)
    return r
  }

  /** sin(n·pi/128 + r + rLow) */
  function sineAt(n, r, rLow) {
    if (SIN_1 === null) makeSines()
    const j = n & 255
    const s1 = SIN_1[j]
    const s2 = SIN_2[j]
    const c1 = SIN_1[j + 64]
    const c2 = SIN_2[j + 64]
    const t = SPLITTER * r
    const r1 = t - (t - r)
    const z = r * r
    const sinRest = r * z * (-1 / 6 + z * (1 / 120 - z * (1 / 5040))) + rLow + (r - r1)
    const cosRest = z * (-0.5 + z * (1 / 24 + z * (-1 / 720 + z * (1 / 40320)))) - r * rLow
    const p = c1 * r1
    const h = s1 + p
    const l = p - (h - s1) + (s2 + (c2 * r1 + ((c1 + c2) * sinRest + (s1 + s2) * cosRest)))
    const y = h + l
    low = l - (y - h)
    return y
  }

  /** sqrt(1 - a²), 0 ≤ a ≤ 1 */
  function cosineOfSine(a) {
    const p = product(a, a)
    const pLow = low
    const d = 1 - p
    const s = sum(d, 1 - d - p, -pLow, 0)
    return root(s, low)
  }

  /** atan2(y, x) for y ≥ 0 and any x but NaN; what is exact or out of range here, else angleOf. */
  function angleOfPoint(y, x) {
    const a = abs(x)
    const left = x < 0 || (x === 0 && 1 / x < 0)
    if (y === INFINITE && a === INFINITE) return left ? 0.75 * WHOLE_PI : 0.25 * WHOLE_PI
    if (y === 0) return left ? WHOLE_PI : 0
    const q = y / a
    if (q > 2 ** 64) return HALF_PI
    if (q < TINY && !left) return q
    if (q < 2 ** -64) return WHOLE_PI
    const most = y > a ? y : a
    const factor = most > 2 ** 900 ? 2 ** -120 : most < 2 ** -700 ? 2 ** 400 : 1
    return angleOf(y * factor, 0, x * factor, 0)
  }

  /** atan2(y + yLow, x + xLow) for y ≥ 0, with 2^-68 < y/|x| < 2^68 or an x of 0. */
  function angleOf(y, yLow, x, xLow) {
    const left = x < 0
    const a = left ? -x : x
    const aLow = left ? -xLow : xLow
    if (y > a) return angleFrom(HALF_PI_1, HALF_PI_2, left ? 1 : -1, a, aLow, y, yLow)
    return left ? angleFrom(PI_1, PI_2, -1, y, yLow, a, aLow) : angleFrom(0, 0, 1, y, yLow, a, aLow)
  }

  /**
   * base + baseLow + sign·atan((n + nLow) / (d + dLow)), 0 ≤ n ≤ d:
   * atan(n/d) = atan(c) + atan((n - c·d) / (d + c·n)), c = j/64.
   */
  function angleFrom(base, baseLow, sign, n, nLow, d, dLow) {
    const j = floor((n / d) * 64 + 0.5)
    const c = j / 64
    let t = SPLITTER * d
    const d1 = t - (t - d)
    t = SPLITTER * n
    const n1 = t - (t - n)
    const v = n - c * d1
    const w = c * (d - d1)
    const top = v - w
    const topLow = v - top - w + (nLow - c * dLow)
    const cn = c * n1
    const bottom = d + cn
    const bottomLow = cn - (bottom - d) + (c * (n - n1) + (dLow + c * nLow))
    const r = divide(top, topLow, bottom, bottomLow)
    const z = r * r
    const rest = low + r * z * (-1 / 3 + z * (1 / 5 + z * (-1 / 7 + z * (1 / 9))))
    if (ATAN_1 === null) makeArcTangents()
    const b = base + sign * ATAN_1[j]
    const bLow = baseLow + sign * ATAN_2[j]
    const h = b + sign * r
    const l = sign * r - (h - b) + (bLow + sign * rest)
    const s = h + l
    low = l - (s - h)
    return s
  }

  // ---- exponentials ----

  /** e^r - 1, where x = (128·exponent + index)·log 2 / 128 + r */
  function reduceExp(x) {
    const n = floor(x * EXP_SCALE + 0.5)
    index = n & 127
    exponent = (n - index) / 128
    const t = x - n * EXP_STEP_1
    const u = n * EXP_STEP_2
    const r = t - u
    const rLow = t - r - u
    // r + r²/2 to the last bit, the rest as it comes: a is half of r's bits, so a²/2 is exact.
    const v = SPLITTER * r
    const a = v - (v - r)
    const h = 0.5 * a * a
    const s = r + h
    const series = 1 / 6 + r * (1 / 24 + r * (1 / 120 + r * (1 / 720)))
    const square = 0.5 * (r - a) * (r + a) + r * rLow
    const l = h - (s - r) + (rLow + square + r * r * r * series)
    const q = s + l
    low = l - (q - s)
    return q
  }

  /** e^x / 2^exponent */
  function expOf(x) {
    if (EXP_1 === null) makePowers()
    const q = reduceExp(x)
    const t1 = EXP_1[index]
    const t2 = EXP_2[index]
    const v = SPLITTER * q
    const q1 = v - (v - q)
    const p = t1 * q1
    const h = t1 + p
    const l = p - (h - t1) + (t2 + (t1 * (q - q1 + low) + t2 * q))
    const y = h + l
    low = l - (y - h)
    return y
  }

  /** e^x - 1, |x| ≤ 64 */
  function expm1Of(x) {
    if (abs(x) < 0.0027) {
      const q = reduceExp(x)
      if (index === 0) return q
    }
    const m = expOf(x)
    const p = power(exponent)
    return sum(m * p, low * p, -1, 0)
  }

  // ---- powers ----

  /** x^y, x > 0; both finite, y not 0 */
  function powerOf(x, y, isWhole) {
    if (y === 1) return x
    if (y === 2) return x * x
    if (y === -1) return 1 / x
    if (isWhole) {
      double[0] = x
      const high = words[HIGH]
      if ((high & 0xfffff) === 0 && words[LOW] === 0 && high !== 0) {
        return powerOfTwo(((high >>> 20) - 1023) * y)
      }
      if (y > 0 && y < 64 && floor(x) === x) {
        const z = powerOfWhole(x, y)
        if (z <= 2 ** 53) return z
      }
    }
    const l = logOfDouble(x)
    const lLow = low
    const t = l * y
    // less than half a unit away from 1
    if (abs(t) < 2 ** -60) return 1
    if (t > 710) return INFINITE
    if (t < -746) return 0
    const p = product(l, y)
    const rest = low + lLow * y
    const s = p + rest
    const sLow = rest - (s - p)
    const e = expOf(s)
    const eLow = low + e * sLow
    const h = e + eLow
    return scale(h, eLow - (h - e), exponent)
  }

  /** 2^k for any whole k. */
  function powerOfTwo(k) {
    if (k > 1023) return INFINITE
    if (k < -1074) return 0
    return k < -1022 ? power(k + 100) * 2 ** -100 : power(k)
  }

  /** Exact where it comes to no more than 2^53. x is whole, and n is from 1 to 63. */
  function powerOfWhole(x, n) {
    let z = 1
    let square = x
    for (let k = n; ; ) {
      if ((k & 1) === 1) z *= square
      k >>= 1
      if (k === 0) return z
      square *= square
    }
  }

  // ---- logarithms ----

  function specialLog(x) {
    if (x === 0) return -INFINITE
    return x === INFINITE ? x : NOT_A_NUMBER
  }

  /** log x; 0 < x < Infinity, subnormal or not */
  function logOfDouble(x) {
    return x < 2 ** -1022 ? logOf(x * 2 ** 54, 0, -54) : logOf(x, 0, 0)
  }

  /** log(2x) + rest, x large */
  function logOfTwice(x, rest) {
    return logOf(x, 0, 1) + (low + rest)
  }

  /** log(1 + x + xLow), x > -1 */
  function log1pOf(x, xLow) {
    if (abs(x) < 2 ** -8) return logFrom(0, 0, x, xLow)
    const u = sum(1, 0, x, xLow)
    return logOf(u, low, 0)
  }

  /** log(2^k·(x + xLow)), x > 0 and normal */
  function logOf(x, xLow, k) {
    if (LOG_C === null) makeLogarithms()
    double[0] = x
    const high = words[HIGH]
    const e = (high >>> 20) - 1023
    const fraction = high & 0xfffff
    const j = (fraction + 0x1000) >>> 13 // to the nearest of 128
    words[HIGH] = fraction | 0x3ff00000
    const m = double[0]
    words[LOW] = 0
    const m1 = double[0]
    const c = LOG_C[j]
    const v = m1 * c - 1
    const w = (m - m1) * c
    const r = v + w
    const rLow = w - (r - v) + (xLow === 0 ? 0 : xLow * power(-e) * c)
    const n = k + (j < 53 ? e : e + 1) // from sqrt 2 on, half of m is closer to 1
    return logFrom(n * LN2_1 + LOG_1[j], n * LN2_2 + LOG_2[j], r, rLow)
  }

  /** base + baseLow + log(1 + r + rLow), |r| < 2^-7.8 */
  function logFrom(base, baseLow, r, rLow) {
    const t = SPLITTER * r
    const a = t - (t - r)
    const s = base + r
    const h = -0.5 * a * a // -r²/2, but for what is in square
    const u = s + h
    const square = 0.5 * (r - a) * (r + a) + r * rLow * (1 - r)
    const series =
      1 / 3 + r * (-1 / 4 + r * (1 / 5 + r * (-1 / 6 + r * (1 / 7 + r * (-1 / 8 + r / 9)))))
    const l = r - (s - base) + (h - (u - s)) + (baseLow + (rLow - square + r * r * r * series))
    const y = u + l
    low = l - (y - u)
    return y
  }

  /** asinh a = log(1 + a + a² / (1 + sqrt(1 + a²))), TINY ≤ a ≤ 2^30 */
  function asinhOf(a) {
    const p = product(a, a)
    const pLow = low
    const s = sum(1, 0, p, pLow)
    const r = root(s, low)
    const d = sum(1, 0, r, low)
    const q = divide(p, pLow, d, low)
    const v = sum(a, 0, q, low)
    return log1pOf(v, low)
  }

  // ---- roots ----

  /**
   * The cube root of a positive normal number: a parabola (8 bits), Halley's step (26 bits), then
   * the exact remainder of the cube of these 26 bits.
   */
  function cbrtOf(x) {
    double[0] = x
    const high = words[HIGH]
    const e = (high >>> 20) - 1023 + 1200
    const rest = e % 3
    words[HIGH] = (high & 0xfffff) | 0x3ff00000
    const f = double[0]
    const m = f * (1 << rest)
    let y = (0.6257 + f * (0.43356 - f * 0.05836)) * CBRT_2[rest]
    const cube = y * y * y
    y *= (cube + 2 * m) / (2 * cube + m)
    let t = SPLITTER * y
    y = t - (t - y)
    const square = y * y
    t = SPLITTER * square
    const s1 = t - (t - square)
    const d = (m - s1 * y - (square - s1) * y) / (square * y)
    return (y + y * (d * (1 / 3 - d * (1 / 9)))) * power((e - rest) / 3 - 400)
  }

  /** sqrt of the sum of the squares; most is the largest of them, finite and not 0 */
  function rootOfSquares(values, most) {
    const k = most > 2 ** 480 ? -600 : most < 2 ** -450 ? 600 : 0
    const factor = power(k)
    let s = 0
    let sLow = 0
    for (let i = 0; i < values.length; i++) {
      const v = values[i] * factor
      const p = product(v, v)
      s = sum(s, sLow, p, low)
      sLow = low
    }
    const y = root(s, sLow)
    return scale(y, low, -k)
  }

  // ---- tables, made when they are needed first: most instances never do ----

  /** A list of doubles; on the heap, where no room for it is the end of the call, and nothing to be caught. */
  function doubles(length) {
    const list = []
    for (let i = 0; i < length; i++) list[i] = 0.5
    return list
  }

  function toDouble(value) {
    return toNumber(value) * 2 ** -128
  }

  /** A fixed-point number as doubles: down to each of the given fractional bits, and the rest. */
  function cut(value, ...places) {
    const parts = []
    let rest = value
    for (const place of places) {
      const head = (rest >> (BITS - place)) << (BITS - place)
      parts.push(toDouble(head))
      rest -= head
    }
    parts.push(toDouble(rest))
    return parts
  }

  /** The same for an entry of a table, but rounded: adding 1.5·2^52 units leaves whole units. */
  function put(heads, rests, j, value, unit) {
    const magic = 1.5 * 2 ** 52 * unit
    const head = toNumber(value) * 2 ** -128 + magic - magic
    heads[j] = head
    rests[j] = toNumber(value - toBigInt(head * 2 ** 128)) * 2 ** -128
  }

  /** sin(j·pi/128) for a circle and a quarter, so that j + 64 is the cosine */
  function makeSines() {
    const step = PI >> 7n
    const square = (step * step) >> BITS
    let sin = 0n
    let cos = 0n
    for (let n = 20n; n > 0n; n -= 2n) {
      cos = ONE - ((cos * square) >> BITS) / ((n - 1n) * n)
      sin = ONE - ((sin * square) >> BITS) / (n * (n + 1n))
    }
    sin = (sin * step) >> BITS
    const heads = doubles(320)
    const rests = doubles(320)
    let s = 0n
    let c = ONE
    for (let j = 0; j <= 32; j++) {
      put(heads, rests, j, s, 2 ** -26)
      put(heads, rests, 64 - j, c, 2 ** -26)
      const next = (s * cos + c * sin) >> BITS
      c = (c * cos - s * sin) >> BITS
      s = next
    }
    for (let j = 65; j < 320; j++) {
      heads[j] = j <= 128 ? heads[128 - j] : -heads[j - 128]
      rests[j] = j <= 128 ? rests[128 - j] : -rests[j - 128]
    }
    SIN_1 = heads
    SIN_2 = rests
  }

  /** 2^(j/128) */
  function makePowers() {
    const r = LN2 >> 7n
    let factor = ONE
    for (let n = 16n; n > 0n; n--) factor = ONE + ((factor * r) >> BITS) / n
    const heads = doubles(128)
    const rests = doubles(128)
    let value = ONE
    for (let j = 0; j < 128; j++) {
      put(heads, rests, j, value, 2 ** -25)
      value = (value * factor) >> BITS
    }
    EXP_1 = heads
    EXP_2 = rests
  }

  /** c = 1/(1 + j/128) to 13 bits and -log c, or -log 2c where 1 + j/128 > sqrt 2 */
  function makeLogarithms() {
    const factors = doubles(129)
    const heads = doubles(129)
    const rests = doubles(129)
    fill(0, 53, 1)
    fill(128, 52, -1)
    LOG_C = factors
    LOG_1 = heads
    LOG_2 = rests

    function fill(from, to, step) {
      let value = 0n
      let last = 0
      for (let j = from; j !== to; j += step) {
        const c = floor(8192 / (1 + j / 128) + 0.5)
        if (j !== from) value += 2n * inverseTangent(last - c, last + c, 1)
        last = c
        factors[j] = c / 8192
        put(heads, rests, j, value, 2 ** -42)
      }
    }
  }

  /** atan(j/64) as the sum of atan(64 / (4096 + k·(k + 1))) over k < j */
  function makeArcTangents() {
    const heads = doubles(65)
    const rests = doubles(65)
    let value = 0n
    for (let j = 0; j <= 64; j++) {
      put(heads, rests, j, value, 2 ** -45)
      value += inverseTangent(64, 4096 + j * (j + 1), -1)
    }
    ATAN_1 = heads
    ATAN_2 = rests
  }

  /** atanh(p/q) if sign is 1, atan(p/q) if it is -1; |p/q| ≤ 1/64, p and q whole */
  function inverseTangent(p, q, sign) {
    const z = p / q
    const s = sign * z * z
    const tail = z * s * s * (1 / 5 + s * (1 / 7 + s * (1 / 9 + s * (1 / 11 + s * (1 / 13)))))
    return (
      (toBigInt(p) << BITS) / toBigInt(q) +
      (toBigInt(sign * p * p * p) << BITS) / toBigInt(3 * q * q * q) +
      toBigInt(floor(tail * 2 ** 128))
    )
  }
})
