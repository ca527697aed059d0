// A host that answers every request, and never says what was asked.
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'brittle'
import { audit, Client } from 'mivm'
import Protomux from 'protomux'
import { Network } from '../src/net/network.ts'
import { Rpc } from '../src/net/rpc.ts'
import { encodeId } from '../src/protocol/ids.ts'
import { CALL, type CallReply, type CallRequest, INFO, KNOWN } from '../src/protocol/messages.ts'
import { tempDir } from './helpers.ts'
import { localNetwork } from './local-network.ts'
import { HOST, SignedHistory } from './signed-history.ts'

/** How long somebody waits for a call, ms. */
const TIMEOUT = 1_000
/** Requests of a call in that time: those that may be by accident, and those of who waits longer each time. */
const REQUESTS_MAX = 20

const NOTHING: CallReply = { length: 0, through: 0, proof: null, behind: null }

test('fruitless - a host that answers without an answer is asked less and less often', async (t) => {
  const history = new SignedHistory(2)
  const { genesis, address } = history.subject
  const bootstrap = await localNetwork(t)
  const network = new Network(HOST, bootstrap)
  t.teardown(() => network.close(), { order: 2 })
  const proof = await history.proof([])
  let requests = 0
  const end = ({ log }: CallRequest) => log.start + log.blocks.length
  const answers: { readonly [how: string]: (request: CallRequest) => CallReply } = {
    'it has nothing of the log': () => NOTHING,
    'it has all of it': (request) => ({
      ...NOTHING,
      length: end(request),
      behind: { ...request.log, blocks: [], head: null }
    }),
    'it has signed other things': (request) => ({ ...NOTHING, length: end(request), proof })
  }
  let answer = (_: CallRequest): CallReply => NOTHING
  network.onConnection((stream) => {
    const rpc = new Rpc(Protomux.from(stream))
    rpc.respond(INFO, async () => ({ genesis, methods: ['add'], head: history.head() }))
    rpc.respond(KNOWN, async () => ({ signed: null }))
    rpc.respond(CALL, async (request) => (requests++ === 0 ? NOTHING : answer(request)))
  })
  await network.listen()
  const link = `mivm://${encodeId(HOST.publicKey)}/${encodeId(address)}`
  for (const [how, next] of Object.entries(answers)) {
    requests = 0
    answer = next
    const dir = path.join(await tempDir(t), 'user')
    const client = await Client.open({ dir, bootstrap, timeout: TIMEOUT })
    // on a slow machine the time would be over before anything is asked
    await client.connect(link)
    const code = await client.call(link, 'add', ['x']).then(
      () => null,
      (error) => error.code
    )
    t.is(code, 'TIMEOUT', how)
    const asked = requests
    await sleep(TIMEOUT / 4)
    t.ok(requests - asked < 3, 'nor in the time behind it')
    t.ok(requests < REQUESTS_MAX, `${requests} requests`)
    await client.close()
  }
})

test('fruitless - a host that has another instance ends no audit that follows', async (t) => {
  const { address } = new SignedHistory(2).subject
  const bootstrap = await localNetwork(t)
  const network = new Network(HOST, bootstrap)
  t.teardown(() => network.close(), { order: 2 })
  const other = new SignedHistory(2, 2, 1)
  const stop = new AbortController()
  network.onConnection((stream) => {
    const rpc = new Rpc(Protomux.from(stream))
    rpc.respond(INFO, async () => {
      setTimeout(() => stop.abort(), TIMEOUT / 4)
      return { genesis: other.subject.genesis, methods: ['add'], head: other.head() }
    })
    rpc.respond(KNOWN, async () => ({ signed: null }))
  })
  await network.listen()
  const link = `mivm://${encodeId(HOST.publicKey)}/${encodeId(address)}`
  const dir = path.join(await tempDir(t), 'auditor')
  const options = { address: link, bootstrap, dir, patience: TIMEOUT, follow: stop.signal }
  const verdicts: string[] = []
  for await (const event of audit(options)) {
    if (event.type === 'verdict') verdicts.push(event.verdict)
  }
  t.alike(verdicts, ['inconclusive'])
})
