// What strangers send, in random forms, into everything that reads it: nothing but a MivmError may come out, and
// whatever is read has to be what was written.
import { readFileSync } from 'node:fs'
import b4a from 'b4a'
import c, { type Encoder } from 'compact-encoding'
import { CallLogWalk as AuditWalk } from '../../src/audit/call-log.ts'
import { decode as decodeLogged } from '../../src/audit/entry.ts'
import { Report } from '../../src/audit/findings.ts'
import {
  decodeEntry,
  decodeUserEntry,
  encodeEntry,
  encodeUserEntry,
  type Genesis
} from '../../src/protocol/entries.ts'
import { armor } from '../../src/protocol/envelope.ts'
import { MivmError } from '../../src/protocol/errors.ts'
import { verifyEvidence } from '../../src/protocol/evidence.ts'
import { verifyHead } from '../../src/protocol/head.ts'
import { decodeId, formatLink, parseLink } from '../../src/protocol/ids.ts'
import { Tree } from '../../src/protocol/merkle.ts'
import {
  CALL,
  CONSISTENCY,
  DEPLOY,
  HEADS_ASK,
  HEADS_HEAD,
  HEADS_PROOF,
  INFO,
  KNOWN,
  type Method,
  PROVE,
  RANGE,
  STATUS
} from '../../src/protocol/messages.ts'
import { type Proof, verifyProof } from '../../src/protocol/proof.ts'
import { verifyReceipt } from '../../src/protocol/receipt.ts'
import { decodeValue, encodeValue } from '../../src/protocol/values.ts'
import { checkReport, encodeFrame, FrameReader } from '../../src/vm/frames.ts'
import { mutated } from '../mutated.ts'
import type { Random } from '../random.ts'
import { CallLogWalk } from '../second/call-log.ts'
import { readEntry, readUserEntry } from '../second/entries.ts'
import type { Core } from '../second/logs.ts'
import { canonical } from '../second/values.ts'

interface EntryVectors {
  readonly callLog: readonly { block: string }[]
  readonly userLog: readonly { block: string }[]
}

interface ProofVectors {
  readonly host: string
  readonly address: string
  readonly blocks: readonly string[]
  readonly proofs: readonly { start: number; proof: string }[]
  readonly receipt: { readonly bytes: string }
}

interface ValueVectors {
  readonly values: readonly { text: string }[]
  readonly readable: readonly { text: string }[]
  readonly malformed: readonly { text: string }[]
}

interface KeyVectors {
  readonly ids: readonly { id: string }[]
  readonly links: readonly { text: string }[]
}

const entries: EntryVectors = read('entries')
const proofs: ProofVectors = read('heads-proofs')
const values: ValueVectors = read('values')
const keys: KeyVectors = read('keys')
const forms: { readonly forms: readonly { readonly bytes: string }[] } = read('evidence-forms')
const golden: { readonly [code: string]: { readonly bytes: string } } = read('evidence')

const blocks = proofs.blocks.map(unhex)
const core: Core = { key: unhex(proofs.address), signer: unhex(proofs.host) }
const context = { key: core.key, publicKey: core.signer }
const receipt = unhex(proofs.receipt.bytes)
const proofBytes = proofs.proofs.map(({ proof }) => unhex(proof))
const callLog = [...entries.callLog.map(({ block }) => unhex(block)), ...blocks]
const userLog = entries.userLog.map(({ block }) => unhex(block))
const texts = [...values.values, ...values.readable, ...values.malformed].map(({ text }) => text)
const names = [...keys.ids.map(({ id }) => id), ...keys.links.map(({ text }) => text)]
const shown = [...forms.forms, ...Object.values(golden)]
const evidence = shown.map(({ bytes }) => b4a.from(bytes, 'base64'))
/** Codes and instances of which there is evidence that holds, but for what has to be executed. */
const proven = new Set<string>()
for (const file of evidence) {
  const it = await verifyEvidence(file).catch(() => null)
  if (it !== null) proven.add(`${it.code} ${it.address}`)
}
const METHODS: readonly Method<unknown, unknown>[] = [
  INFO,
  DEPLOY,
  CALL,
  PROVE,
  CONSISTENCY,
  KNOWN,
  RANGE,
  STATUS
]
const ENCODINGS: readonly Encoder<unknown>[] = [
  ...METHODS.flatMap(({ request, reply }) => [request, reply]),
  ...[HEADS_HEAD, HEADS_ASK, HEADS_PROOF]
]

