import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Test } from 'brittle'
import { audit, Client } from 'mivm'
import { tempDir } from '../helpers.ts'
import { HostProcess } from '../host-process.ts'
import { localNetwork } from '../local-network.ts'
import { Random } from '../random.ts'

const USERS = 3

/** Kills a host so many times in a row while users call it: no call is lost, none is executed twice, and the audit is clean. */
export async function killUnderLoad(t: Test, times: number): Promise<void> {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  const dir = await tempDir(t)
  const bootstrap = await localNetwork(t)
  const hostDir = path.join(dir, 'host')
  let host = await HostProcess.start(t, hostDir, bootstrap)

  const users: Client[] = []
  for (let i = 0; i < USERS; i++) {
    const user = await Client.open({ dir: path.join(dir, `user${i}`), bootstrap, timeout: 250_000 })
    t.teardown(() => user.close(), { order: 1 })
    users.push(user)
  }
  const [first] = users
  if (first === undefined) return
  const source = readFileSync(new URL('../../contracts/forum.js', import.meta.url), 'utf8')
  const { link } = await first.deploy({ host: host.id, source })
  await first.call(link, 'addTopic', ['a topic'])

  // every user keeps some calls in flight until the last kill; each remembers what it was told
  let calling = true
  let answered = 0
  const told: Promise<{ id: unknown; content: string }[]>[] = users.map(async (user, u) => {
    const answers: { id: unknown; content: string }[] = []
    for (let n = 0; calling; n++) {
      const contents = Array.from(
        { length: 1 + random.below(50) },
        (_, i) => `user ${u}, ${n}.${i}`
      )
      const ids = await Promise.all(contents.map((text) => user.call(link, 'addPost', [1, text])))
      for (const [i, id] of ids.entries()) answers.push({ id, content: contents[i] ?? '' })
      answered++
    }
    return answers
  })
  for (let round = 0; round < times; round++) {
    // in the middle of something: the users are connected again, and have calls under way
    for (const before = answered; answered < before + USERS; ) await sleep(5)
    await sleep(random.below(200))
    await host.kill('SIGKILL')
    host = await HostProcess.start(t, hostDir, bootstrap)
  }
  calling = false
  const answers = (await Promise.all(told)).flat()

  const ids = answers.map(({ id }) => Number(id)).sort((a, b) => a - b)
  t.alike(
    ids,
    ids.map((_, i) => i + 1),
    `${ids.length} calls, each executed once`
  )
  const drive = await first.state(link).drive()
  const posts: boolean[] = []
  for (const { id, content } of answers) {
    posts.push(String(await drive.get(`/topics/1/${id}`)) === content)
  }
  t.ok(
    posts.every((same) => same),
    'every post is where its caller was told'
  )

  const verdicts = []
  for await (const event of audit({ address: link, dir: path.join(dir, 'auditor'), bootstrap })) {
    if (event.type === 'finding') t.fail(JSON.stringify(event.finding))
    if (event.type === 'verdict') verdicts.push(event.verdict)
  }
  t.alike(verdicts, ['clean'])
  await host.kill('SIGTERM')
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
