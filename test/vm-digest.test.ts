import test from 'brittle'
import { describeVm, idOf, recordedVm } from '../scripts/vm-digest.js'
import { VM_ID } from '../src/protocol/vm-id.ts'

test('vm digest - what the VM id stands for is what is checked in', (t) => {
  const { released, id, ...recorded } = recordedVm()
  const what = released
    ? 'js-1 is released: undo the change, or make it in a copy under a new id (src/vm/registry.ts)'
    : 'js-1 has changed: if you mean it, run "node scripts/vm-digest.js" and look at the diff of all vectors'
  t.alike(describeVm(), recorded, what)
  t.is(id, idOf(recorded, released), 'and the id says so until the release')
  t.is(VM_ID, id)
})

test('vm digest - covers every script that a contract runs in', (t) => {
  const files = Object.keys(describeVm().files)
  for (const file of ['prelude.js', 'meter.js', 'prices.js', 'controller.js', 'builtins/json.js']) {
    t.ok(files.includes(file), file)
  }
  t.absent(files.some((file) => file.startsWith('..')))
})
