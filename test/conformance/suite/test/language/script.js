/*---
description: only a script has the global object for this
---*/
assert(this === globalThis, 'this')
