// No evidence can be made of what an honest host has signed, whatever is put together of it.
import b4a from 'b4a'
import test from 'brittle'
import { Node, YoloIndex } from 'hyperbee/lib/messages.js'
import crypto from 'hypercore-crypto'
import { checkBee } from '../src/audit/sparse-core.ts'
import { contradictionIn } from '../src/protocol/comparison.ts'
import { type Commit, decodeEntry, encodeEntry, encodeUserEntry } from '../src/protocol/entries.ts'
import { type EvidenceParts, encodeEvidence } from '../src/protocol/evidence.ts'
import type { SignedHead, StateProof } from '../src/protocol/evidence-material.ts'
import { REPLAY_CODES } from '../src/protocol/evidence-replay.ts'
import { RULES, type StructuralCode } from '../src/protocol/evidence-rules.ts'
import { signHead } from '../src/protocol/head.ts'
import { addressOf } from '../src/protocol/manifest.ts'
import { Tree, type TreeNode } from '../src/protocol/merkle.ts'
import { createProof, type Proof } from '../src/protocol/proof.ts'
import { openVm as openRegistered } from '../src/vm/registry.ts'
import { closeVm, openShared, run, Writer } from './audit-writer.ts'
import { headAt, itemsOf, proofOf, proven, range } from './evidence-parts.ts'
import type { Teardown } from './helpers.ts'
import { Random } from './random.ts'

const TRIES = 3000

test('evidence - of what signatures show, none can be made of an honest history', async (t) => {
  const random = new Random()
  t.comment(`MIVM_SEED=${random.seed}`)
  const writer = await honest(t)
  t.is((await run(t, writer)).verdict.verdict, 'clean')
  const commits = await blocksOfType(writer, ['commit'])
  const codes = Object.keys(RULES) as [StructuralCode, ...StructuralCode[]]
  for (let i = 0; i < TRIES; i++) {
    const code = random.pick(codes)
    const whole = await anyParts(random, writer, code, commits)
    const parts = random.chance(0.5) ? whole : withSizesMoved(random, whole)
    if ((await proven(encodeEvidence(parts))) === null) continue
    t.fail(`${code} of ${parts.callLog?.items.length} items, try ${i}`)
  }
  t.pass(`${TRIES} tries`)
})

test('evidence - nor of any two blocks that follow each other, or one', async (t) => {
  const { log, keyPair } = await honest(t)
  const genesis = (await log.get(0)) ?? b4a.alloc(0)
  const head = await headAt(log, keyPair)
  const codes = Object.entries(RULES).flatMap(([code, { parts }]) =>
    parts.some((form) => form === 'callLog') ? [code as StructuralCode] : []
  )
  const shown = range(0, log.length - 1).flatMap((i) => [[i], [i, i + 1]])
  const held: string[] = []
  for (const indexes of shown.slice(0, -1)) {
    const callLog = await proofOf(log, head, indexes)
    for (const code of codes) {
      const parts = {
        code,
        genesis,
        heads: [],
        callLog,
        userLog: null,
        state: null,
        otherLog: null
      }
      if ((await proven(encodeEvidence(parts))) !== null) held.push(`${code} of ${indexes}`)
    }
  }
  t.alike(held, [], `${shown.length} blocks and pairs, ${codes.length} codes`)
})

test('evidence - nor with what a user has made up, or has signed and not shown its host', async (t) => {
  const writer = await Writer.deploy(t, { seed: 'framed' })
  const { log, keyPair } = writer
  await writer.commit([await writer.call(1, 'add', ['a'])])
  const seen = { ...(await writer.head()), length: 1000 }
  const ack = await writer.commit([await writer.call(1, 'roll', [], seen)])
  // the same user, whose second call is another one there
  const other = await Writer.deploy(t, { seed: 'framed' })
  for (const text of ['a', 'b']) await other.call(1, 'add', [text])
  const genesis = (await log.get(0)) ?? b4a.alloc(0)
  const callLog = await proofOf(log, await headAt(log, keyPair), [ack, ack + 2])
  const refused: string[] = []
  for (const [code, from, block] of [
    ['CALL_ALTERED', other, 1],
    ['CALL_SKIPPED', writer, 0],
    ['ACK_BEFORE_HEAD', writer, 1]
  ] as const) {
    const [, bob] = from.users
    if (bob === undefined) throw new Error('the test is wrong')
    const proof = await proofOf(bob.core, await headAt(bob.core, bob.keyPair), [block])
    const userLog = { user: bob.keyPair.publicKey, proof }
    const parts = { code, genesis, heads: [], callLog, userLog, state: null, otherLog: null }
    t.is(await proven(encodeEvidence(parts), refused), null, code)
  }
  t.alike(refused, Array(3).fill('PROOF_INVALID'))
})

