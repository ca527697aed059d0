// Writes the golden vectors of the protocol to test/vectors/. Run by hand (node bin/node.js scripts/vectors.js), and only where
// the format is meant to change: test/protocol-vectors.test.ts checks the code against the files as they are checked
// in. All keys come from fixed seeds, so the same code writes the same files.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import b4a from 'b4a'
import c from 'compact-encoding'
import Corestore from 'corestore'
import messages from 'hypercore/lib/messages.js'
import crypto from 'hypercore-crypto'
import Hyperdrive from 'hyperdrive'
import { Checkpoints } from '../src/audit/checkpoint.ts'
import { encodeEntry, encodeUserEntry } from '../src/protocol/entries.ts'
import { armor } from '../src/protocol/envelope.ts'
import { lastWrites } from '../src/protocol/files.ts'
import { callSeed, codeHash, hash, writesHash } from '../src/protocol/hash.ts'
import { signHead } from '../src/protocol/head.ts'
import { decodeId, encodeId, formatLink, parseLink } from '../src/protocol/ids.ts'
import {
  addressOf,
  callLogManifest,
  manifestKey,
  stateManifest,
  topicOf,
  userLogManifest
} from '../src/protocol/manifest.ts'
import { Tree } from '../src/protocol/merkle.ts'
import { createProof } from '../src/protocol/proof.ts'
import { encodeReceipt, verifyReceipt } from '../src/protocol/receipt.ts'
import { getEncoding } from '../src/protocol/schema/index.js'
import { decodeValue, encodeValue } from '../src/protocol/values.ts'
import { Archive } from '../src/state/archive.ts'
import { BackupWriter } from '../src/state/backup-file.ts'
import { coverTables } from '../src/state/parity.ts'
import { REFUSED } from '../test/refused-values.js'
import { evidenceForms } from './vectors-evidence.js'

const hostPair = crypto.keyPair(b4a.alloc(32, 1))
const deployerPair = crypto.keyPair(b4a.alloc(32, 2))
const userPair = crypto.keyPair(b4a.alloc(32, 3))
const [host, deployer, user] = [hostPair, deployerPair, userPair].map(({ publicKey }) => publicKey)
const SOURCE = 'exports.n = 0\nexports.add = (by) => (exports.n += by)\n'
const genesis = {
  type: 'genesis',
  vm: 'js-1',
  host,
  deployer,
  salt: b4a.alloc(32, 4),
  codeHash: codeHash(SOURCE),
  limits: {}
}
const genesisBlock = encodeEntry(genesis)
const address = addressOf(host, genesisBlock)
const callLog = buildCallLog()

write('values', values())
write('keys', keys())
write('entries', entries())
write('hashes', hashes())
const headsProofs = await headsAndProofs()
write('heads-proofs', headsProofs)
write('archive', await archive())
write('files', await files())
write('evidence-forms', await evidenceForms())

// ---- values

function values() {
  const deep = (levels, inner) => `${'['.repeat(levels)}${inner}${']'.repeat(levels)}`
  const texts = [
    'null',
    'true',
    'false',
    '0',
    '-0',
    '1',
    '-1.5',
    '0.1',
    '5e-324',
    '1.7976931348623157e+308',
    '1e+21',
    '100000000000000000000',
    '1e-7',
    '0.000001',
    '""',
    '"Grüße, 世界 🌍"',
    '"\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f\u007f\u2028"',
    '[]',
    '[1,[2,[3]],null]',
    '{}',
    '{"b":1,"a":2}',
    '{"1":"array indexes come first, in order","10":0,"b":1,"a":2,"01":3,"-1":4}',
    '{"":0,"__proto__":1,"constructor":2}',
    '{"$$bytes":"a key that begins with $"}',
    '{"$$$":{"$$":[]}}',
    '{"$bytes":""}',
    '{"$bytes":"AA=="}',
    '{"$bytes":"AAEC/w=="}',
    '{"bytes":{"$bytes":"3q2+7w=="}}',
    '{"$bigint":"0"}',
    '{"$bigint":"-1"}',
    '[{"$bigint":"123456789012345678901234567890"}]',
    deep(128, ''),
    deep(127, '{"$bigint":"1"}'),
    deep(127, '{"$bytes":""}')
  ]
  const readable = [
    ' [ 1 , 2 ] ',
    '1.0',
    '1e2',
    '9007199254740993',
    '0.1000000000000000055511151231257827',
    '"\\u0041\\/"',
    '{"a":1,"a":2}',
    '{"b":1,"7":2}',
    '{"a":1,"b":2,"a":3}',
    '{"a":{"$x":1e400},"b":"\\ud800","a":1,"b":2}'
  ]
  const malformed = [
    '',
    'undefined',
    "'a'",
    '[1,]',
    '01',
    '+1',
    '.5',
    'NaN',
    'Infinity',
    '1e400',
    '"\\ud800"',
    '{"\\udc00":1}',
    '\ufeff1',
    '1 2',
    '{"$":1}',
    '{"$x":1}',
    '{"$bytes":"AA==","a":1}',
    '{"$bytes":1}',
    '{"$bytes":"AA"}',
    '{"$bytes":"AB=="}',
    '{"$bytes":"-_8="}',
    '{"$bytes":" AA=="}',
    '{"$bigint":1}',
    '{"$bigint":"01"}',
    '{"$bigint":"-0"}',
    '{"$bigint":"1n"}',
    '{"$bigint":""}',
    deep(129, ''),
    deep(128, '{}'),
    deep(128, '{"$bigint":"1"}'),
    deep(128, '{"$bytes":""}')
  ]
  return {
    about:
      'values: the text form of a value, canonical. readable: other texts that read as a value. malformed: texts that are refused. refused: what has no text form, built by test/refused-values.js.',
    values: texts.map((text) => ({ text, value: describe(decodeValue(text)) })),
    readable: readable.map((text) => ({ text, canonical: encodeValue(decodeValue(text)) })),
    malformed: malformed.map((text) => ({ text, ...refusal(() => decodeValue(text)) })),
    refused: Object.entries(REFUSED).map(([name, build]) => ({
      name,
      ...refusal(() => encodeValue(build()))
    }))
  }
}

