// What strangers send, in random forms, into everything that reads it: nothing but a MivmError may come out, and
// whatever is read has to be what was written.
import { readFileSync } from 'node:fs'
import b4a from 'b4a'
import c, { type Encoder } from 'compact-encoding'
import { CallLogWalk as AuditWalk } from '../src/audit/call-log.ts'
import { Report } from '../src/audit/findings.ts'
import { decode as decodeLogged } from '../src/audit/history.ts'
import {
  decodeEntry,
  decodeUserEntry,
  encodeEntry,
  encodeUserEntry,
  type Genesis
} from '../src/protocol/entries.ts'
import { MivmError } from '../src/protocol/errors.ts'
import { verifyHead } from '../src/protocol/head.ts'
import { decodeId, formatLink, parseLink } from '../src/protocol/ids.ts'
import { Tree } from '../src/protocol/merkle.ts'
import {
  CALL,
  CONSISTENCY,
  DEPLOY,
  HEADS_ASK,
  HEADS_HEAD,
  HEADS_PROOF,
  INFO,
  type Method,
  PROVE,
  STATUS
} from '../src/protocol/messages.ts'
import { type Proof, verifyProof } from '../src/protocol/proof.ts'
import { verifyReceipt } from '../src/protocol/receipt.ts'
import { decodeValue, encodeValue } from '../src/protocol/values.ts'
import { mutated } from './mutated.ts'
import type { Random } from './random.ts'
import { CallLogWalk } from './second/call-log.ts'
import type { Core } from './second/logs.ts'

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

const blocks = proofs.blocks.map(unhex)
const core: Core = { key: unhex(proofs.address), signer: unhex(proofs.host) }
const context = { key: core.key, publicKey: core.signer }
const receipt = unhex(proofs.receipt.bytes)
const proofBytes = proofs.proofs.map(({ proof }) => unhex(proof))
const callLog = [...entries.callLog.map(({ block }) => unhex(block)), ...blocks]
const userLog = entries.userLog.map(({ block }) => unhex(block))
const texts = [...values.values, ...values.readable, ...values.malformed].map(({ text }) => text)
const names = [...keys.ids.map(({ id }) => id), ...keys.links.map(({ text }) => text)]
const METHODS: readonly Method<unknown, unknown>[] = [
  INFO,
  DEPLOY,
  CALL,
  PROVE,
  CONSISTENCY,
  STATUS
]
const ENCODINGS: readonly Encoder<unknown>[] = [
  ...METHODS.flatMap(({ request, reply }) => [request, reply]),
  ...[HEADS_HEAD, HEADS_ASK, HEADS_PROOF]
]

/** Makes one input, gives it to what reads it, and throws where that is not as it should be. True: it was taken. */
export type Target = (random: Random) => boolean

export const TARGETS: { readonly [name: string]: Target } = {
  'entries of a call log': (random) => {
    const block = mutated(random, callLog)
    return taken(
      () => decodeEntry(block),
      (entry) => same(encodeEntry(entry), block)
    )
  },
  'entries of a user log': (random) => {
    const block = mutated(random, userLog)
    return taken(
      () => decodeUserEntry(block),
      (entry) => {
        same(encodeUserEntry(entry), block)
        if (entry.head !== null) verifyHead(entry.head, context.key, context.publicKey)
      }
    )
  },
  values: (random) => {
    const text = b4a.toString(
      mutated(
        random,
        texts.map((it) => b4a.from(it))
      ),
      'utf8'
    )
    return taken(
      () => decodeValue(text),
      (value) => {
        const canonical = encodeValue(value)
        if (encodeValue(decodeValue(canonical)) !== canonical) throw new Error(`of ${text}`)
      }
    )
  },
  'ids and links': (random) => {
    const text = b4a.toString(
      mutated(
        random,
        names.map((it) => b4a.from(it))
      ),
      'utf8'
    )
    const isId = taken(() => decodeId(text))
    const isLink = taken(
      () => parseLink(text),
      (link) => parseLink(formatLink(link))
    )
    return isId || isLink
  },
  receipts: (random) => {
    const bytes = mutated(random, [receipt])
    return taken(
      () => verifyReceipt(bytes),
      () => same(bytes, receipt)
    )
  },
  proofs: (random) => {
    const bytes = mutated(random, proofBytes)
    let proof: Proof
    try {
      proof = c.decode(PROVE.reply, bytes).proof
    } catch {
      return false
    }
    const tree = new Tree()
    for (const block of blocks.slice(0, proof.start)) tree.append(block)
    return taken(
      () => verifyProof(proof, { ...context, tree, through: random.below(16) }),
      (proven) => {
        // whatever has been done to it, what it shows is what was signed
        for (const [index, block] of proven.blocks) same(block, blocks[index] ?? NONE)
      }
    )
  },
  messages: (random) => {
    const bytes = mutated(random, [...MESSAGES, ...callLog, ...proofBytes])
    return ENCODINGS.some((encoding) => {
      let message: unknown
      try {
        message = c.decode(encoding, bytes)
      } catch {
        return false
      }
      // there is no more of it than was sent, but that a byte which is no UTF-8 is read as a character of three
      const again = c.encode(encoding, message)
      if (again.byteLength > 3 * bytes.byteLength + 8) throw new Error(b4a.toString(bytes, 'hex'))
      return b4a.equals(again, bytes)
    })
  },
  'call logs': (random) => {
    const log = blocks.slice(1)
    for (let i = random.below(4); i > 0; i--) changeLog(random, log)
    return walk([blocks[0] ?? NONE, ...log])
  }
}

/** Runs one target; what goes wrong says the input's number, which with the seed makes it again. */
export function fuzz(name: string, target: Target, random: Random, executions: number): number {
  let count = 0
  for (let i = 0; i < executions; i++) {
    try {
      if (target(random)) count++
    } catch (error) {
      throw new Error(`${name}, MIVM_SEED=${random.seed}, execution ${i}`, { cause: error })
    }
  }
  return count
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
    if (entry === 'newer' || audit.broken) break
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
  return JSON.parse(readFileSync(new URL(`./vectors/${name}.json`, import.meta.url), 'utf8'))
}

function unhex(text: string): Uint8Array {
  return b4a.from(text, 'hex')
}

const NONE = new Uint8Array()

const HEAD = { length: 3, fork: 0, treeHash: core.key, signature: b4a.alloc(68) }
const LOG = { user: core.signer, start: 1, blocks: userLog.slice(0, 2), head: HEAD }
const MESSAGES: readonly Uint8Array[] = [
  c.encode(INFO.reply, { genesis: blocks[0] ?? NONE, methods: ['init', 'add'], head: HEAD }),
  c.encode(DEPLOY.request, { genesis: blocks[0] ?? NONE, source: 'exports.n = 0', log: LOG }),
  c.encode(CALL.request, { address: core.key, log: LOG, from: 1, to: 2, known: 5, anchored: true }),
  c.encode(CALL.reply, { length: 3, through: 5, proof: null, behind: LOG }),
  c.encode(PROVE.request, { address: core.key, user: core.signer, entry: 1 }),
  c.encode(CONSISTENCY.request, { address: core.key, lengths: [1, 300] }),
  c.encode(STATUS.reply, { json: '{}' }),
  c.encode(HEADS_HEAD, HEAD),
  c.encode(HEADS_ASK, { lengths: [1, 300] }),
  c.encode(HEADS_PROOF, { proof: null })
]