test('evidence - replay of any calls of an honest history comes to what the log says', async (t) => {
  const writer = await honest(t)
  const ends = await blocksOfType(writer, ['result', 'commit'])
  const refused: string[] = []
  let tries = 0
  for (const end of ends) {
    for (const code of REPLAY_CODES) {
      const evidence = encodeEvidence(await replayParts(writer, code, end))
      if ((await proven(evidence, refused)) !== null) t.fail(`${code} at block ${end}`)
      tries++
    }
  }
  t.alike(refused, Array(tries).fill('PROOF_INVALID'), `${tries} tries`)
})

test('evidence - that begins with another state than that of the commit fails', async (t) => {
  const writer = await honest(t)
  const [end = 0] = (await blocksOfType(writer, ['result'])).slice(-1)
  const parts = await replayParts(writer, 'RESULT_WRONG', end)
  const refused: string[] = []
  const { state } = parts
  if (state === null) throw new Error('the test is wrong')
  const shorter = writer.files.length - 1
  const states: (StateProof | null)[] = [
    null,
    { archive: [], blobs: [] },
    { ...state, archive: await itemsOf(writer.files, shorter, range(0, shorter - 1)) },
    { archive: state.blobs, blobs: state.archive },
    // the trees are right, and what the calls read is not there
    { ...state, archive: await itemsOf(writer.files, writer.files.length, []) }
  ]
  for (const other of states) await proven(encodeEvidence({ ...parts, state: other }), refused)
  t.alike(refused, Array(states.length).fill('PROOF_INVALID'))
})

test('evidence - of calls of a genesis that no VM runs comes to nothing', async (t) => {
  for (const [genesis, code] of [
    [{ limits: { fuel: 10_000_001 } }, 'NOT_REPRODUCED'],
    [{ vm: 'js-2', limits: { fuel: 10_000_001 } }, 'VM_UNKNOWN']
  ] as const) {
    const writer = await Writer.deploy(t, { genesis })
    const refused: string[] = []
    const evidence = encodeEvidence(await replayParts(writer, 'RESULT_WRONG', 3))
    t.is(await proven(evidence, refused, 'vm' in genesis ? openRegistered : openShared), null)
    t.alike(refused, [code])
  }
})

/** Nodes of the last block of a tree of files, keys `k1` and `k2`, that no Hyperbee has written. */
const TREES: readonly (readonly [what: string, levels: Level[]])[] = [
  ['leads back into itself', [{ keys: [], children: [2, 0] }]],
  ['leads back into itself elsewhere', [{ keys: [], children: [1, 0] }]],
  [
    'has a node on two ways',
    [
      { keys: [2], children: [2, 1, 2, 1] },
      { keys: [], children: [] }
    ]
  ],
  ['has its keys in no order', [{ keys: [2, 1], children: [] }]],
  ['has a key twice', [{ keys: [1, 1], children: [] }]],
  [
    'lacks a child',
    [
      { keys: [1], children: [2, 1] },
      { keys: [], children: [] }
    ]
  ],
  ['has no root', []],
  ['has more nodes than any', Array.from({ length: 257 }, () => ({ keys: [], children: [] }))]
]

for (const [what, levels] of TREES) {
  test(`evidence - of a tree of files that ${what} is refused`, async (t) => {
    const writer = await honest(t)
    const refused: string[] = []
    t.is(await proven(encodeEvidence(await withTree(writer, levels, null)), refused), null)
    t.alike(refused, ['PROOF_INVALID'])
  })
}