/** A value in plain JSON: `{array}`, `{object}` with pairs, `{bytes}` in hex, `{bigint}`, `{number: "-0"}`. */
function describe(value) {
  if (typeof value === 'bigint') return { bigint: String(value) }
  if (Object.is(value, -0)) return { number: '-0' }
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Uint8Array) return { bytes: hex(value) }
  if (Array.isArray(value)) return { array: value.map(describe) }
  return { object: Object.entries(value).map(([key, inner]) => [key, describe(inner)]) }
}

// ---- keys

function keys() {
  const ids = [b4a.alloc(32), b4a.alloc(32, 255), host, deployer, user, address]
  const id = encodeId(host)
  const invalidIds = [
    '',
    id.slice(0, 51),
    `${id}y`,
    id.toUpperCase(),
    `${id.slice(0, 51)}${nextLetter(id.at(-1))}`,
    `l${id.slice(1)}`,
    hex(host).slice(1),
    `${hex(host)}00`
  ]
  const links = [
    formatLink({ host, address }),
    formatLink({ host: null, address }),
    ` mivm://${encodeId(host)}/${encodeId(address)}/ `,
    `mivm://${hex(host)}/${hex(address)}`,
    hex(address).toUpperCase()
  ]
  const invalidLinks = [
    'mivm://',
    `mivm://${id}`,
    `mivm:${id}/${id}`,
    `mivm://${id}/${id}/x`,
    `mivm://${id}/nonsense`,
    `https://${id}/${id}`
  ]
  return {
    about:
      'All binary in hex. A key is BLAKE2b-256 of the MANIFEST namespace of Hypercore and the manifest.',
    ids: ids.map((key) => ({ key: hex(key), id: encodeId(key) })),
    invalidIds: invalidIds.map((text) => ({ text, ...refusal(() => decodeId(text)) })),
    links: links.map((text) => {
      const link = parseLink(text)
      return {
        text,
        host: link.host === null ? null : hex(link.host),
        address: hex(link.address),
        canonical: formatLink(link)
      }
    }),
    invalidLinks: invalidLinks.map((text) => ({ text, ...refusal(() => parseLink(text)) })),
    hypercoreManifestNamespace: hex(crypto.namespace('hypercore', 4)[3]),
    namespaces: [
      { name: 'call-log', parts: [] },
      { name: 'state', parts: [hex(address)] },
      { name: 'user-log', parts: [hex(address)] },
      { name: 'topic', parts: [hex(address)] }
    ].map((ns) => ({ ...ns, hash: hex(hash(ns.name, ...ns.parts.map(unhex))) })),
    genesis: hex(genesisBlock),
    topic: hex(topicOf(address)),
    manifests: [
      { log: 'call-log', publicKey: host, manifest: callLogManifest(host, genesisBlock) },
      { log: 'state', publicKey: host, manifest: stateManifest(host, address) },
      { log: 'user-log', publicKey: user, manifest: userLogManifest(user, address) }
    ].map(({ log, publicKey, manifest }) => ({
      log,
      publicKey: hex(publicKey),
      address: hex(address),
      manifest: hex(c.encode(messages.manifest, manifest)),
      key: hex(manifestKey(manifest))
    })),
    signatures: signatures()
  }
}

/** What verifiers of Ed25519 differ in: made elsewhere, by keys that no library makes. */
function signatures() {
  const message = b4a.from('mivm')
  return [
    [
      'as RFC 8032 makes it',
      '8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c',
      'd28722be2d7903cec7ba24fe52aec57a0a71fe78d537d6089d55dc65396cc69aa662cb063d803e727333346a379c03163bb0225728f873f88f958991c93a5606'
    ],
    [
      'with another R',
      '8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c',
      'edc876d6831fd2105d0b4389ca2e283166469289146e2ce06faefe98b22548df00c363cac6cb05d522d7de2c547a19f8a3d68d3874f001c4c945dca1aae4af03'
    ],
    [
      'S and the group order',
      '8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c',
      'd28722be2d7903cec7ba24fe52aec57a0a71fe78d537d6089d55dc65396cc69a9336c16357e350ca49d02b0d1696e22a3bb0225728f873f88f958991c93a5616'
    ],
    [
      'R with a part of small order',
      '8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c',
      'e9b2fe981587efae6478f48ba1fa60cec6126d0e26dde72a0a24f640dcd783e50783391c22f374a0698916d701f846e20226ac3b4ad4b33b1fd1f437fe429802'
    ],
    [
      'key with a part of small order, which counts',
      '9ea3f11f5bd34f0cd7147fd0a436c088f624c6100c1df6a53c0a29e05d60cea0',
      'c0f1225584444ec730446e231390781ffdd2f256e9fcbeb2f40dddc2c2233d7f7397f56ddb9b7af72f8be9fa2bc83a7688c71652c3bec7d08f3afb566f00c304'
    ],
    [
      'key with a part of small order, which falls out',
      '9ea3f11f5bd34f0cd7147fd0a436c088f624c6100c1df6a53c0a29e05d60cea0',
      '385a3c6fda7b31ddb960a916becf71bef035c571313e6a5e9d0a26b6aceb6c937aed94e422e4a5cb970cf53de759b48351169192a65e93e7bf1fa07ae639870a'
    ],
    [
      'key of order 1',
      '0100000000000000000000000000000000000000000000000000000000000000',
      'd4b4f5784868c3020403246717ec169ff79e26608ea126a1ab69ee77d1b167120300000000000000000000000000000000000000000000000000000000000000'
    ],
    [
      'key of order 8',
      'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
      'd4b4f5784868c3020403246717ec169ff79e26608ea126a1ab69ee77d1b167120300000000000000000000000000000000000000000000000000000000000000'
    ],
    [
      'key that is not canonical',
      'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
      'd4b4f5784868c3020403246717ec169ff79e26608ea126a1ab69ee77d1b167120300000000000000000000000000000000000000000000000000000000000000'
    ],
    [
      'R of order 1',
      '8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c',
      '0100000000000000000000000000000000000000000000000000000000000000c98941847d335eb6cf66f93c525c785504348a37a04b0ad93c19dfb7b437bf0f'
    ],
    [
      'R of order 1, not canonical',
      '8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c',
      '0100000000000000000000000000000000000000000000000000000000000080316c7d8b1d0da4edeec7fe1bdb84b5202e51d84a6ebad2c9eb6c28a7b79ea308'
    ]
  ].map(([name, key, signature]) => ({
    name,
    key,
    message: hex(message),
    signature,
    holds: crypto.verify(message, unhex(signature), unhex(key))
  }))
}

