import b4a from 'b4a'
import test from 'brittle'
import crypto, { type KeyPair } from 'hypercore-crypto'
import { encodeEntry, encodeUserEntry, type Result } from '../src/protocol/entries.ts'
import { MivmError } from '../src/protocol/errors.ts'
import { codeHash, writesHash } from '../src/protocol/hash.ts'
import { type Head, signHead } from '../src/protocol/head.ts'
import { encodeId } from '../src/protocol/ids.ts'
import { addressOf } from '../src/protocol/manifest.ts'
import { Tree, type TreeNode } from '../src/protocol/merkle.ts'
import { createProof } from '../src/protocol/proof.ts'
import { encodeReceipt, verifyReceipt } from '../src/protocol/receipt.ts'
import { Random } from './random.ts'

const USER = crypto.keyPair().publicKey

test('receipt - says what the host has signed', async (t) => {
  const log = callLog(20)
  const { head, bytes, ...says } = verifyReceipt(await log.receipt(7))
  t.alike(says, {
    host: encodeId(log.host.publicKey),
    address: encodeId(log.address),
    user: encodeId(USER),
    seq: 8,
    time: 1007,
    method: 'add',
    args: '[7]',
    outcome: 'ok',
    value: '7',
    error: null
  })
  t.is(head.length, log.blocks.length)
  t.alike(b4a.from(bytes), b4a.from(await log.receipt(7)))
})

test('receipt - of every call, under a head of any length, holds', async (t) => {
  for (const length of [1, 2, 3, 7, 30]) {
    const log = callLog(length)
    for (let call = 0; call < length; call++) {
      t.is(verifyReceipt(await log.receipt(call)).value, `${call}`)
    }
  }
})

test('receipt - with any byte changed fails', async (t) => {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  const receipt = await callLog(11).receipt(random.below(11))
  for (let at = 0; at < receipt.byteLength; at++) {
    for (const mask of [1, 0x80, 1 + random.below(255)]) {
      const changed = b4a.from(receipt)
      changed[at] = (changed[at] ?? 0) ^ mask
      if (isRefused(changed)) continue
      t.fail(`byte ${at} of ${receipt.byteLength} changed by ${mask} still verifies`)
    }
  }
  t.pass(`${receipt.byteLength} bytes`)
})

test('receipt - cut off or with more behind it fails', async (t) => {
  const receipt = await callLog(5).receipt(2)
  for (let length = 0; length < receipt.byteLength; length++) {
    if (!isRefused(receipt.subarray(0, length))) t.fail(`${length} bytes still verify`)
  }
  t.ok(isRefused(b4a.concat([receipt, b4a.alloc(1)])))
})

test('receipt - random bytes fail', (t) => {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  const magic = b4a.from('mivm/receipt/1\n')
  for (let i = 0; i < 2000; i++) {
    if (!isRefused(b4a.concat([magic, random.bytes(random.below(200))]))) t.fail('verifies')
  }
  t.pass()
})

test('receipt - of another host than the one asked for fails', async (t) => {
  const log = callLog(3)
  const receipt = await log.receipt(1)
  t.is(verifyReceipt(receipt, encodeId(log.host.publicKey)).seq, 2)
  const other = encodeId(crypto.keyPair().publicKey)
  await t.exception(() => verifyReceipt(receipt, other), { code: 'PROOF_INVALID' })
})

test('receipt - of a history that was rewritten fails', async (t) => {
  const log = callLog(3)
  const proof = await log.proof([5, 6])
  const head = log.sign({ length: log.blocks.length, fork: 1, treeHash: log.tree.treeHash() })
  const forked = encodeReceipt(log.genesis, { ...proof, fork: 1, signature: head.signature })
  await t.exception(() => verifyReceipt(forked), /rewritten/)
})

test('receipt - takes a result with the ack that it answers, and nothing else', async (t) => {
  const log = callLog(3)
  for (const indexes of [[], [2], [3], [2, 6], [3, 5], [2, 3, 5], [2, 3, 5, 6], [0, 1], [4, 5]]) {
    const bytes = encodeReceipt(log.genesis, await log.proof(indexes))
    await t.exception(() => verifyReceipt(bytes), { code: 'PROOF_INVALID' }, `${indexes}`)
  }
})

test('receipt - of an entry that was no call tells so', async (t) => {
  const result: Partial<Result> = {
    outcome: 'error',
    value: null,
    error: { name: 'MivmError', message: 'the entry is not a call', code: 'ENTRY_MALFORMED' }
  }
  const log = callLog(1, b4a.from('nonsense'), result)
  const receipt = verifyReceipt(await log.receipt(0))
  t.is(receipt.method, null)
  t.is(receipt.args, null)
  t.is(receipt.outcome, 'error')
  t.is(receipt.error?.code, 'ENTRY_MALFORMED')
})

function isRefused(receipt: Uint8Array): boolean {
  try {
    verifyReceipt(receipt)
    return false
  } catch (error) {
    if (error instanceof MivmError) return true
    throw error
  }
}

/** A log with so many calls, each a batch of its own: genesis, code, then ack, result and commit. */
function callLog(calls: number, call?: Uint8Array, result?: Partial<Result>) {
  const host: KeyPair = crypto.keyPair()
  const genesis = encodeEntry({
    type: 'genesis',
    vm: 'js-1',
    host: host.publicKey,
    deployer: USER,
    salt: crypto.randomBytes(32),
    codeHash: codeHash(''),
    limits: {}
  })
  const address = addressOf(host.publicKey, genesis)
  const blocks = [genesis, encodeEntry({ type: 'code', source: '' })]
  for (let i = 0; i < calls; i++) blocks.push(...batch(i, blocks.length, call, result))
  const tree = new Tree()
  const nodes = new Map<number, TreeNode>()
  for (const block of blocks) for (const node of tree.append(block)) nodes.set(node.index, node)
  const sign = (head: Omit<Head, 'signature'>) =>
    signHead(head, address, (message) => crypto.sign(message, host.secretKey))
  const head = sign({ length: blocks.length, fork: 0, treeHash: tree.treeHash() })
  const proof = (indexes: readonly number[]) => {
    const proven = indexes.map((index) => ({ index, block: blocks[index] ?? b4a.alloc(0) }))
    return createProof({ start: 0, head, blocks: proven }, async (index) => {
      const node = nodes.get(index)
      if (node === undefined) throw new Error(`no node ${index}`)
      return node
    })
  }
  return {
    host,
    genesis,
    address,
    blocks,
    tree,
    sign,
    proof,
    receipt: async (i: number) => encodeReceipt(genesis, await proof([2 + 3 * i, 3 + 3 * i]))
  }
}

function batch(i: number, index: number, call?: Uint8Array, result: Partial<Result> = {}) {
  const version = { length: i, treeHash: b4a.alloc(32) }
  return [
    encodeEntry({
      type: 'ack',
      seq: i + 1,
      user: USER,
      entry: i + 1,
      call: call ?? encodeUserEntry({ type: 'call', method: 'add', args: `[${i}]`, head: null }),
      time: 1000 + i,
      previous: i === 0 ? 0 : index - 3
    }),
    encodeEntry({
      type: 'result',
      ack: index,
      outcome: 'ok',
      value: `${i}`,
      error: null,
      fuel: 0,
      writes: writesHash([]),
      ...result
    }),
    encodeEntry({ type: 'commit', archive: version, blobs: version, heads: [] })
  ]
}
