// Evidence of every kind that signatures and hashes alone show, and for each what is nearly that and must be refused:
// the vectors of section 20.1 of FORMAT.md. Written by scripts/vectors.js.
import b4a from 'b4a'
import crypto from 'hypercore-crypto'
import { encodeEntry, encodeUserEntry } from '../src/protocol/entries.ts'
import { encodeEvidence, verifyEvidence } from '../src/protocol/evidence.ts'
import { codeHash, writesHash } from '../src/protocol/hash.ts'
import { signHead } from '../src/protocol/head.ts'
import {
  addressOf,
  blobsManifest,
  manifestKey,
  stateManifest,
  userLogKey
} from '../src/protocol/manifest.ts'
import { Tree } from '../src/protocol/merkle.ts'
import { createProof } from '../src/protocol/proof.ts'

const [hostPair, deployerPair, userPair] = [1, 2, 3].map((n) => crypto.keyPair(b4a.alloc(32, n)))
const [host, deployer, user] = [hostPair, deployerPair, userPair].map(({ publicKey }) => publicKey)
const SOURCE = 'exports.init = () => {}\n'
const NOTHING = writesHash([])

const genesisWith = (fields) =>
  encodeEntry({
    type: 'genesis',
    vm: 'js-1',
    host,
    deployer,
    salt: b4a.alloc(32, 4),
    codeHash: codeHash(SOURCE),
    limits: {},
    ...fields
  })
const genesis = genesisWith({})
const address = addressOf(host, genesis)

const userCall = (method, head = null) =>
  encodeUserEntry({ type: 'call', method, args: '[]', head })
const userAck = encodeUserEntry({
  type: 'ack',
  answers: [],
  head: { length: 1, fork: 0, treeHash: b4a.alloc(32, 1), signature: b4a.alloc(0) }
})
const error = { name: 'Error', message: '', code: null }
const aborted = { name: 'MivmError', message: '', code: 'ABORT_TIME' }

const code = (source = SOURCE) => encodeEntry({ type: 'code', source })
const ack = (seq, fields = {}) =>
  encodeEntry({
    type: 'ack',
    seq,
    user: deployer,
    entry: seq,
    call: userCall('init'),
    time: 1_800_000_000_000 + seq,
    previous: 0,
    ...fields
  })
const result = (at, fields = {}) => {
  const outcome = fields.outcome ?? 'ok'
  const thrown = outcome === 'abort' ? aborted : error
  const said = outcome === 'ok' ? { value: '1', error: null } : { value: null, error: thrown }
  return encodeEntry({
    type: 'result',
    ack: at,
    outcome,
    fuel: 0,
    writes: NOTHING,
    ...said,
    ...fields
  })
}
const request = (at, index = 0) =>
  encodeEntry({ type: 'oracle-request', ack: at, index, name: 'price', args: '[]' })
const answer = (at, index = 0) =>
  encodeEntry({ type: 'oracle-answer', ack: at, index, value: '1', error: null })
const version = (length, byte = length) => ({ length, treeHash: b4a.alloc(32, byte) })
const commit = (length, heads = [], fields = {}) =>
  encodeEntry({
    type: 'commit',
    archive: version(length),
    blobs: version(1),
    heads,
    ...fields
  })
const BAD = b4a.from([1, 99])
const NEWER = b4a.from([2, 1, 1])
const START = [genesis, code(), ack(1), result(2), commit(1)]

/** What each of these comes to; a code of an error, or `holds`. NOT_REPRODUCED is left to who executes calls. */
export async function evidenceForms() {
  const forms = []
  const add = async (name, evidence) => {
    const bytes = encodeEvidence({
      genesis,
      heads: [],
      callLog: null,
      userLog: null,
      state: null,
      otherLog: null,
      ...(await evidence)
    })
    const outcome = await verifyEvidence(bytes).then(
      () => 'holds',
      ({ code }) => code
    )
    forms.push({ code: evidence.code, name, outcome, bytes: b4a.toString(bytes, 'base64') })
  }
  /** By blocks of a call log that begins with genesis. */
  const show = async (code, name, blocks, shown, more = {}) => {
    const parts = { code, callLog: await proofOf(blocks, shown, more), ...more.parts }
    await add(name, parts)
  }
  await ofBlocks(show)
  await ofBatches(show)
  await ofHeads(add)
  await ofUsers(add)
  return {
    about:
      'Evidence in base64, and what its verification comes to: that it holds, or the code of the error. NOT_REPRODUCED: the calls have to be executed.',
    forms
  }
}

