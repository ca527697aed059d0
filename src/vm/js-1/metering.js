;(function metering({ prices }) {
  // The meter that compiled code, builtins and the controller draw on. `f` is the fuel that is left: below 0 nothing of
  // the contract goes on, since whatever looks at the meter throws. What it throws says nothing, and is nothing that a
  // contract could tell from another error: that there was no fuel left is read off the meter, when the call is over.

  const RawError = RangeError
  const { freeze, assign } = Object

  /** As much as one charge takes at most. Whole numbers of this size are no objects to V8. */
  const UNITS_MAX = 2 ** 30

  // the realm is set up before any call, and pays for nothing
  const meter = {
    __proto__: null,
    f: UNITS_MAX,
    d: 0,
    max: prices.syntax.depth,
    out,
    awaited,
    rest: null,
    grown: null
  }
  let given = 0

  return freeze({ meter, charge, complete, start, used })

  /** Fuel for a call. */
  function start(fuel) {
    given = fuel
    meter.f = fuel
    meter.d = 0
  }

  /** What the call has used, in whole units: all of it where it was not enough. */
  function used() {
    return meter.f < 0 ? given : given - meter.f
  }

  /** Takes units, rounded down. */
  function charge(units) {
    if (meter.f >= 0) meter.f -= units < UNITS_MAX ? units | 0 : UNITS_MAX
    if (meter.f < 0) throw undefined
  }

  /** Where compiled code finds that it may not go on: for want of fuel, or of depth, which can be caught. */
  function out() {
    if (meter.f < 0) throw undefined
    const error = new RawError(
      `calls may nest ${prices.syntax.depth} levels deep: use a loop, or fewer levels`
    )
    error.code = 'DEPTH_LIMIT'
    throw error
  }

  /** Gives back what is awaited: the caller's depth is restored while the arguments are evaluated. */
  function awaited(value) {
    return value
  }

  /** Takes in what the operators do, see operators.js. */
  function complete(operators) {
    assign(meter, operators)
    // paid for when it is there: it was as much work as there is of it
    meter.rest = operators.copied
    meter.grown = (value) => {
      if (typeof value === 'string') operators.text(value)
      else if (typeof value === 'bigint') operators.decrement(value)
      return value
    }
  }
})
