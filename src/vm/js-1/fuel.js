;(function fuel() {
  // The fuel of the contract for what is not in its code: the counter is in the text that the contract was
  // compiled to (counter.js), which comes when all builtins are in place.

  const { ceil } = Math
  /** In units; what is more is more than any call has. */
  const COST_MAX = 1e8
  let take = null

  return { charge, spend, attach }

  /** Takes fuel for a builtin, in the units of its prices; throws when there is none left. */
  function charge(units) {
    if (take !== null) take(units >= 0 && units < COST_MAX ? units | 0 : Infinity)
  }

  /** Takes fuel for anything else. */
  function spend(cost) {
    take(ceil(cost))
  }

  function attach(counter) {
    take = counter.charge
  }
})