async function ofBlocks(show) {
  const other = [genesis, code('x'), ack(1), result(2)]
  await show('CODE_WRONG', 'other code', other, [1])
  await show('CODE_WRONG', 'and a block more', other, [1, 2])
  await show('CODE_WRONG', 'the right code', START, [1])
  for (const [name, fields] of [
    ['as it should be', {}],
    ['another entry', { entry: 2 }],
    ['another user', { user }],
    ['another method', { call: userCall('add') }],
    ['an entry that is none', { call: b4a.alloc(0) }],
    ['an entry of a newer version', { call: NEWER }]
  ]) {
    await show('INIT_WRONG', name, [genesis, code(), ack(1, fields)], [2])
  }
  const failed = result(2, { outcome: 'error' })
  for (const [name, between] of [
    ['that failed', []],
    ['that failed after a request without an answer', [request(2)]],
    ['that failed, and a block between that is no entry', [BAD]],
    ['that failed, and a block between of a newer version', [NEWER]]
  ]) {
    const blocks = [genesis, code(), ack(1), ...between, failed]
    await show('INIT_WRONG', name, blocks, range(2, blocks.length))
  }
  await show('INIT_WRONG', 'that succeeded', START, [2, 3])
  for (const [name, block] of [
    ['no entry', BAD],
    ['an empty block', b4a.alloc(0)],
    ['version 1 and no more', b4a.from([1])],
    ['version 2', NEWER],
    ['version 2 and no more', b4a.from([2])],
    [
      'text that is no value',
      encodeEntry({ type: 'oracle-request', ack: 2, index: 0, name: '', args: 'no value' })
    ]
  ]) {
    await show('ENTRY_MALFORMED', name, [...START, block], [5])
    await show('ENTRY_UNEXPECTED', `at 1, ${name}`, [genesis, block], [1])
  }
  await show('ENTRY_UNEXPECTED', 'an ack at 1', [genesis, ack(1)], [1])
  await show('ENTRY_UNEXPECTED', 'genesis at 2', [genesis, code(), genesis], [2])
  await show('ENTRY_UNEXPECTED', 'code at 2', [genesis, code(), code()], [2])
  await show('ENTRY_UNEXPECTED', 'an ack at 2', START, [2])
  const kinds = {
    ack: ack(2),
    'a result': result(5),
    'an abort': result(5, { outcome: 'abort' }),
    'a request': request(5),
    'an answer': answer(5),
    'a commit': commit(2)
  }
  for (const [before, first] of Object.entries(kinds)) {
    for (const [after, second] of Object.entries(kinds)) {
      if (before === 'an abort') continue
      await show('ENTRY_UNEXPECTED', `${before}, ${after}`, [...START, first, second], [5, 6])
    }
  }
  await show(
    'ENTRY_UNEXPECTED',
    'a second call in the first batch',
    [...START.slice(0, 4), ack(2)],
    [3, 4]
  )
  for (const [name, fields] of [
    ['previous that is itself', { previous: 5 }],
    ['previous that is later', { previous: 6 }]
  ]) {
    await show('ACK_CHAIN_WRONG', name, [...START, ack(2, fields)], [5])
  }
  for (const [name, previous, shown, of = deployer] of [
    ['previous that is a result', 3, 3],
    ['previous of another user', 2, 2, user],
    ['an ack of the user that was passed over', 0, 2],
    ['another user, none before', 0, 2, user],
    ['the right one', 2, 2],
    ['a block that is not previous', 3, 1]
  ]) {
    await show('ACK_CHAIN_WRONG', name, [...START, ack(2, { user: of, previous })], [shown, 5])
  }
  const none = { call: b4a.alloc(0) }
  for (const [name, fields, said] of [
    ['of another ack', {}, [3]],
    ['an abort with fuel', {}, [2, { outcome: 'abort', fuel: 1 }]],
    ['an abort', {}, [2, { outcome: 'abort' }]],
    ['an abort with the error of a contract', {}, [2, { outcome: 'abort', error }]],
    [
      'an abort with another name',
      {},
      [2, { outcome: 'abort', error: { ...aborted, name: 'Error' } }]
    ],
    [
      'an abort with another code',
      {},
      [2, { outcome: 'abort', error: { ...aborted, code: 'FUEL_EXCEEDED' } }]
    ],
    [
      'an abort for memory',
      {},
      [2, { outcome: 'abort', error: { ...aborted, code: 'ABORT_MEMORY' } }]
    ],
    ['an abort of an entry that is no call', none, [2, { outcome: 'abort' }]],
    ['an error of an entry that is no call', none, [2, { outcome: 'error' }]],
    ['an error that wrote', {}, [2, { outcome: 'error', writes: b4a.alloc(32, 3) }]],
    ['a success that wrote', {}, [2, { writes: b4a.alloc(32, 3) }]]
  ]) {
    await show('RESULT_FORM', name, [genesis, code(), ack(1, fields), result(...said)], [2, 3])
  }
  for (const [name, records] of [
    ['of another ack', [request(3)]],
    ['a first request that is 1', [request(2, 1)]],
    ['a first request', [request(2)]],
    ['an answer to another', [request(2), answer(2, 1)]],
    ['a second request that is 0', [request(2), answer(2), request(2)]],
    ['an answer without a request', [answer(2, 1)]],
    ['two requests', [request(2), request(2)]]
  ]) {
    const blocks = [genesis, code(), ack(1), ...records]
    await show('ORACLE_INDEX_WRONG', name, blocks, range(2, blocks.length))
  }
  const two = (first, second) => [...START, ack(2, first), result(5), ack(3, second)]
  for (const [kind, name, first, second] of [
    ['TIME_BACKWARDS', 'before', { time: 8 }, { time: 7 }],
    ['TIME_BACKWARDS', 'the same', { time: 8 }, { time: 8 }],
    ['CALL_REPEATED', 'one user', { entry: 2 }, { entry: 2 }],
    ['CALL_REPEATED', 'two users', { entry: 2 }, { entry: 2, user }],
    ['CALL_OUT_OF_ORDER', 'one user', { entry: 3 }, { entry: 2 }],
    ['CALL_OUT_OF_ORDER', 'two users', { entry: 3 }, { entry: 2, user }]
  ]) {
    await show(kind, name, two(first, second), [5, 7])
  }
  await show('CALL_OUT_OF_ORDER', 'entry 0', [...START, ack(2, { entry: 0 })], [5])
  for (const [name, call] of [
    ['an ack', userAck],
    ['a call', userCall('add')],
    ['an ack with a byte more', b4a.concat([userAck, b4a.alloc(1)])]
  ]) {
    await show('CALL_INVENTED', name, [...START, ack(2, { call })], [5])
  }
}

