/*---
description: neither the wrapper nor the meter is seen
---*/
const twice = (x) => 2 * x
assert(twice(2) === 4, 'a function')