const NONE = new Uint8Array()
/** Larger inputs say no more, and take longer. */
const BYTES_MAX = 32 * 1024
const BLOCKS_MAX = 128
const LOG: Encoder<Uint8Array[]> = c.array(c.buffer)

const HEAD = { length: 3, fork: 0, treeHash: core.key, signature: b4a.alloc(68) }
const USER_BLOCKS = { user: core.signer, start: 1, blocks: userLog.slice(0, 2), head: HEAD }
const MESSAGES: readonly Uint8Array[] = [
  c.encode(INFO.reply, { genesis: blocks[0] ?? NONE, methods: ['init', 'add'], head: HEAD }),
  c.encode(DEPLOY.request, {
    genesis: blocks[0] ?? NONE,
    source: 'exports.n = 0',
    log: USER_BLOCKS
  }),
  c.encode(CALL.request, {
    address: core.key,
    log: USER_BLOCKS,
    from: 1,
    to: 2,
    known: 5,
    anchored: true
  }),
  c.encode(CALL.reply, { length: 3, through: 5, proof: null, behind: USER_BLOCKS }),
  c.encode(PROVE.request, { address: core.key, user: core.signer, entry: 1 }),
  c.encode(CONSISTENCY.request, { address: core.key, lengths: [1, 300] }),
  c.encode(KNOWN.request, { address: core.key, head: HEAD }),
  c.encode(KNOWN.reply, { signed: HEAD }),
  c.encode(RANGE.request, { key: core.key, start: 3, length: 300, blocks: 64 }),
  c.encode(RANGE.reply, {
    blocks: userLog.slice(0, 2),
    nodes: [{ index: 5, size: 70, hash: core.key }]
  }),
  c.encode(STATUS.reply, { json: '{}' }),
  c.encode(HEADS_HEAD, HEAD),
  c.encode(HEADS_ASK, { lengths: [1, 300] }),
  c.encode(HEADS_PROOF, { proof: null })
]

const STEP = {
  outcome: { status: 'ok', value: '[1,"é"]' },
  writes: [
    ['/a', 'text', 'é'],
    ['/b', 'binary', '/w=='],
    ['/c', null, null]
  ],
  fuel: 300,
  logs: ['one']
}
const THROWN = {
  ...STEP,
  outcome: { status: 'error', error: { name: 'Error', message: 'no', code: null } },
  writes: []
}
const FRAMES: readonly object[] = [
  { type: 'ready' },
  { type: 'steps', steps: [STEP, THROWN] },
  { type: 'done', steps: [STEP], count: 3, work: 5.5, processor: 4, outOfTime: false },
  { type: 'inspected', status: 'ok', methods: ['init', 'add'], processor: 1 },
  { type: 'inspected', ...THROWN.outcome, processor: 1 },
  { type: 'compiled', code: { text: '(function () {})', refusal: null } },
  { type: 'compiled', code: { text: null, refusal: { code: 'CODE_SYNTAX', message: 'no' } } },
  { type: 'get', path: '/a' },
  { type: 'list', range: { gt: '/a', lt: '/b', limit: 10, reverse: true } },
  { type: 'oracle', call: 1, index: 0, name: 'now', args: '[]' }
]

