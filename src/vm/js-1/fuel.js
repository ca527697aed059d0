;(function fuel() {
  // The fuel of the contract for what is not in its code: the counter is in the text that the contract was
  // compiled to (counter.js), which comes when all builtins are in place.

  const { ceil } = Math
  let counter = null

  return { charge, spend, attach }

  /** Takes fuel for a builtin, in the units of its prices; throws when there is none left. */
  function charge(units) {
    if (counter === null) return
    const cost = ceil(units)
    counter.charge(cost >= 0 ? cost : Infinity)
  }

  /** Takes fuel for anything else. */
  function spend(cost) {
    counter.charge(ceil(cost))
  }

  function attach(made) {
    counter = made
  }
})
