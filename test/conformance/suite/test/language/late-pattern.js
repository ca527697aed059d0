/*---
description: a pattern of for await may suspend the function that has just been resumed
flags: [async]
---*/
let x
async function* f() {
  for await ({
    x: [x = yield]
  } of [{ x: [] }]);
}
const iterator = f()
iterator.next().then(() => {
  iterator
    .next(5)
    .then(({ done }) => {
      assert(done && x === 5, 'what was sent')
    })
    .then($DONE, $DONE)
})