/** Something that reads what strangers send. */
export interface Target {
  /** What is changed to have inputs, beside what the corpus has. */
  readonly seeds: readonly Uint8Array[]
  /** Another input, from some of these. */
  readonly change: (random: Random, corpus: readonly Uint8Array[]) => Uint8Array
  /** Reads an input, and throws where that is not as it should be. True: it was taken. */
  readonly read: (input: Uint8Array) => boolean | Promise<boolean>
}

export const TARGETS: { readonly [name: string]: Target } = {
  'entries of a call log': bytes(callLog, (block) => {
    const isTaken = taken(
      () => decodeEntry(block),
      (entry) => same(encodeEntry(entry), block)
    )
    const other = readEntry(block)
    return agreed(isTaken, other !== 'newer' && other !== 'malformed', block)
  }),
  'entries of a user log': bytes(userLog, (block) => {
    const isTaken = taken(
      () => decodeUserEntry(block),
      (entry) => {
        same(encodeUserEntry(entry), block)
        if (entry.head !== null) verifyHead(entry.head, context.key, context.publicKey)
      }
    )
    const other = readUserEntry(block)
    return agreed(isTaken, other !== 'newer' && other !== 'malformed', block)
  }),
  values: bytes(texts.map(utf8), (input) => {
    const text = b4a.toString(input, 'utf8')
    let ours: string | null = null
    const isTaken = taken(
      () => decodeValue(text),
      (value) => {
        ours = encodeValue(value)
        if (encodeValue(decodeValue(ours)) !== ours) throw new Error(`of ${text}`)
      }
    )
    if (canonical(text) !== ours) throw new Error(`the readers differ about ${text}`)
    return isTaken
  }),
  'ids and links': bytes(names.map(utf8), (input) => {
    const text = b4a.toString(input, 'utf8')
    const isId = taken(() => decodeId(text))
    const isLink = taken(
      () => parseLink(text),
      (link) => parseLink(formatLink(link))
    )
    return isId || isLink
  }),
  receipts: bytes([receipt, utf8(armor(receipt))], (input) =>
    taken(
      () => verifyReceipt(input),
      ({ bytes }) => same(bytes, receipt)
    )
  ),
  evidence: bytes(evidence, async (input) => {
    try {
      const { code, address } = await verifyEvidence(input)
      // whatever has been done to it, it shows nothing that was not shown before
      if (!proven.has(`${code} ${address}`)) throw new Error(`${code} is shown by ${hex(input)}`)
      return true
    } catch (error) {
      if (error instanceof MivmError && error.code !== 'INTERNAL') return false
      throw error
    }
  }),
  /** The first byte: from which block on it is to be proven. */
  proofs: bytes(
    proofBytes.flatMap((proof) => [0, 1, 5].map((byte) => b4a.concat([b4a.from([byte]), proof]))),
    (input) => {
      let proof: Proof
      try {
        proof = c.decode(PROVE.reply, input.subarray(1)).proof
      } catch {
        return false
      }
      const tree = new Tree()
      for (const block of blocks.slice(0, proof.start)) tree.append(block)
      return taken(
        () => verifyProof(proof, { ...context, tree, through: input[0] ?? 0 }),
        (proven) => {
          // whatever has been done to it, what it shows is what was signed
          for (const [index, block] of proven.blocks) same(block, blocks[index] ?? NONE)
        }
      )
    }
  ),
  messages: bytes([...MESSAGES, ...callLog, ...proofBytes], (input) =>
    ENCODINGS.map((encoding) => {
      let message: unknown
      try {
        message = c.decode(encoding, input)
      } catch {
        return false
      }
      // there is no more of it than was sent, but that a byte which is no UTF-8 is read as a character of three
      const again = c.encode(encoding, message)
      if (again.byteLength > 3 * input.byteLength + 8) throw new Error(hex(input))
      return b4a.equals(again, input)
    }).includes(true)
  ),
  'frames of an engine': bytes(FRAMES.map(encodeFrame), (input) => {
    try {
      new FrameReader().read(input).map(checkReport)
      return true
    } catch (error) {
      if (error instanceof SyntaxError || Object.getPrototypeOf(error) === Error.prototype)
        return false
      throw error
    }
  }),
  'call logs': {
    seeds: [c.encode(LOG, blocks.slice(1))],
    change: (random, corpus) => {
      const log = c.decode(LOG, corpus[random.below(corpus.length)] ?? c.encode(LOG, []))
      for (let i = random.below(4); i > 0; i--) changeLog(random, log)
      return c.encode(LOG, log.slice(0, BLOCKS_MAX))
    },
    read: (input) => walk([blocks[0] ?? NONE, ...c.decode(LOG, input)])
  }
}

