/*---
description: fails in both
flags: [async]
---*/
Promise.reject(new Test262Error('the reason')).then($DONE, $DONE)
