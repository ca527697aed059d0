/*---
description: what the prelude replaces is called what it replaces, and fails where it fails
---*/
for (const part of ['FullYear', 'Month', 'Date', 'Hours', 'Minutes', 'Seconds', 'Milliseconds']) {
  for (const key of [`get${part}`, `set${part}`]) {
    assert(Date.prototype[key].name === key, key)
    assert(Date.prototype[key].length === Date.prototype[key.replace('et', 'etUTC')].length, key)
  }
}
assert(new Date(-62198755200000).toDateString() === 'Fri Jan 01 -0001', 'a year before the first')
for (const key of ['setFloat16', 'setFloat32', 'setFloat64']) {
  let error
  try {
    new DataView(new ArrayBuffer(8))[key](-1, { valueOf() { throw new Test262Error('coerced') } })
  } catch (thrown) {
    error = thrown
  }
  assert(error instanceof RangeError, key)
}
