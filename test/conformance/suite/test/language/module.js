/*---
description: no contract
flags: [module]
---*/
export {}