async function ofBatches(show) {
  const calls = (count, at, between = () => []) => {
    const blocks = START.slice(0, at)
    for (let i = 0; i < count; i++) {
      if (i > 0) blocks.push(...between(blocks.length - 1))
      blocks.push(ack(i + 2))
    }
    return blocks
  }
  const many = (name, blocks, from) =>
    show('BATCH_TOO_LARGE', name, blocks, range(from, blocks.length))
  await many('256 calls', calls(256, 5), 5)
  await many('257 calls', calls(257, 5), 5)
  await many('258 calls', calls(258, 5), 5)
  await many(
    'two in the first batch',
    calls(2, 2, (at) => [result(at)]),
    2
  )
  await many(
    'two in another batch',
    calls(2, 5, (at) => [result(at)]),
    5
  )
  await many(
    'a commit between',
    calls(2, 2, (at) => [result(at), commit(1)]),
    2
  )
  await many(
    'what is no entry between',
    calls(2, 2, () => [BAD]),
    2
  )
  const numbers = (name, ...blocks) =>
    show('SEQ_WRONG', name, [genesis, code(), ...blocks], range(2, blocks.length + 2))
  await numbers('a first one that is 2', ack(2))
  await numbers('a first one that is 1', ack(1))
  await numbers('1, 3', ack(1), result(2), commit(1), ack(3))
  await numbers('1, 2', ack(1), result(2), commit(1), ack(2))
  await numbers('1, 3, and no entry between', ack(1), BAD, ack(3))
  await numbers('1, 3, and an ack between', ack(1), ack(2), ack(4))
  for (const [name, before, after] of [
    ['shorter', commit(3), commit(2)],
    ['another', commit(3), commit(3, [], { archive: version(3, 9) })],
    ['the same', commit(3), commit(3)],
    ['blobs that are shorter', commit(3), commit(4, [], { blobs: version(0) })]
  ]) {
    const blocks = [...START.slice(0, 4), before, ack(2), result(5), after]
    await show('COMMIT_BACKWARDS', name, blocks, [4, 7])
  }
  const own = (length) => userHead(deployerPair, words(length))
  const others = (length) => userHead(userPair, words(length))
  const batch = [ack(2), result(5), ack(3, { user, entry: 1 }), result(7)]
  for (const kind of ['COMMIT_HEADS_WRONG', 'USER_HEAD_INVALID']) {
    for (const [name, heads, more = []] of [
      ['as they should be', [own(2), others(1)]],
      ['longer ones', [own(5), others(4)]],
      ['one is missing', [own(2)]],
      ['one too many', [own(2), others(1), others(1)]],
      ['in another order', [others(2), own(2)]],
      ['one is too short', [own(1), others(1)]],
      ['one that the user has not signed', [own(2), { ...others(1), treeHash: b4a.alloc(32) }]],
      ['one is missing, genesis in the batch', [own(2)], [genesis]]
    ]) {
      const blocks = [...START, ...batch, ...more, commit(2, heads)]
      await show(kind, name, blocks, range(4, blocks.length))
    }
  }
  for (const [name, first, second] of [
    ['shorter than before', [own(3)], [own(2)]],
    ['longer than before', [own(3)], [own(4)]],
    ['none before', [], [own(2)]],
    ['shorter, behind one of another user', [others(3), own(3)], [others(3), own(2)]],
    ['two before, of which the first is shorter', [own(1), own(3)], [own(2)]],
    ['two before, of which the first is longer', [own(3), own(1)], [own(2)]]
  ]) {
    const blocks = [...START.slice(0, 4), commit(1, first), ack(2), result(5), commit(2, second)]
    await show('COMMIT_HEADS_WRONG', name, blocks, [4, 5, 7])
  }
}

