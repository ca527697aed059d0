/*---
description: a test may begin with anything, whatever stands before it
---*/
[1].forEach((x) => {
  assert(x === 1, 'an element')
})