function nextLetter(letter) {
  const alphabet = 'ybndrfg8ejkmcpqxot1uwisza345h769'
  return alphabet[(alphabet.indexOf(letter) + 1) % 32]
}

// ---- entries

function entries() {
  const head = callLog.head(5)
  const limits = {
    fuel: 1,
    memory: 252,
    time: 253,
    depth: 255,
    code: 256,
    args: 65535,
    result: 65536,
    exports: 200000,
    file: 1000000,
    writes: 1000,
    written: 4194304,
    path: 1024
  }
  const call = encodeUserEntry({ type: 'call', method: 'add', args: '[2]', head: null })
  const thrown = { name: 'TypeError', message: 'no 🌍', code: 'E_X' }
  const ack = { type: 'ack', seq: 2, user, entry: 1, call, time: 1_800_000_000_000, previous: 0 }
  const result = {
    type: 'result',
    ack: 5,
    outcome: 'ok',
    value: '2',
    error: null,
    fuel: 0,
    writes: writesHash([])
  }
  const zero = { length: 0, treeHash: new Tree().treeHash() }
  const callEntries = [
    ['genesis', genesis],
    ['genesis with all limits', { ...genesis, vm: 'js-1', limits }],
    ['genesis with the last limit', { ...genesis, limits: { path: 64 } }],
    ['code', { type: 'code', source: SOURCE }],
    ['empty code', { type: 'code', source: '' }],
    ['first ack of a user', ack],
    ['later ack of a user', { ...ack, seq: 300, entry: 7, previous: 70_000 }],
    ['ack of an empty block', { ...ack, call: b4a.alloc(0) }],
    ['ack at the end of time', { ...ack, time: Number.MAX_SAFE_INTEGER }],
    ['result with a value', result],
    ['result without a value', { ...result, value: null, fuel: 10_000_000 }],
    ['error', { ...result, outcome: 'error', value: null, error: thrown }],
    [
      'error without code and text',
      { ...result, outcome: 'error', value: null, error: { name: '', message: '', code: null } }
    ],
    [
      'abort',
      { ...result, outcome: 'abort', value: null, error: { ...thrown, code: 'ABORT_TIME' } }
    ],
    ['oracle request', { type: 'oracle-request', ack: 5, index: 0, name: 'price', args: '["X"]' }],
    ['oracle answer', { type: 'oracle-answer', ack: 5, index: 0, value: '1.5', error: null }],
    [
      'oracle answer without a value',
      { type: 'oracle-answer', ack: 5, index: 1, value: null, error: null }
    ],
    ['oracle error', { type: 'oracle-answer', ack: 5, index: 2, value: null, error: thrown }],
    [
      'commit',
      {
        type: 'commit',
        archive: { length: 3, treeHash: b4a.alloc(32, 5) },
        blobs: { length: 300, treeHash: b4a.alloc(32, 6) },
        heads: [userHead(userPair, [call])]
      }
    ],
    [
      'commit of two users',
      {
        type: 'commit',
        archive: zero,
        blobs: zero,
        heads: [userHead(userPair, [call, call]), userHead(deployerPair, [call])]
      }
    ],
    ['commit of nothing', { type: 'commit', archive: zero, blobs: zero, heads: [] }]
  ]
  const answer = { entry: 1, index: 6, result: encodeEntry(result) }
  const userEntries = [
    ['call', { type: 'call', method: 'add', args: '[2]', head: null }],
    ['call with a head', { type: 'call', method: 'grüßen', args: '["世界"]', head }],
    ['ack', { type: 'ack', answers: [answer], head }],
    ['ack of several', { type: 'ack', answers: [answer, { ...answer, entry: 4, index: 9 }], head }],
    ['ack of none', { type: 'ack', answers: [], head }]
  ]
  const blocks = new Map([
    ...callEntries.map(([name, entry]) => [name, encodeEntry(entry)]),
    ...userEntries.map(([name, entry]) => [`user ${name}`, encodeUserEntry(entry)])
  ])
  return {
    about:
      'Blocks of both logs and what they hold, binary in hex; and blocks that are refused, with the code of the error.',
    callLog: callEntries.map(([name, entry]) => ({
      name,
      entry: plain(entry),
      block: hex(encodeEntry(entry))
    })),
    userLog: userEntries.map(([name, entry]) => ({
      name,
      entry: plain(entry),
      block: hex(encodeUserEntry(entry))
    })),
    refused: malformedBlocks(blocks)
  }
}