function bytes(seeds: readonly Uint8Array[], read: Target['read']): Target {
  const change: Target['change'] = (random, corpus) =>
    mutated(random, corpus).subarray(0, BYTES_MAX)
  return { seeds, change, read }
}

/** Both readers of a format have to take the same. */
function agreed(isTaken: boolean, isTakenBySecond: boolean, input: Uint8Array): boolean {
  if (isTaken !== isTakenBySecond) throw new Error(`the readers differ about ${hex(input)}`)
  return isTaken
}

function taken<T>(decode: () => T, check: (it: T) => unknown = () => {}): boolean {
  let decoded: T
  try {
    decoded = decode()
  } catch (error) {
    if (error instanceof MivmError && error.code !== 'INTERNAL') return false
    throw error
  }
  check(decoded)
  return true
}

function changeLog(random: Random, log: Uint8Array[]): void {
  const at = random.below(log.length)
  const block = log[at] ?? NONE
  switch (random.below(6)) {
    case 0:
      log.splice(at, 1)
      break
    case 1:
      log.splice(random.below(log.length + 1), 0, block)
      break
    case 2:
      log.splice(random.below(log.length), 1, block)
      break
    case 3:
      log.push(...log.splice(at, random.below(6)))
      break
    case 4:
      log.splice(at, 0, callLog[random.below(callLog.length)] ?? NONE)
      break
    default:
      log[at] = mutated(random, [block])
  }
}

/** Both walks of the form of a call log have to stop at the same block, and to find the same one wrong first. */
function walk(log: readonly Uint8Array[]): boolean {
  const report = new Report()
  const genesis = decodeEntry(log[0] ?? NONE)
  if (genesis.type !== 'genesis') throw new Error('block 0 is genesis')
  const first = walkAudit(log, genesis, report)
  const { findings } = new CallLogWalk(core, log)
  // signatures are not a matter of the walk, and results of entries that are no call are for the replay
  const form = findings.filter(({ rule }) => !['R12', 'R13', 'R18'].includes(rule))
  const second = Math.min(...form.map(({ block }) => block))
  if (first !== second) {
    const said = JSON.stringify([first, second, log.map((block) => b4a.toString(block, 'hex'))])
    throw new Error(`the walks differ: ${said}`)
  }
  return form.length === 0
}

function walkAudit(log: readonly Uint8Array[], genesis: Genesis, report: Report): number {
  const audit = new AuditWalk(genesis, report)
  const tree = new Tree()
  for (const [at, block] of log.entries()) {
    tree.append(block)
    const entry = decodeLogged(block)
    if (audit.broken) break
    if (at === 0) audit.begin()
    else if (typeof entry === 'string') audit.refuse('ENTRY_MALFORMED', 'this is no entry')
    else audit.push(entry, block, tree.treeHash())
  }
  return Math.min(...report.take().map(({ block }) => block))
}

function same(a: Uint8Array, b: Uint8Array): void {
  if (!b4a.equals(a, b))
    throw new Error(`${b4a.toString(a, 'hex')} is not ${b4a.toString(b, 'hex')}`)
}

function read<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), 'utf8'))
}

function utf8(text: string): Uint8Array {
  return b4a.from(text)
}

function hex(input: Uint8Array): string {
  return b4a.toString(input, 'hex')
}

function unhex(text: string): Uint8Array {
  return b4a.from(text, 'hex')
}
