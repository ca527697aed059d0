// The auditor and the second checker, over the same store.
import type Corestore from 'corestore'
import crypto from 'hypercore-crypto'
import type { AuditEvent } from '../src/audit/events.ts'
import type { FindingCode, Finding as Found } from '../src/audit/findings.ts'
import { hex } from './second/bytes.ts'
import type { Finding } from './second/call-log.ts'
import { check, type History, type Log, type Report } from './second/check.ts'
import { readEntry } from './second/entries.ts'
import { archiveLogs, type Core, userLog } from './second/logs.ts'

/** Which rules a finding of the auditor says are broken: none, where only replay finds it. */
const RULES: { readonly [code in FindingCode]: readonly string[] } = {
  ADDRESS_WRONG: ['R2'],
  GENESIS_INVALID: ['R2'],
  CODE_WRONG: ['R3'],
  INIT_WRONG: ['R6'],
  ENTRY_MALFORMED: ['R3', 'R4'],
  ENTRY_TOO_LARGE: ['R3', 'R4'],
  ENTRY_UNEXPECTED: ['R3', 'R4'],
  BATCH_TOO_LARGE: ['R4'],
  SEQ_WRONG: ['R5'],
  ACK_CHAIN_WRONG: ['R5'],
  TIME_BACKWARDS: ['R5'],
  ORACLE_INDEX_WRONG: ['R5'],
  RESULT_FORM: ['R5'],
  COMMIT_BACKWARDS: ['R7'],
  COMMIT_HEADS_WRONG: ['R7'],
  USER_HEAD_INVALID: ['R18'],
  CALL_ALTERED: ['R8'],
  CALL_SKIPPED: ['R9'],
  CALL_REPEATED: ['R9'],
  CALL_OUT_OF_ORDER: ['R9'],
  CALL_INVENTED: ['R9'],
  ACK_BEFORE_HEAD: ['R10'],
  ARCHIVE_UNCOMMITTED: ['R15'],
  ARCHIVE_FORKED: ['R15'],
  TWO_HISTORIES: ['R16'],
  HISTORY_FORKED: ['R1', 'R16'],
  HISTORY_TRUNCATED: ['R17'],
  ARCHIVE_TRUNCATED: ['R17'],
  RESULT_WRONG: [],
  ORACLE_RECORD_WRONG: [],
  ORACLE_RECORD_EXTRA: [],
  COMMIT_WRONG: []
}

const LOGS = ['call log', 'user log', 'archive', 'blobs'] as const

export interface Audit {
  readonly findings: readonly Found[]
  readonly verdict: Extract<AuditEvent, { type: 'verdict' }>
}

/** Where the two do not agree: on the verdict, or on the first place in a log where something is wrong. */
export function differences(audit: Audit, report: Report): string[] {
  const auditor = structural(audit)
  const findings = report.findings.filter((finding) => !isReplays(finding))
  const second = { findings, verdict: verdictOf(findings, report.gaps) }
  const placed = (findings: readonly Finding[]) => findings.filter((it) => !isWithheld(it))
  const lines = LOGS.flatMap((log) => {
    const [a, b] = [firstIn(placed(auditor.findings), log), firstIn(placed(second.findings), log)]
    const isSame = a.some(({ rule, block }) =>
      b.some((it) => it.rule === rule && it.block === block)
    )
    return isSame || a.length + b.length === 0 ? [] : [`${show(a)} | ${show(b)} | ${log}`]
  })
  if (auditor.findings.some(isWithheld) !== second.findings.some(isWithheld))
    lines.push(`${show(auditor.findings)} | ${show(second.findings)} | withheld`)
  const isMissed = report.findings.some(isReplays) && audit.verdict.verdict !== 'violation'
  if (isMissed) lines.push(`nothing | ${show(report.findings.filter(isReplays))} | replay`)
  if (auditor.verdict === second.verdict) return lines
  const gaps = [...audit.verdict.missing.map(({ message }) => message), '|', ...report.gaps]
  return [...lines, `${auditor.verdict} | ${second.verdict} | verdict: ${gaps.join('; ')}`]
}

