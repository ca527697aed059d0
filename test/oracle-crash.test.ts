// A host that is killed while a call waits for an oracle.
import { existsSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'brittle'
import { audit, Client } from 'mivm'
import { tempDir } from './helpers.ts'
import { HostProcess } from './host-process.ts'
import { shareVm } from './lent-vm.ts'
import { localNetwork } from './local-network.ts'

const SOURCE = `
exports.calls = 0
exports.ask = async () => {
  exports.calls++
  const first = await oracle.first()
  const second = await oracle.second()
  await state.writeFile('/answers', first + ' ' + second)
  return [first, second, exports.calls]
}`

/** Two oracles that note down every question; the one that is told to does not answer its first. */
const oracles = (dir: string, silent: string) => `
import { appendFileSync, readFileSync } from 'node:fs'
async function answer (name) {
  const file = ${JSON.stringify(dir)} + '/' + name
  appendFileSync(file, '?')
  const times = readFileSync(file, 'utf8').length
  if (name === ${JSON.stringify(silent)} && times === 1) await new Promise(() => {})
  return name + times
}
export const first = () => answer('first')
export const second = () => answer('second')
`

for (const [silent, when, value] of [
  ['first', 'between a request and its answer', ['first2', 'second1', 1]],
  ['second', 'between an answer and the result', ['first1', 'second2', 1]]
] as const) {
  test(`oracles - a host that is killed ${when} goes on from what is logged`, async (t) => {
    const dir = await tempDir(t)
    shareVm(t)
    const bootstrap = await localNetwork(t)
    const module = path.join(dir, 'oracles.mjs')
    await writeFile(module, oracles(dir, silent))
    const start = () =>
      HostProcess.start(t, path.join(dir, 'host'), bootstrap, ['--oracle', module])
    const asked = (name: string) => {
      const file = path.join(dir, name)
      return existsSync(file) ? readFileSync(file, 'utf8').length : 0
    }
    const host = await start()
    const user = await Client.open({ dir: path.join(dir, 'user'), bootstrap, timeout: 50_000 })
    t.teardown(() => user.close(), { order: 1 })
    const { link } = await user.deploy({ host: host.id, source: SOURCE })
    const call = user.call(link, 'ask', [])
    while (asked(silent) === 0) await sleep(5)
    await host.kill('SIGKILL')
    const again = await start()
    t.alike(await call, value, 'what was answered is not asked again, what was not is')
    t.alike([asked('first'), asked('second')], silent === 'first' ? [2, 1] : [1, 2])
    t.is(await user.state(link).readFile('/answers'), `${value[0]} ${value[1]}`)
    t.alike(await user.call(link, 'ask', []), [
      `first${asked('first')}`,
      `second${asked('second')}`,
      2
    ])
    const verdicts: string[] = []
    for await (const event of audit({ address: link, dir: path.join(dir, 'auditor'), bootstrap })) {
      if (event.type === 'finding') t.fail(JSON.stringify(event.finding))
      if (event.type === 'verdict') verdicts.push(event.verdict)
    }
    t.alike(verdicts, ['clean'])
    await again.kill('SIGTERM')
  })
}
