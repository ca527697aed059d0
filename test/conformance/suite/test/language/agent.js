/*---
description: asks the shell for something
includes:
  - unknown.js
features:
  - __proto__
---*/
$262.createRealm()