test('evidence - of a tree that would take hours to read is refused', async (t) => {
  const writer = await honest(t)
  // each node leads to the next one, and the block is decoded for each: here, when the tree is gone through to write, or both
  const last = 60_000
  for (const keys of [[], [9]]) {
    const beside = keys.length === 0 ? [] : [9, 0]
    const chain = Array.from({ length: last }, (_, i) => ({
      keys,
      children: [2, i + 1, ...beside]
    }))
    const parts = await withTree(writer, [...chain, { keys: [1], children: [] }], null)
    const refused: string[] = []
    t.is(await proven(encodeEvidence(parts), refused), null)
    t.alike(refused, ['PROOF_INVALID'])
  }
})

test('evidence - of a tree that is deeper than any is refused', (t) => {
  const check = (depth: number) => {
    const chain = Array.from({ length: depth - 1 }, (_, i) => ({ keys: [], children: [1, i + 1] }))
    const index = YoloIndex.encode({ levels: [...chain, { keys: [1], children: [] }] })
    const node = Node.encode({ key: b4a.from('files\0/a'), value: null, index })
    checkBee(2, new Map([[1, node]]))
  }
  t.execution(() => check(64))
  t.exception(() => check(65), /not a tree of files/)
})

test('evidence - of variables that all lie at one place is refused before they are in memory', async (t) => {
  const writer = await honest(t)
  const large = b4a.alloc(4 * 1024 * 1024, '7')
  const blob = { blockOffset: 0, blockLength: 1, byteOffset: 0, byteLength: large.byteLength }
  const value = b4a.from(JSON.stringify({ blob }))
  const root = { keys: Array.from({ length: 400 }, (_, i) => i + 1), children: [] }
  const refused: string[] = []
  t.is(
    await proven(encodeEvidence(await withTree(writer, [root], value, 400, [large])), refused),
    null
  )
  t.alike(refused, ['PROOF_INVALID'])
})

test('evidence - with more heads than any rule is about is refused before they are verified', async (t) => {
  const writer = await Writer.deploy(t, { seed: 'heads' })
  const head: SignedHead = { log: 'call log', head: await headAt(writer.log, writer.keyPair) }
  const nothing = { callLog: null, userLog: null, state: null, otherLog: null }
  const genesis = (await writer.log.get(0)) ?? b4a.alloc(0)
  const file = encodeEvidence({
    code: 'TWO_HISTORIES',
    genesis,
    heads: Array(200_000).fill(head),
    ...nothing
  })
  const refused: string[] = []
  await proven(file, refused)
  t.alike(refused, ['PROOF_INVALID'])
  t.exception(() => contradictionIn([file, file]), /PROOF_INVALID|more heads/)
})

test('evidence - of files that lie nowhere is refused', async (t) => {
  const writer = await honest(t)
  const blob = { blockOffset: 0, blockLength: 1, byteOffset: 0, byteLength: 1 }
  const values = [
    '',
    'null',
    '{}',
    JSON.stringify({ blob: 7 }),
    JSON.stringify({ blob: { ...blob, blockLength: 1e9 } }),
    JSON.stringify({ blob: { ...blob, blockOffset: -1 } }),
    JSON.stringify({ blob: { ...blob, byteLength: 1.5 } })
  ]
  for (const value of values) {
    const refused: string[] = []
    const parts = await withTree(writer, [{ keys: [1, 2], children: [] }], b4a.from(value))
    t.is(await proven(encodeEvidence(parts), refused), null)
    t.alike(refused, ['PROOF_INVALID'], value)
  }
})

test.hook('evidence - the VM of these tests closes', async (t) => {
  await t.execution(closeVm())
})

/** With all that an honest log has: failures, aborts, oracles, acks and nonsense of users, batches and single calls. */
async function honest(t: Teardown): Promise<Writer> {
  const oracle = () => ({ ok: true, value: '7' }) as const
  const writer = await Writer.deploy(t, { seed: 'honest', oracle })
  await writer.commit([await writer.call(1, 'add', ['a']), await writer.call(0, 'fail')])
  await writer.ack(1, 1, 6)
  await writer.commit([await writer.call(1, 'roll', [], await writer.head())])
  await writer.commit([await writer.call(0, 'ask', ['a'])])
  await writer.commit(
    [
      await writer.call(0, 'add', ['b']),
      await writer.write(1, b4a.from('nonsense')),
      await writer.call(1, 'change', [1, 'x']),
      await writer.call(0, 'read', [1])
    ],
    { aborts: [2] }
  )
  const head = await writer.head()
  await writer.write(0, encodeUserEntry({ type: 'ack', answers: [], head }))
  await writer.commit([await writer.call(0, 'remove', [1]), await writer.call(1, 'read', [1])])
  await writer.commit([await writer.call(1, 'add', ['c'])])
  return writer
}

