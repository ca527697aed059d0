import b4a from 'b4a'
import test from 'brittle'
import Hypercore from 'hypercore'
import { MerkleTree } from 'hypercore/lib/merkle-tree.js'
import crypto from 'hypercore-crypto'
import { MivmError } from '../src/protocol/errors.ts'
import { signHead } from '../src/protocol/head.ts'
import {
  addressOf,
  callLogManifest,
  manifestKey,
  userLogManifest
} from '../src/protocol/manifest.ts'
import { Tree } from '../src/protocol/merkle.ts'
import { createProof, type Proof, verifyProof } from '../src/protocol/proof.ts'
import { proveRange } from '../src/protocol/range.ts'
import { type Teardown, tempDir } from './helpers.ts'

test('protocol - manifests have the keys that Hypercore gives them', (t) => {
  const key = crypto.randomBytes(32)
  for (const manifest of [
    userLogManifest(key, crypto.randomBytes(32)),
    callLogManifest(key, b4a.from('genesis'))
  ]) {
    const copy = { ...manifest, signers: [...manifest.signers] }
    t.alike(b4a.from(manifestKey(manifest)), b4a.from(Hypercore.key(copy)))
  }
  t.is(addressOf(key, b4a.from('a')).byteLength, 32)
})

test('protocol - sizes that no number can add up to are in no proof', (t) => {
  const { publicKey, secretKey } = crypto.keyPair()
  const key = b4a.alloc(32, 1)
  const max = Number.MAX_SAFE_INTEGER
  const holds = (sizes: readonly [number, number]) => {
    const [left, right] = sizes.map((size, i) => ({ index: 2 * i, size, hash: b4a.alloc(32, i) }))
    if (left === undefined || right === undefined) throw new Error('the test is wrong')
    const sum = uint64(BigInt(left.size) + BigInt(right.size))
    const parent = crypto.hash([b4a.from([1]), sum, left.hash, right.hash])
    const treeHash = crypto.hash([b4a.from([2]), parent, uint64(1n), sum])
    const head = { length: 2, fork: 0, treeHash }
    const { signature } = signHead(head, key, (message) => crypto.sign(message, secretKey))
    const items = [left, right].map((node) => ({ block: null, node }))
    verifyProof({ start: 0, items, length: 2, fork: 0, signature }, { key, publicKey })
  }
  t.execution(() => holds([5, 6]))
  t.execution(() => holds([max, 0]))
  for (const size of [1, 2, 3, max]) t.exception(() => holds([max, size]), /than any log has/)
  const right = { index: 2, size: 1, hash: key }
  const range = { blocks: [], nodes: [right] }
  const proves = (size: number) => {
    const beginning = new Tree([{ index: 0, size, hash: key }])
    const whole = beginning.clone()
    whole.push(right)
    const head = { length: 2, fork: 0, treeHash: whole.treeHash(), signature: key }
    return proveRange(beginning, range, head) !== null
  }
  t.alike([5, max - 1, max].map(proves), [true, true, false])
})

test('protocol - a proof of any blocks from any length holds, and no other', async (t) => {
  const { core, keyPair, blocks } = await log(t, 137)
  const signature = core.state.signature
  if (signature === null) return t.fail('the log is signed')
  const head = { length: core.length, fork: 0, treeHash: await core.treeHash(), signature }
  const context = { key: core.key, publicKey: keyPair.publicKey }
  const read = async (index: number) => {
    const node = await MerkleTree.get(core.state, index)
    if (node === null) throw new Error(`no node ${index}`)
    return node
  }

  for (const start of [0, 1, 7, 64, 100, 136]) {
    const tree = new Tree()
    for (const block of blocks.slice(0, start)) tree.append(block)
    for (const wanted of [[start], [136], [start, 136], [start, start + 1, (start + 137) >> 1]]) {
      const indexes = [...new Set(wanted)].filter((i) => i < 137).sort((a, b) => a - b)
      const asked = indexes.map((index) => ({ index, block: blocks[index] ?? b4a.alloc(0) }))
      for (const through of [start, 125, 137]) {
        const proof = await createProof({ start, head, blocks: asked, through }, read)
        const proven = verifyProof(proof, { ...context, tree, through })
        t.alike([...proven.blocks.keys()], indexes)
        t.alike(proven.head.treeHash, head.treeHash)
        t.alike(
          proven.through?.treeHash ?? null,
          through < start ? null : await core.treeHash(through)
        )
        for (const forged of forgeries(proof)) {
          t.exception(() => verifyProof(forged, { ...context, tree, through }), MivmError)
        }
      }
    }
  }
  t.exception(() => verifyProof({ start: 5, items: [], length: 5, fork: 0, signature }, context))
})