async function ofHeads(add) {
  const signed = (log, length, byte, fork = 0, of = genesis) => {
    const its = addressOf(host, of)
    const key = {
      'call log': its,
      archive: manifestKey(stateManifest(host, its)),
      blobs: manifestKey(blobsManifest(host, its))
    }[log]
    return { log, head: sign(hostPair, key, { length, fork, treeHash: b4a.alloc(32, byte) }) }
  }
  for (const [name, limits, vm, length] of [
    ['one too many', { fuel: 10_000_001 }, 'js-1', 1],
    ['the largest', { fuel: 10_000_000, path: 1024 }, 'js-1', 1],
    ['of an empty log', { fuel: 10_000_001 }, 'js-1', 0],
    ['of another VM', { fuel: 10_000_001 }, 'js-2', 1]
  ]) {
    const its = genesisWith({ vm, limits })
    const heads = [signed('call log', length, 1, 0, its)]
    await add(name, { code: 'GENESIS_INVALID', genesis: its, heads })
  }
  for (const log of ['call log', 'archive', 'blobs']) {
    for (const fork of [0, 1]) {
      const heads = [signed(log, 3, 1, fork)]
      for (const code of ['HISTORY_FORKED', 'ARCHIVE_FORKED']) {
        await add(`${log}, fork ${fork}`, { code, heads })
      }
    }
  }
  for (const [name, heads] of [
    ['two heads', [signed('call log', 3, 1), signed('call log', 3, 2)]],
    ['one head twice', [signed('call log', 3, 1), signed('call log', 3, 1)]],
    ['of two lengths', [signed('call log', 3, 1), signed('call log', 4, 2)]],
    ['of the archive', [signed('archive', 3, 1), signed('archive', 3, 2)]],
    ['one with a fork', [signed('call log', 3, 1), signed('call log', 3, 2, 1)]],
    ['three heads', [1, 2, 3].map((byte) => signed('call log', 3, byte))]
  ]) {
    await add(name, { code: 'TWO_HISTORIES', heads })
  }
  const [empty, even, head] = [0, 2, 3].map((length) => signed('call log', length, 1))
  for (const [name, heads, shown, through] of [
    ['a head and a proof', [even], [], 2],
    ['a head and a proof that shows a block', [even], [1], 2],
    ['a head and a proof that leaves open how large a root is', [head], [], 3],
    ['a head and a proof with the last block', [head], [2], 3],
    ['a head and a proof with the block behind it', [head], [3], 3],
    ['a head and a proof with another block', [head], [1], 3],
    ['a head and a proof without a boundary there', [even], [], 4],
    ['a head of nothing and a proof', [empty], [], 3]
  ]) {
    const callLog = await proofOf(START, shown, { through })
    await add(name, { code: 'TWO_HISTORIES', heads, callLog })
  }
  await add('a head and a proof with a last block that is of a newer version', {
    code: 'TWO_HISTORIES',
    heads: [head],
    callLog: await proofOf(START.with(2, NEWER), [2], { through: 3 })
  })
  const longer = [...START, ack(2), result(5), commit(2)]
  const changed = longer.with(3, result(2, { value: '7' }))
  for (const [name, callLog, otherLog] of [
    ['two proofs', await proofOf(START, []), await proofOf(changed, [], { through: 4 })],
    ['two that share no node', await proofOf(START, []), await proofOf(changed, [])],
    ['two of one history', await proofOf(START, []), await proofOf(longer, [], { through: 4 })],
    [
      'two of which one shows a block',
      await proofOf(START, [4]),
      await proofOf(changed, [], { through: 4 })
    ]
  ]) {
    await add(name, { code: 'TWO_HISTORIES', callLog, otherLog })
  }
  const commits = [...START.slice(0, 4), commit(3), ack(2), result(5), commit(6)]
  for (const [name, its, shown] of [
    ['another than the commit names', signed('archive', 3, 7), [4]],
    ['the one that the commit names', signed('archive', 3, 3), [4]],
    ['of the blobs', signed('blobs', 1, 7), [4]],
    ['of the call log', signed('call log', 3, 7), [4]],
    ['between two commits', signed('archive', 4, 7), [4, 5, 6, 7]],
    ['before the first commit', signed('archive', 2, 7), [1, 2, 3, 4]],
    ['at a commit', signed('archive', 6, 7), [4, 5, 6, 7]],
    ['not all of the batch', signed('archive', 4, 7), [4, 7]]
  ]) {
    const callLog = await proofOf(commits, shown)
    await add(name, { code: 'ARCHIVE_UNCOMMITTED', heads: [its], callLog })
  }
}

