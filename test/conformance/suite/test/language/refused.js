/*---
description: an early error
negative:
  phase: parse
  type: SyntaxError
---*/
let x
let x