function malformedBlocks(blocks) {
  const block = (name) => {
    const found = blocks.get(name)
    if (found === undefined) throw new Error(`no block ${name}`)
    return found
  }
  const malformed = (log, name, bytes) => ({
    log,
    name,
    block: join(bytes),
    code: 'ENTRY_MALFORMED'
  })
  const list = []
  for (const [name, bytes] of blocks) {
    const log = name.startsWith('user ') ? 'user' : 'call'
    list.push(malformed(log, `${name}: cut off`, [bytes.subarray(0, -1)]))
    list.push(malformed(log, `${name}: one byte more`, [bytes, [0]]))
    list.push(malformed(log, `${name}: version 0`, [[0], bytes.subarray(1)]))
    list.push({
      log,
      name: `${name}: version 2`,
      block: join([[2], bytes.subarray(1)]),
      code: 'ENTRY_VERSION'
    })
  }
  const code = block('empty code')
  const ack = block('first ack of a user')
  const okResult = block('result with a value')
  const errorResult = block('error')
  const call = block('user call')
  const commit = block('commit')
  list.push(
    malformed('call', 'empty', []),
    malformed('call', 'version alone', [[1]]),
    malformed('call', 'type 7', [[1, 7], code.subarray(2)]),
    malformed('call', 'type 255', [[1, 255], code.subarray(2)]),
    malformed('user', 'type 2', [[1, 2], call.subarray(2)]),
    malformed('user', 'empty', []),
    malformed('call', 'length in three bytes instead of one', [[1, 1, 0xfd, 0, 0]]),
    malformed('call', 'length in five bytes instead of one', [[1, 1, 0xfe, 0, 0, 0, 0]]),
    malformed('call', 'length in nine bytes instead of one', [
      [1, 1, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]
    ]),
    malformed('call', 'length over 2^53', [[1, 1, 0xff, 0, 0, 0, 0, 0, 0, 0, 0x80]]),
    malformed('call', 'text that is not UTF-8', [[1, 1, 1, 0xff]]),
    malformed('call', 'text with an encoded surrogate', [[1, 1, 3, 0xed, 0xa0, 0x80]]),
    malformed('call', 'text in overlong UTF-8', [[1, 1, 2, 0xc1, 0x81]]),
    malformed('call', 'ack with an unknown flag', [ack.subarray(0, -1), [2]]),
    malformed('call', 'ack whose previous is there and 0', [ack.subarray(0, -1), [1, 0]]),
    malformed('call', 'seq in three bytes instead of one', [[1, 2, 0xfd, 2, 0], ack.subarray(3)]),
    // the last head ends with its signature: 1, 0, 64 bytes, 0, 0
    malformed('call', 'commit with a signature of another version', [
      commit.subarray(0, -68),
      [0],
      commit.subarray(-67)
    ]),
    malformed('call', 'commit with a signature that has a patch', [commit.subarray(0, -2), [1, 0]]),
    malformed('call', 'commit with a signature without its frame', [
      commit.subarray(0, -69),
      [64],
      commit.subarray(-66, -2)
    ]),
    malformed('call', 'commit with fewer heads than it counts', [
      block('commit of nothing').subarray(0, -1),
      [1]
    ]),
    malformed('call', 'result of an unknown outcome', [
      okResult.subarray(0, 3),
      [3],
      okResult.subarray(4)
    ]),
    malformed('call', 'result that is ok and an error', [
      errorResult.subarray(0, 3),
      [0],
      errorResult.subarray(4)
    ]),
    malformed('call', 'result that is an error and has none', [
      okResult.subarray(0, 3),
      [1],
      okResult.subarray(4)
    ]),
    malformed('call', 'result that is an abort with a value', [
      errorResult.subarray(0, 3),
      [2],
      errorResult.subarray(4, 37),
      [3, 1, 0x32],
      errorResult.subarray(38)
    ]),
    malformed('call', 'result whose value is there and empty', [okResult.subarray(0, 37), [1, 0]]),
    malformed('call', 'oracle answer with value and error', [
      [1, 5, 5, 0, 3, 1, 0x32, 1, 0x45, 0, 0]
    ]),
    malformed('call', 'error whose code is there and empty', [[1, 5, 5, 0, 2, 1, 0x45, 0, 1, 0]]),
    malformed('call', 'genesis with an unknown limit', [
      genesisBlock.subarray(0, -2),
      [0, 0x10],
      [1]
    ]),
    malformed('call', 'genesis with a limit of 0', [genesisBlock.subarray(0, -2), [1, 0], [0]]),
    malformed('user', 'call with an unknown flag', [call.subarray(0, -1), [2]]),
    malformed('user', 'ack of more than there is', [[1, 1, 0xfe, 0, 0, 0x10, 0]])
  )
  return list
}

// ---- hashes