/** Anything that is true, mostly of the form that the code asks for. */
async function anyParts(
  random: Random,
  writer: Writer,
  code: StructuralCode,
  commits: readonly number[]
): Promise<EvidenceParts> {
  const { log, keyPair } = writer
  const forms = RULES[code].parts as readonly string[]
  const form = forms[random.below(forms.length)] ?? ''
  const heads: SignedHead[] = []
  const count = random.chance(0.05) ? random.below(3) : Number(/heads:(\d)/.exec(form)?.[1] ?? 0)
  for (let i = 0; i < count; i++) heads.push(await anyHead(random, writer, commits))
  const head = await headAt(log, keyPair)
  const shown = anyBlocks(random, log.length, commits)
  const through = heads[0]?.head.length
  return {
    code,
    genesis: (await log.get(0)) ?? b4a.alloc(0),
    heads,
    callLog: form.includes('callLog')
      ? await proofOf(log, head, code === 'TWO_HISTORIES' ? [] : shown, through)
      : null,
    userLog: form.includes('userLog') ? await anyUserLog(random, writer) : null,
    state: null,
    otherLog: form.includes('otherLog')
      ? await proofOf(log, await headAt(log, keyPair, 1 + random.below(log.length)), [])
      : null
  }
}

/** What two nodes beside each other come to together is the same: what is said of one of them anybody can make up. */
function withSizesMoved(random: Random, parts: EvidenceParts): EvidenceParts {
  const moved = <T extends Proof | null>(proof: T): T => {
    if (proof === null || proof.items.length < 2) return proof
    const items = [...proof.items]
    const at = random.below(items.length - 1)
    const [left, right] = [items[at]?.node, items[at + 1]?.node]
    if (!left || !right) return proof
    items[at] = { block: null, node: { ...left, size: left.size + 1 } }
    items[at + 1] = { block: null, node: { ...right, size: Math.max(0, right.size - 1) } }
    return { ...proof, items }
  }
  const { callLog, otherLog, userLog } = parts
  return {
    ...parts,
    callLog: moved(callLog),
    otherLog: moved(otherLog),
    userLog: userLog && { ...userLog, proof: moved(userLog.proof) }
  }
}

interface Level {
  keys: number[]
  children: number[]
}

async function blocksOfType({ log }: Writer, types: readonly string[]): Promise<number[]> {
  const found: number[] = []
  for (let index = 0; index < log.length; index++) {
    const entry = decodeEntry((await log.get(index)) ?? b4a.alloc(0))
    if (types.includes(entry.type)) found.push(index)
  }
  return found
}

function decodeCommit(block: Uint8Array): Commit {
  const entry = decodeEntry(block)
  if (entry.type !== 'commit') throw new Error('the test is wrong')
  return entry
}

/** One block, some, all between two, or whole batches. */
function anyBlocks(random: Random, length: number, commits: readonly number[]) {
  const [a, b] = [random.below(length), random.below(length)].sort((x, y) => x - y)
  const some = [a ?? 0, b ?? 0, random.below(length)].sort((x, y) => x - y)
  const border = [1, ...commits]
  const from = random.below(border.length - 1)
  return random.pick([
    [a ?? 0],
    [...new Set(some.slice(0, 2))],
    [...new Set(some)],
    range(a ?? 0, b ?? 0),
    range(a ?? 0, (a ?? 0) + random.below(4)).filter((index) => index < length),
    range(border[from] ?? 1, border[from + 1 + random.below(border.length - from - 1)] ?? 1)
  ])
}