async function ofUsers(add) {
  const seen = (length, fork = 0) =>
    sign(hostPair, address, { length, fork, treeHash: b4a.alloc(32, length) })
  const log = [
    userCall('add'),
    userCall('add', seen(9)),
    b4a.alloc(0),
    userAck,
    NEWER,
    userCall('add', seen(9, 1)),
    userCall('add', seen(7))
  ]
  const head = userHead(userPair, log)
  const key = userLogKey(user, address)
  const withBlocks = async (shown) => {
    const { signature } = head
    return { user, proof: await proofOf(log, shown, { head: { ...sizeOf(log), signature } }) }
  }
  const told = (fields) => [
    ...START,
    ack(2, { user, entry: 1, call: userCall('add') }),
    result(5),
    ack(3, { user, entry: 7, call: log[6], previous: 5, ...fields }),
    result(7),
    commit(2, [head])
  ]
  const one = async (code, name, blocks, shown, its) =>
    add(name, { code, callLog: await proofOf(blocks, shown), userLog: await withBlocks(its) })

  const altered = told({ call: userCall('mine') })
  await one('CALL_ALTERED', 'another call', altered, [7, 9], [6])
  await one('CALL_ALTERED', 'the call', told({}), [7, 9], [6])
  await one('CALL_ALTERED', 'another block of the log', altered, [7, 9], [5])
  await one('CALL_ALTERED', 'an empty block', told({ entry: 3 }), [7, 9], [2])
  await one('CALL_ALTERED', 'two blocks of the log', altered, [7, 9], [5, 6])
  await one('CALL_ALTERED', 'without a commit', altered, [7], [6])
  const late = [...altered.slice(0, 4), commit(1, [head]), ...altered.slice(5, 9), commit(2)]
  await one('CALL_ALTERED', 'a commit before the ack', late, [4, 7], [6])
  await one('CALL_ALTERED', 'a commit without the head', late, [7, 9], [6])
  await one('CALL_ALTERED', 'an ack of another user', told({ user: deployer }), [7, 9], [6])
  const again = signHead(sizeOf(log), key, () => b4a.alloc(64, 5))
  const signedAgain = [...altered.slice(0, 9), commit(2, [again])]
  await one('CALL_ALTERED', 'a commit with another signature', signedAgain, [7, 9], [6])

  await one('CALL_SKIPPED', 'a call', told({}), [5, 7, 9], [1])
  await one('CALL_SKIPPED', 'an empty block', told({}), [5, 7, 9], [2])
  await one('CALL_SKIPPED', 'an ack', told({}), [5, 7, 9], [3])
  await one('CALL_SKIPPED', 'an entry of a newer version', told({}), [5, 7, 9], [4])
  await one('CALL_SKIPPED', 'the one that was executed', told({}), [5, 7, 9], [6])
  await one('CALL_SKIPPED', 'without the ack before', told({}), [7, 9], [1])
  await one('CALL_SKIPPED', 'the first call of all', told({ previous: 0 }), [7, 9], [0])

  for (const [name, entry, block] of [
    ['a head in the entry', 2, 1],
    ['a head in an entry before', 3, 1],
    ['a head in an entry behind', 1, 1],
    ['a head with a fork', 7, 5],
    ['a head as long as the block is', 7, 6]
  ]) {
    await one('ACK_BEFORE_HEAD', name, told({ entry, call: log[entry - 1] }), [7, 9], [block])
  }
}

