/*---
description: code from a string
---*/
assert(Function('return 1')() === 1, 'the result')
