;(function fuel() {
  // The fuel of the contract for what is not in its code: the counter is in the text that the contract was
  // compiled to (counter.js), which comes when all builtins are in place.

  const { ceil } = Math
  let take = null
  let takeForPromise = null

  return { charge, note, attach }

  /** Takes fuel, rounded up; throws when there is none left. While the realm is set up, nothing. */
  function charge(units) {
    if (take === null) return
    // mostly a small integer: a call less
    if ((units | 0) === units && units >= 0) {
      take(units)
      return
    }
    const cost = ceil(units)
    take(cost >= 0 ? cost : Infinity)
  }

  /** Takes whole units for something that may add or handle a rejected promise: see counter.js. */
  function note(units) {
    if (takeForPromise !== null) takeForPromise(units)
  }

  function attach(counter) {
    take = counter.charge
    takeForPromise = counter.note
  }
})