/** As many blocks of a user's log. */
function words(count) {
  return Array.from({ length: count }, (_, i) => b4a.from([i]))
}

function range(from, to) {
  return Array.from({ length: to - from }, (_, i) => from + i)
}

function sizeOf(blocks) {
  return { length: blocks.length, fork: 0, treeHash: treeOf(blocks).tree.treeHash() }
}

function treeOf(blocks) {
  const [tree, nodes] = [new Tree(), new Map()]
  for (const block of blocks) for (const node of tree.append(block)) nodes.set(node.index, node)
  return { tree, nodes }
}

/** Of a call log by the host, unless a head is given. */
async function proofOf(blocks, shown, { through, head } = {}) {
  const { nodes } = treeOf(blocks)
  const signed = head ?? sign(hostPair, address, sizeOf(blocks))
  const request = {
    start: 0,
    head: signed,
    blocks: shown.map((index) => ({ index, block: blocks[index] }))
  }
  return createProof(through === undefined ? request : { ...request, through }, (index) =>
    nodes.get(index)
  )
}

function userHead(pair, blocks) {
  const { fork, ...head } = sign(pair, userLogKey(pair.publicKey, address), sizeOf(blocks))
  return head
}

function sign({ secretKey }, key, head) {
  return signHead(head, key, (message) => crypto.sign(message, secretKey))
}