function hashes() {
  const writeSets = [
    [],
    [{ path: '/a', data: b4a.alloc(0) }],
    [{ path: '/a', data: null }],
    [{ path: '/topics/1/title', data: b4a.from('Hello world') }],
    [
      { path: '/.mivm/exports/n.json', data: b4a.from('2') },
      { path: '/a', data: null },
      { path: '/ä/世', data: b4a.from([0, 255]) }
    ],
    // by code units, not by bytes
    [
      { path: '/\u{1f30d}', data: b4a.from('x') },
      { path: '/\uffee', data: b4a.from('y') }
    ]
  ]
  const blocks = Array.from({ length: 9 }, (_, i) => b4a.from(`block ${i}`))
  const tree = new Tree()
  const treeHashes = [hex(tree.treeHash())]
  for (const block of blocks) {
    tree.append(block)
    treeHashes.push(hex(tree.treeHash()))
  }
  const seeds = [
    [new Tree().treeHash(), b4a.alloc(0), 1],
    [callLog.tree(2).treeHash(), b4a.from('a user’s block'), 2],
    [callLog.tree(5).treeHash(), b4a.from('a user’s block'), 2 ** 40]
  ]
  return {
    about:
      'treeHashes: of a log of the blocks "block 0", "block 1" …, by its length. seed: from committed tree hash, block and seq.',
    codeHash: ['', 'exports.f = () => 1\n', SOURCE, '\u2028 世界 🌍'].map((source) => ({
      source,
      hash: hex(codeHash(source))
    })),
    writesHash: writeSets.map((writes) => ({
      writes: writes.map(({ path, data }) => ({ path, data: data === null ? null : hex(data) })),
      hash: hex(writesHash(writes))
    })),
    callSeed: seeds.map(([committed, block, seq]) => ({
      committed: hex(committed),
      block: hex(block),
      seq,
      seed: hex(callSeed(committed, block, seq))
    })),
    treeHashes
  }
}

// ---- heads, proofs and receipts

async function headsAndProofs() {
  const PROOF = getEncoding('@mivm/proof')
  const length = callLog.blocks.length
  const head = callLog.head(length)
  const read = async (index) => callLog.nodes.get(index)
  const prove = (start, indexes, through) =>
    createProof(
      {
        start,
        head,
        blocks: indexes.map((index) => ({ index, block: callLog.blocks[index] })),
        ...(through === undefined ? {} : { through })
      },
      read
    )
  const requests = [
    { start: 0, blocks: [0] },
    { start: 0, blocks: [5, 6] },
    { start: 0, blocks: [5, 6], through: 5 },
    { start: 0, blocks: [] },
    { start: 5, blocks: [length - 1] },
    { start: 6, blocks: [6, 7], through: 6 },
    { start: length, blocks: [] }
  ]
  const proofs = []
  for (const { start, blocks, through } of requests) {
    const proof = await prove(start, blocks, through)
    proofs.push({
      start,
      blocks,
      through: through ?? null,
      throughHash: through === undefined ? null : hex(callLog.tree(through).treeHash()),
      proof: hex(c.encode(PROOF, proof))
    })
  }
  const proof = await prove(0, [5, 6])
  const receipt = encodeReceipt(genesisBlock, proof)
  const withProof = (changed) => encodeReceipt(genesisBlock, { ...proof, ...changed })
  const items = proof.items
  const forked = sign({ ...head, fork: 1 })
  const tampered = {
    'head for another length': withProof({ length: length + 1 }),
    'signature with a flipped bit': withProof({ signature: flip(head.signature, 20) }),
    'signature in another frame': withProof({ signature: flip(head.signature, 0) }),
    'signature by another': withProof({
      signature: signHead(head, address, (message) => crypto.sign(message, userPair.secretKey))
        .signature
    }),
    'fork, signed': withProof({ fork: 1, signature: forked.signature }),
    'head of the tree under another key': withProof({
      signature: signHead(head, hash('topic', address), signAsHost).signature
    }),
    'item left out': withProof({ items: items.slice(1) }),
    'item too many': withProof({ items: [...items, { block: b4a.from('x'), node: null }] }),
    'block grafted on an honest head': withProof({
      items: [
        { block: callLog.blocks[5], node: null },
        ...items.filter(({ node }) => node !== null)
      ]
    }),
    'item with a node beside the block': withProof({
      items: items.map((item) => (item.block === null ? item : { ...item, node: items[0].node }))
    }),
    'item with nothing in it': withProof({
      items: [{ block: null, node: null }, ...items.slice(1)]
    }),
    'ack alone': encodeReceipt(genesisBlock, await prove(0, [5])),
    'result alone': encodeReceipt(genesisBlock, await prove(0, [6])),
    'result of another call': encodeReceipt(genesisBlock, await prove(0, [2, 6])),
    'three blocks': encodeReceipt(genesisBlock, await prove(0, [5, 6, 7])),
    'proof from block 5': encodeReceipt(genesisBlock, await prove(5, [5, 6])),
    'another genesis': encodeReceipt(encodeEntry({ ...genesis, salt: b4a.alloc(32, 9) }), proof),
    'code for genesis': encodeReceipt(encodeEntry({ type: 'code', source: SOURCE }), proof),
    'one byte more': b4a.concat([receipt, b4a.alloc(1)]),
    'cut off': receipt.subarray(0, -1),
    'another magic': flip(receipt, 0),
    empty: b4a.alloc(0)
  }
  return {
    about:
      'Ed25519 keys from seeds. heads: of the call log at some lengths, by its host. proofs: encoded, of these blocks from this start. Binary in hex.',
    seeds: {
      host: hex(b4a.alloc(32, 1)),
      deployer: hex(b4a.alloc(32, 2)),
      user: hex(b4a.alloc(32, 3))
    },
    host: hex(host),
    address: hex(address),
    blocks: callLog.blocks.map(hex),
    heads: [2, 5, 8, length].map((n) => plain(callLog.head(n))),
    forgedHeads: [
      { ...head, length: length - 1 },
      { ...head, fork: 1 },
      { ...head, treeHash: flip(head.treeHash, 31) },
      { ...head, signature: head.signature.subarray(2, 66) },
      { ...head, signature: flip(head.signature, 2) },
      { ...head, signature: flip(head.signature, 67) },
      { ...head, signature: b4a.concat([head.signature, b4a.alloc(1)]) },
      { ...head, signature: b4a.alloc(0) }
    ].map(plain),
    proofs,
    forgedProofs: [
      ...[1, 2, Number.MAX_SAFE_INTEGER].map((size) => ({
        name: `sizes that add up to 2^53 - 1 and ${size} more`,
        start: 0,
        proof: hex(c.encode(PROOF, oversized(size)))
      })),
      ...Object.entries({
        'from a tree that is not the one before': { ...proof, start: 5 },
        'longer than its items': { ...proof, length: length + 1 },
        'an item twice': { ...proof, items: [items[0], ...items] },
        'items in another order': { ...proof, items: [...items].reverse() }
      }).map(([name, forged]) => ({
        name,
        start: forged.start,
        proof: hex(c.encode(PROOF, forged))
      }))
    ],
    receipt: {
      bytes: hex(receipt),
      says: {
        host: encodeId(host),
        address: encodeId(address),
        user: encodeId(user),
        seq: 2,
        time: 1_800_000_000_001,
        method: 'add',
        args: '[2]',
        outcome: 'ok',
        value: '2',
        error: null
      }
    },
    forgedReceipts: Object.entries(tampered).map(([name, bytes]) => ({ name, bytes: hex(bytes) }))
  }
}