/** What is in a store, as the second checker takes it; null where there is no log of an instance. */
export async function historyOf(store: Corestore, address: Uint8Array): Promise<History | null> {
  const found = await namesOf(store, address)
  if (found === null) return null
  const { host, prologue } = found
  const core = { key: address, signer: host }
  const log = await logOf(store, core)
  if (log === null) return null
  const users: History['users'][number][] = []
  for (const user of usersIn(log.blocks)) {
    const copy = await logOf(store, userLog(user, address))
    if (copy !== null) users.push({ user, ...copy })
  }
  const cores = archiveLogs(host, address)
  const [archive, content] = [await logOf(store, cores.archive), await logOf(store, cores.blobs)]
  return {
    core,
    prologue,
    log,
    users,
    archive: archive?.head ?? null,
    blobs: content?.head ?? null,
    shownByHost: log.writable
  }
}

/** Checks what is in a store once more, and throws where that comes to something else than the audit did. */
export async function agree(store: Corestore, address: Uint8Array, audit: Audit): Promise<void> {
  const history = await historyOf(store, address)
  if (history === null) return
  const report = check(history)
  const differing = differences(audit, report)
  if (differing.length === 0) return
  throw new Error(`the two checkers differ (auditor | second | where): ${differing.join('\n')}`)
}

interface Judged {
  readonly verdict: Report['verdict']
  readonly findings: readonly Finding[]
}

/** What an audit has found without executing anything. */
function structural({ findings, verdict }: Audit): Judged {
  const found = findings.flatMap(({ code, log, block }) =>
    RULES[code].map((rule) => ({ rule, log, block }))
  )
  const gaps = verdict.missing.filter(({ reason }) => reason !== 'not-reproduced')
  return { findings: found, verdict: verdictOf(found, gaps) }
}

/** Entries that are no call, which the auditor leaves to the replay. */
function isReplays({ rule }: Finding): boolean {
  return rule === 'R12' || rule === 'R13'
}

/** What a user has seen, and nobody shows: of several entries with one head each shows it, wherever it stands. */
function isWithheld({ rule, log }: Finding): boolean {
  return rule === 'R17' && log === 'user log'
}

function verdictOf(findings: readonly Finding[], gaps: readonly unknown[]): Report['verdict'] {
  if (findings.length > 0) return 'violation'
  return gaps.length > 0 ? 'inconclusive' : 'clean'
}

function firstIn(findings: readonly Finding[], log: Finding['log']): Finding[] {
  const here = findings.filter((finding) => finding.log === log)
  const block = Math.min(...here.map((finding) => finding.block))
  return here.filter((finding) => finding.block === block)
}

function show(findings: readonly Finding[]): string {
  return findings.map(({ rule, block }) => `${rule} block ${block}`).join(', ') || 'nothing'
}

function usersIn(blocks: readonly Uint8Array[]): Uint8Array[] {
  const users = new Map<string, Uint8Array>()
  for (const block of blocks) {
    const entry = readEntry(block)
    if (typeof entry === 'object' && entry.type === 'ack') users.set(hex(entry.user), entry.user)
  }
  return [...users.values()]
}

/** What the manifest of a call log names. */
async function namesOf(
  store: Corestore,
  key: Uint8Array
): Promise<{ host: Uint8Array; prologue: Uint8Array } | null> {
  const session = store.get({ key, allowFork: false })
  try {
    await session.ready()
    const { prologue, signers } = session.manifest ?? { prologue: null, signers: [] }
    const host = signers[0]?.publicKey
    return prologue === null || host === undefined ? null : { host, prologue: prologue.hash }
  } finally {
    await session.close()
  }
}

async function logOf(
  store: Corestore,
  { key }: Core
): Promise<(Log & { writable: boolean }) | null> {
  if (!(await store.storage.hasCore(crypto.discoveryKey(key)))) return null
  const session = store.get({ key, allowFork: false })
  try {
    await session.ready()
    const { length, fork, roots, signature } = session.state
    if (signature === null) return null
    const blocks: Uint8Array[] = []
    for (let i = 0; i < length; i++) {
      const block = await session.get(i, { wait: false })
      if (block === null) break
      blocks.push(block)
    }
    const head = { length, fork, treeHash: crypto.tree(roots), signature }
    return { blocks, head, writable: session.writable }
  } finally {
    await session.close()
  }
}
