/*---
description: more levels than a call may have
---*/
const levels = (n) => (n === 0 ? 0 : 1 + levels(n - 1))
assert(levels(800) === 800, 'the levels')