/** A log of two blocks, of which the first has as many bytes as there are, by the host. */
function oversized(size) {
  const sizes = [Number.MAX_SAFE_INTEGER, size]
  const items = sizes.map((size, i) => ({
    block: null,
    node: { index: 2 * i, size, hash: b4a.alloc(32, i) }
  }))
  const sum = b4a.alloc(8)
  new DataView(sum.buffer, sum.byteOffset, 8).setBigUint64(
    0,
    sizes.map(BigInt).reduce((a, b) => a + b),
    true
  )
  const parent = crypto.hash([b4a.from([1]), sum, b4a.alloc(32, 0), b4a.alloc(32, 1)])
  const treeHash = crypto.hash([b4a.from([2]), parent, b4a.from([1, 0, 0, 0, 0, 0, 0, 0]), sum])
  const { signature } = sign({ length: 2, fork: 0, treeHash })
  return { start: 0, items, length: 2, fork: 0, signature }
}

// ---- the state archive

async function archive() {
  const dir = mkdtempSync(path.join(tmpdir(), 'mivm-vectors-'))
  const store = new Corestore(dir)
  try {
    const manifest = stateManifest(host, address)
    const files = store.get({ manifest, keyPair: hostPair })
    await files.ready()
    const content = store.get({
      manifest: Hyperdrive.getContentManifest(manifest, files.key),
      keyPair: hostPair
    })
    await content.ready()
    const keys = { archive: hex(files.key), blobs: hex(content.key) }
    const state = new Archive(files.session(), content.session(), content.key)
    await state.ready()
    const commits = []
    for (const writes of archiveWrites().map(lastWrites)) {
      await state.write(writes)
      commits.push({
        writes: writes.map(({ path, data }) => ({ path, data: data === null ? null : hex(data) })),
        ...plain(await state.version())
      })
    }
    const blocks = []
    for (let i = 0; i < files.length; i++) blocks.push(hex(await files.get(i)))
    await state.close()
    return {
      about:
        'The state archive of the instance of heads-proofs.json: what each commit writes, in order, and what it comes to; and all blocks of the core of files.',
      host: hex(host),
      address: hex(address),
      keys,
      commits,
      blocks
    }
  } finally {
    await store.close()
    rmSync(dir, { recursive: true })
  }
}

function archiveWrites() {
  const file = (name, data) => ({ path: name, data: data === null ? null : b4a.from(data) })
  return [
    [file('/.mivm/contract.js', SOURCE), file('/.mivm/exports/n.json', '0')],
    [file('/.mivm/exports/n.json', '1'), file('/.mivm/exports/n.json', '2')],
    [],
    [file('/b', 'b'), file('/a/ä', ''), file('/\u{1f30d}', 'x'), file('/\uffee', 'y')],
    [file('/b', null), file('/never', null)],
    [{ path: '/large', data: b4a.alloc(65_536 + 1, 7) }],
    Array.from({ length: 40 }, (_, i) => file(`/many/${i}`, `${i}`)),
    Array.from({ length: 40 }, (_, i) => file(`/many/${i}`, i % 3 === 0 ? null : `${i + 1}`))
  ]
}

// ---- files, and messages between peers