async function anyHead(
  random: Random,
  writer: Writer,
  commits: readonly number[]
): Promise<SignedHead> {
  const { log, files, content, keyPair } = writer
  const name = random.pick(['call log', 'archive', 'blobs'])
  if (name === 'call log') {
    const length = 1 + (commits[random.below(commits.length)] ?? 0)
    return { log: name, head: await headAt(log, keyPair, length) }
  }
  // only what a commit has left was ever shown
  const block = (await log.get(commits[random.below(commits.length)] ?? 0)) ?? b4a.alloc(0)
  const entry = decodeCommit(block)
  const core = name === 'archive' ? files : content
  return { log: name, head: await headAt(core, keyPair, entry[name].length) }
}

async function anyUserLog(random: Random, { users }: Writer) {
  const user = users[random.below(users.length)]
  if (user === undefined) throw new Error('the test is wrong')
  const { core, keyPair } = user
  const head = await headAt(core, keyPair, 1 + random.below(core.length))
  const proof = await proofOf(core, head, [random.below(head.length)])
  return { user: keyPair.publicKey, proof }
}

/** The calls of a batch up to a block, with all of the state that they began with. */
async function replayParts(
  writer: Writer,
  code: (typeof REPLAY_CODES)[number],
  end: number
): Promise<EvidenceParts> {
  const { log, keyPair, files, content } = writer
  const commits = (await blocksOfType(writer, ['commit'])).filter((index) => index < end)
  const start = commits.at(-1) ?? 1
  const shown = start === 1 ? range(1, end) : [1, ...range(start, end)]
  const block = (await log.get(start)) ?? b4a.alloc(0)
  const before = start === 1 ? null : decodeCommit(block)
  const all = (length: number) => range(0, length - 1)
  return {
    code,
    genesis: (await log.get(0)) ?? b4a.alloc(0),
    heads: [],
    callLog: await proofOf(log, await headAt(log, keyPair), shown),
    userLog: null,
    otherLog: null,
    state: before && {
      archive: await itemsOf(files, before.archive.length, all(before.archive.length)),
      blobs: await itemsOf(content, before.blobs.length, all(before.blobs.length))
    }
  }
}

/** A host that has signed an archive of two files as it likes, and a call after that. */
async function withTree(
  { log, keyPair: { publicKey, secretKey } }: Writer,
  levels: Level[],
  value: Uint8Array | null,
  variables = 2,
  contents: readonly Uint8Array[] = []
): Promise<EvidenceParts> {
  const last = YoloIndex.encode({ levels })
  const files = [b4a.alloc(1)]
  for (let i = 1; i <= variables; i++) {
    const key = b4a.from(`files\0/.mivm/exports/k${variables === 2 ? i : 1000 + i}.json`)
    files.push(
      Node.encode({ key, value, index: i === variables || variables === 2 ? last : b4a.alloc(0) })
    )
  }
  const blobs = new Tree()
  for (const block of contents) blobs.append(block)
  const genesis = (await log.get(0)) ?? b4a.alloc(0)
  const blocks = [0, 1, 2, 3, 4, 5, 6].map((at) => at)
  const tree = new Tree()
  for (const file of files) tree.append(file)
  const original: Uint8Array[] = []
  for (const at of blocks) original.push((await log.get(at)) ?? b4a.alloc(0))
  const commit = decodeCommit(original[4] ?? b4a.alloc(0))
  const archive = { length: files.length, treeHash: tree.treeHash() }
  original[4] = encodeEntry({
    ...commit,
    archive,
    blobs: { length: blobs.length, treeHash: blobs.treeHash() }
  })
  const nodes = new Map<number, TreeNode>()
  const logTree = new Tree()
  for (const block of original) {
    for (const node of logTree.append(block)) nodes.set(node.index, node)
  }
  const head = signHead(
    { length: logTree.length, fork: 0, treeHash: logTree.treeHash() },
    addressOf(publicKey, genesis),
    (message) => crypto.sign(message, secretKey)
  )
  const shown = [1, 4, 5, 6].map((at) => ({ index: at, block: original[at] ?? b4a.alloc(0) }))
  const callLog = await createProof({ start: 0, head, blocks: shown }, async (at) => {
    const node = nodes.get(at)
    if (node === undefined) throw new Error('the test is wrong')
    return node
  })
  return {
    code: 'RESULT_WRONG',
    genesis,
    heads: [],
    callLog,
    userLog: null,
    otherLog: null,
    state: {
      archive: files.map((block) => ({ block, node: null })),
      blobs: contents.map((block) => ({ block, node: null }))
    }
  }
}