test('protocol - sizes that are moved from one node to the next make no other log of it', async (t) => {
  const { core, keyPair, blocks } = await log(t, 21)
  const context = { key: core.key, publicKey: keyPair.publicKey }
  const { signature } = core.state
  if (signature === null) return t.fail('the log is signed')
  const head = { length: 21, fork: 0, treeHash: await core.treeHash(), signature }
  const read = async (index: number) => {
    const node = await MerkleTree.get(core.state, index)
    if (node === null) throw new Error(`no node ${index}`)
    return node
  }
  const readBlock = (index: number) => blocks[index] ?? b4a.alloc(0)
  const seen = { certain: 0, open: 0 }
  for (let through = 1; through < 21; through++) {
    const treeHash = await core.treeHash(through)
    for (const more of [{}, { readBlock }]) {
      const proof = await createProof({ start: 0, head, blocks: [], through, ...more }, read)
      const honest = verifyProof(proof, { ...context, through }).through
      if ('readBlock' in more) t.is(honest?.isCertain, true, `${through} blocks`)
      for (let i = 0; i + 1 < proof.items.length; i++) {
        const items = moved(proof.items, i)
        if (items === null) continue
        let said: typeof honest
        try {
          said = verifyProof({ ...proof, items }, { ...context, through }).through
        } catch {
          continue
        }
        if (said === null || b4a.equals(said.treeHash, treeHash)) continue
        if (said.isCertain) t.fail(`${through} blocks, item ${i}`)
        seen.open++
      }
      if (honest?.isCertain) seen.certain++
    }
  }
  t.ok(seen.open > 0 && seen.certain >= 20, `${seen.certain} certain, ${seen.open} open`)
})

test('protocol - a block grafted on an honest head is refused', async (t) => {
  const { core, keyPair } = await log(t, 20)
  const signature = core.state.signature
  if (signature === null) return t.fail('the log is signed')
  const roots = await MerkleTree.getRoots(core.state, 20)
  const items = roots.map((node) => ({ block: null, node }))
  const graft = { block: b4a.from('never appended'), node: null }
  const context = { key: core.key, publicKey: keyPair.publicKey }
  const proof = { start: 0, items, length: 20, fork: 0, signature }
  t.is(verifyProof(proof, context).head.length, 20, 'the honest head holds')
  for (const forged of [[graft, ...items], [...items, graft], [graft]]) {
    t.exception(() => verifyProof({ ...proof, items: forged }, context), /does not hold/)
  }
})

test('protocol - a proof of what no log can have is refused', async (t) => {
  const [key, hash, signature] = [32, 32, 68].map((length) => crypto.randomBytes(length))
  const { publicKey } = crypto.keyPair()
  const node = (index: number, size: number) => ({ block: null, node: { index, size, hash } })
  const refused = [
    [{ block: null, node: null }],
    [{ block: b4a.from('a'), node: { index: 0, size: 1, hash } }],
    [node(2, 1)],
    [node(2 ** 53 - 1, 1)],
    [node(2 ** 52 - 1, 2 ** 53 - 1)],
    [node(0, 2 ** 53 - 1), node(2, 2 ** 53 - 1)],
    [node(0, -1), node(2, 1)]
  ]
  for (const items of refused) {
    // what comes over the network is only as well-formed as its sender
    const proof: Proof = JSON.parse('{"start":0,"length":2,"fork":0}')
    Object.assign(proof, { items, signature })
    const context = { key: key ?? b4a.alloc(32), publicKey }
    await t.exception(() => verifyProof(proof, context), { code: 'PROOF_INVALID' })
  }
})

/** The same nodes, with one byte less below one and one more below the next; null where one of them is a block. */
function moved(items: Proof['items'], at: number): Proof['items'] | null {
  const [left, right] = [items[at]?.node, items[at + 1]?.node]
  if (!left || !right) return null
  const changed = [
    { block: null, node: { ...left, size: left.size + 1 } },
    { block: null, node: { ...right, size: right.size - 1 } }
  ]
  return [...items.slice(0, at), ...changed, ...items.slice(at + 2)]
}

/** Every proof that differs from this one in one thing. */
function* forgeries(proof: Proof): Generator<Proof> {
  const { items } = proof
  yield { ...proof, items: items.slice(1) }
  yield { ...proof, items: [...items, ...items.slice(-1)] }
  yield { ...proof, length: proof.length + 1 }
  yield { ...proof, fork: 1 }
  for (const at of [0, 2, 40, 66]) yield { ...proof, signature: flip(proof.signature, at) }
  for (let i = 0; i < items.length; i++) {
    const item = items[i]
    if (item === undefined) continue
    const changed =
      item.block === null
        ? { block: null, node: { ...item.node, hash: flip(item.node.hash, 5) } }
        : { block: flip(item.block, 0), node: null }
    yield { ...proof, items: [...items.slice(0, i), changed, ...items.slice(i + 1)] }
  }
}

function flip(bytes: Uint8Array, at: number): Uint8Array {
  const copy = b4a.from(bytes)
  copy[at] = (copy[at] ?? 0) ^ 1
  return copy
}

async function log(t: Teardown, length: number) {
  const keyPair = crypto.keyPair()
  const manifest = userLogManifest(keyPair.publicKey, b4a.alloc(32))
  const core = new Hypercore(await tempDir(t), {
    manifest: { ...manifest, signers: [...manifest.signers] },
    keyPair
  })
  t.teardown(() => core.close())
  const blocks = Array.from({ length }, (_, i) => b4a.from(`block ${i}`))
  await core.append(blocks)
  return { core, keyPair, blocks }
}

function uint64(n: bigint): Uint8Array {
  const bytes = b4a.alloc(8)
  new DataView(bytes.buffer, bytes.byteOffset, 8).setBigUint64(0, n, true)
  return bytes
}