async function files() {
  const receipt = unhex(headsProofs.receipt.bytes)
  const text = armor(receipt)
  const [begin, ...body] = text.trim().split('\n')
  const end = body.pop()
  const lines = (...all) => `${all.join('\n')}\n`
  const base64 = body.join('')
  const armored = {
    'as it is written': text,
    'other line ends': text.replaceAll('\n', '\r\n'),
    'text around it': `Hello,\n\n${text}\n-- \nBob`,
    'text on the same lines': `this: ${text.trim()} is it`,
    quoted: text.replace(/^/gm, '> '),
    'quoted in several ways': text.replace(/^/gm, '> >|\t'),
    'all on one line': `${begin} ${base64} ${end}`,
    'nothing between the lines and the base64': `${begin}${base64}${end}`,
    'a line of 30 characters': lines(begin, ...(base64.match(/.{1,30}/g) ?? []), end),
    'words of a line on two lines': text.replaceAll('MIVM RECEIPT', 'MIVM\n> RECEIPT'),
    'more space between words': text.replaceAll(' ', '  \t'),
    'other white space': lines(begin, ...body.map((line) => `\u00a0${line}\u2028`), end)
  }
  const refused = {
    twice: `${text}${text}`,
    'its first line in the text before': `${begin} is how it begins\n${text}`,
    'its first line in the text behind': `${text}${begin}`,
    'no last line': lines(begin, ...body),
    'no first line': lines(...body, end),
    'another last line': text.replace('END MIVM RECEIPT', 'END MIVM EVIDENCE'),
    'evidence, by its lines': text.replaceAll('RECEIPT', 'EVIDENCE'),
    'small letters': text.replaceAll('RECEIPT', 'receipt'),
    'a comment in it': lines(begin, 'Comment: none', ...body, end),
    'a character that is none of base64': lines(
      begin,
      `${base64.slice(0, 9)}-${base64.slice(9)}`,
      end
    ),
    'a quote within a line': lines(begin, `${base64.slice(0, 9)}>${base64.slice(9)}`, end),
    'no more than its lines': lines(begin, end),
    'another line of a file before it': `mivm/\n${text}`
  }
  const seed = b4a.alloc(32, 1)
  const identity = { mivm: 'identity/1', id: encodeId(host), seed: hex(seed) }
  return {
    about:
      'armored: texts of the receipt in heads-proofs.json, and what is refused. identities: files of a key pair by its seed. lines: first lines, and what they come to. messages: encoded, in hex. checkpoint and backup: whole files in base64, and what is in them. parity: the note beside a file, in base64; byte i of the file is the lowest byte of i * i + (i >> 8).',
    armored: Object.entries(armored).map(([name, text]) => ({ name, text })),
    refusedArmored: await Promise.all(
      Object.entries(refused).map(async ([name, text]) => ({
        name,
        text,
        ...refusal(() => verifyReceipt(b4a.from(text)))
      }))
    ),
    lines: [
      'receipt/2',
      'receipt/10',
      'receipt/01',
      'receipt/0',
      'receipt/',
      'receipt/1 ',
      'receipt/1234567890',
      'evidence/2',
      'checkpoint/1',
      'Receipt/1'
    ].map((line) => {
      const bytes = b4a.concat([b4a.from(`mivm/${line}\n`), receipt.subarray(15)])
      return { line: `mivm/${line}`, code: refusal(() => verifyReceipt(bytes)).code }
    }),
    identities: [{ text: `${JSON.stringify(identity)}\n`, id: identity.id, seed: hex(seed) }],
    refusedIdentities: [
      { ...identity, id: encodeId(deployer) },
      { ...identity, mivm: 'identity/2' },
      { ...identity, seed: hex(seed).slice(2) },
      { ...identity, seed: `${hex(seed)}zz` },
      { ...identity, seed: [hex(seed)] },
      { mivm: identity.mivm, id: identity.id }
    ].map((it) => ({ text: `${JSON.stringify(it)}\n` })),
    messages: peerMessages(),
    checkpoint: await checkpointFile(),
    backup: await backupFile(),
    parity: await parityFiles()
  }
}

function peerMessages() {
  const head = callLog.head(5)
  const node = { index: 11, size: 300, hash: b4a.alloc(32, 7) }
  const proof = c.decode(getEncoding('@mivm/proof'), unhex(headsProofs.proofs[3].proof))
  return [
    ['head', head],
    ['heads-ask', { lengths: [5, 13] }],
    ['heads-ask', { lengths: [] }],
    ['heads-proof', { proof }],
    ['heads-proof', { proof: null }],
    ['known-request', { address, head }],
    ['known-reply', { signed: head }],
    ['known-reply', { signed: null }],
    ['range-request', { key: address, start: 2, length: 13, blocks: 300 }],
    ['range-reply', { blocks: [b4a.from('block'), b4a.alloc(0)], nodes: [node] }],
    ['range-reply', { blocks: [], nodes: [] }]
  ].map(([name, message]) => ({
    name,
    message: plain(message),
    bytes: hex(c.encode(getEncoding(`@mivm/${name}`), message))
  }))
}

async function checkpointFile() {
  const dir = mkdtempSync(path.join(tmpdir(), 'mivm-vectors-'))
  try {
    const seed = b4a.alloc(32, 5)
    writeFileSync(path.join(dir, 'auditor.key'), `${hex(seed)}\n`)
    const roots = callLog.tree(5).roots
    const { fork, ...userHeadOf } = { fork: 0, ...userHead(deployerPair, [b4a.from('init')]) }
    const zero = { length: 0, treeHash: new Tree().treeHash() }
    const checkpoint = {
      address,
      head: callLog.head(8),
      roots,
      walk: {
        next: 5,
        seq: 1,
        time: 1_800_000_000_000,
        calls: 1,
        attested: { hostTimes: 1, oracleAnswers: 0, aborts: 0 },
        committed: callLog.tree(5).treeHash(),
        archive: zero,
        blobs: zero,
        callers: [{ key: deployer, lastAck: 2, head: userHeadOf }]
      },
      users: {
        time: 1_800_000_000_000,
        logs: [
          {
            key: deployer,
            at: 1,
            roots: callLog.tree(1).roots,
            acked: b4a.from([2]),
            ackedTo: 1,
            expected: [{ length: 3, treeHash: b4a.alloc(32, 3), block: 4 }],
            expectedTo: 3,
            agreed: 1,
            claimedTo: 1,
            ahead: { length: 3, time: 1_800_000_000_000 },
            dispute: null
          }
        ]
      },
      state: { archive: [], blobs: [] },
      counts: {
        blocks: 5,
        calls: 1,
        commits: 1,
        users: 1,
        replayed: 1,
        userEntries: 1,
        heads: 1,
        unanswered: 0,
        falseHeads: 0,
        falseAnswers: 0
      },
      firstAbort: null
    }
    await new Checkpoints(dir, encodeId(address), address).write(checkpoint)
    const bytes = readFileSync(path.join(dir, `${encodeId(address)}.checkpoint`))
    return { seed: hex(seed), address: hex(address), bytes: bytes.toString('base64') }
  } finally {
    rmSync(dir, { recursive: true })
  }
}

