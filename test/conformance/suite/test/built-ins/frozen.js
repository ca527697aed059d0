/*---
description: changes an intrinsic
---*/
Math.answer = 42
assert(Math.answer === 42, 'the answer')
