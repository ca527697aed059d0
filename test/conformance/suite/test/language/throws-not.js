/*---
description: the error that is expected never comes
negative:
  phase: runtime
  type: ReferenceError
---*/