async function parityFiles() {
  const db = mkdtempSync(path.join(tmpdir(), 'mivm-vectors-'))
  try {
    const sizes = [1, 100, 4_000, 70_001]
    for (const [i, size] of sizes.entries()) {
      const bytes = b4a.from(Array.from({ length: size }, (_, at) => at * at + (at >> 8)))
      writeFileSync(path.join(db, `${i}.sst`), bytes)
    }
    await coverTables(db, { isClosed: true })
    return sizes.map((size, i) => ({
      size,
      bytes: readFileSync(path.join(db, `${i}.sst.parity`), 'base64')
    }))
  } finally {
    rmSync(db, { recursive: true })
  }
}

async function backupFile() {
  const dir = mkdtempSync(path.join(tmpdir(), 'mivm-vectors-'))
  try {
    const records = [
      { kind: 'file', key: b4a.from('host.key'), value: b4a.from('{}\n') },
      { kind: 'key', key: b4a.from([4, 0, 1]), value: b4a.alloc(1_100_000, 7) },
      { kind: 'key', key: b4a.from([5]), value: b4a.alloc(0) }
    ]
    const file = path.join(dir, 'backup')
    const writer = await BackupWriter.create(file)
    for (const record of records) await writer.add(record)
    await writer.finish()
    return {
      records: records.map(({ kind, key, value }) => ({
        kind,
        key: hex(key),
        hash: hex(crypto.hash(value)),
        bytes: value.byteLength
      })),
      bytes: readFileSync(file).toString('base64')
    }
  } finally {
    rmSync(dir, { recursive: true })
  }
}

/** A deployment and two batches, as a host writes them; the commits name trees that nobody has. */
function buildCallLog() {
  const init = encodeUserEntry({ type: 'call', method: 'init', args: '[]', head: null })
  const add = (by) => encodeUserEntry({ type: 'call', method: 'add', args: `[${by}]`, head: null })
  const ack = (seq, key, entry, call, previous) =>
    encodeEntry({
      type: 'ack',
      seq,
      user: key,
      entry,
      call,
      time: 1_799_999_999_999 + seq,
      previous
    })
  const result = (at, value) =>
    encodeEntry({
      type: 'result',
      ack: at,
      outcome: 'ok',
      value,
      error: null,
      fuel: 0,
      writes: writesHash(
        value === null ? [] : [{ path: '/.mivm/exports/n.json', data: b4a.from(value) }]
      )
    })
  const commit = (n, heads) =>
    encodeEntry({
      type: 'commit',
      archive: { length: n, treeHash: b4a.alloc(32, n) },
      blobs: { length: n, treeHash: b4a.alloc(32, n + 16) },
      heads
    })
  const blocks = [
    genesisBlock,
    encodeEntry({ type: 'code', source: SOURCE }),
    ack(1, deployer, 1, init, 0),
    result(2, null),
    commit(2, [userHead(deployerPair, [init])]),
    ack(2, user, 1, add(2), 0),
    result(5, '2'),
    commit(3, [userHead(userPair, [add(2)])]),
    ack(3, deployer, 2, add(3), 2),
    result(8, '5'),
    ack(4, user, 2, add(-5), 5),
    result(10, '0'),
    commit(4, [userHead(deployerPair, [init, add(3)]), userHead(userPair, [add(2), add(-5)])])
  ]
  const nodes = new Map()
  const whole = new Tree()
  for (const block of blocks) for (const node of whole.append(block)) nodes.set(node.index, node)
  const tree = (length) => {
    const part = new Tree()
    for (const block of blocks.slice(0, length)) part.append(block)
    return part
  }
  return {
    blocks,
    nodes,
    tree,
    head: (length) => sign({ length, fork: 0, treeHash: tree(length).treeHash() })
  }
}

/** The head of a user's log of these blocks, as a commit has it. */
function userHead({ publicKey, secretKey }, blocks) {
  const tree = new Tree()
  for (const block of blocks) tree.append(block)
  const head = { length: tree.length, fork: 0, treeHash: tree.treeHash() }
  const key = manifestKey(userLogManifest(publicKey, address))
  const { fork, ...rest } = signHead(head, key, (message) => crypto.sign(message, secretKey))
  return rest
}

function sign({ length, fork, treeHash }) {
  return signHead({ length, fork, treeHash }, address, signAsHost)
}

function signAsHost(message) {
  return crypto.sign(message, hostPair.secretKey)
}

// ---- common

function refusal(fn) {
  try {
    fn()
  } catch (error) {
    if (error.code === undefined) throw error
    return { code: error.code, message: error.message }
  }
  throw new Error('not refused')
}

function plain(value) {
  if (value instanceof Uint8Array) return hex(value)
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
}

function flip(bytes, at) {
  const copy = b4a.from(bytes)
  copy[at] ^= 1
  return copy
}

function hex(bytes) {
  return b4a.toString(bytes, 'hex')
}

/** Parts, as bytes or as numbers, in hex. */
function join(parts) {
  return hex(b4a.concat(parts.map((part) => b4a.from(part))))
}

function unhex(text) {
  return b4a.from(text, 'hex')
}

/** One vector a line, so that a change of one is a change of one line. */
function write(name, vectors) {
  const members = Object.entries(vectors).map(([key, value]) => {
    if (!Array.isArray(value)) return `${JSON.stringify(key)}: ${JSON.stringify(value)}`
    const lines = value.map((item) => `    ${JSON.stringify(item)}`)
    return `${JSON.stringify(key)}: [\n${lines.join(',\n')}\n  ]`
  })
  const file = new URL(`../test/vectors/${name}.json`, import.meta.url)
  writeFileSync(file, `{\n  ${members.join(',\n  ')}\n}\n`)
}
