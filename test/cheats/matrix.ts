import { setTimeout as sleep } from 'node:timers/promises'
import b4a from 'b4a'
import type { Test } from 'brittle'
import type Corestore from 'corestore'
import crypto from 'hypercore-crypto'
import type { Head } from '../../src/protocol/head.ts'
import { type Audited, found, headOf, openStore, replicate, run } from '../audit-writer.ts'
import { Follower } from '../follower.ts'
import { type Cheat, type Expected, POSITIONS, type Position } from './cheat.ts'
import { KINDS, type Kind } from './contract.ts'
import { CheatingHost, type Stage } from './host.ts'

/** A cheat at one call: what a whole audit says of it, or why it cannot be. */
export type Cell =
  | { readonly struck: true; readonly said: string; readonly detail: string }
  | { readonly struck: false; readonly why: string }

/** One cheat at every call, in the order of positions, and of kinds in each; and one of them seen as it happens. */
export interface Line {
  readonly cheat: Cheat
  readonly cells: readonly Cell[]
  readonly live: Cell
}

const PLACES = POSITIONS.flatMap((position) => KINDS.map((kind) => ({ position, kind })))

/** No two hosts have the same address. */
let salts = 0

/** Lets a host cheat at every call, and holds what a whole audit says against what it has to say. */
export async function strike(t: Test, stage: Stage, cheat: Cheat): Promise<Line> {
  const cells: Cell[] = []
  for (const { position, kind } of PLACES) {
    const why = cheat.without?.(kind, position) ?? null
    if (why === null) cells.push(await strikeAt(t, stage, cheat, position, kind))
    else cells.push({ struck: false, why })
  }
  const { position, kind } = livePlace(cheat)
  return { cheat, cells, live: await strikeLive(t, stage, cheat, position, kind) }
}

/** Another place for each cheat, so that a part of the matrix has them all. */
function livePlace(cheat: Cheat): (typeof PLACES)[number] {
  const start = cheat.what.length
  const places = PLACES.map((_, i) => PLACES[(start + i) % PLACES.length])
  const place = places.find((it) => it && (cheat.without?.(it.kind, it.position) ?? null) === null)
  if (place === undefined) throw new Error(`${cheat.row}: it strikes nowhere`)
  return place
}

/** Lets a host cheat at every call while somebody follows it. */
export async function strikeAllLive(t: Test, stage: Stage, cheat: Cheat): Promise<void> {
  for (const { position, kind } of PLACES) {
    if ((cheat.without?.(kind, position) ?? null) !== null) continue
    await strikeLive(t, stage, cheat, position, kind)
  }
}

/** The matrix as text, a row for each cheat. */
export function table(lines: readonly Line[]): string[] {
  const heads = PLACES.map(({ position, kind }) => `${position}: ${kind}`)
  const text = [`row | class | cheat | ${heads.join(' | ')} | live`]
  for (const { cheat, cells, live } of lines) {
    const marks = [...cells, live].map((cell) => (cell.struck ? cell.said : '–'))
    text.push(`${cheat.row} | ${cheat.class} | ${cheat.what} | ${marks.join(' | ')}`)
    const details = new Set([...cells, live].flatMap((cell) => (cell.struck ? [cell.detail] : [])))
    const reasons = new Set(cells.flatMap((cell) => (cell.struck ? [] : [cell.why])))
    for (const detail of details) text.push(`    ${detail}`)
    for (const why of reasons) text.push(`    –: ${why}`)
  }
  return text
}

async function strikeAt(
  t: Test,
  stage: Stage,
  cheat: Cheat,
  position: Position,
  kind: Kind
): Promise<Cell> {
  const salt = crypto.hash(b4a.from(`salt ${++salts}`))
  const host = await CheatingHost.tell(stage, { cheat, position, kind, salt })
  const expected = cheat.expect(await host.place(), kind, position)
  const shown = await cheat.shown?.(t, host)
  const options = { patience: shown?.patience ?? 0, heads: cheat.heads?.(host) ?? [] }
  const audited = await run(t, shown ?? host, options)
  t.alike(said(audited, host, expected), wanted(expected), `${position}, ${kind}`)
  return { struck: true, ...summary(expected) }
}

/** The same while somebody follows the host, from its deployment on. */
async function strikeLive(
  t: Test,
  stage: Stage,
  cheat: Cheat,
  position: Position,
  kind: Kind
): Promise<Cell> {
  const salt = crypto.hash(b4a.from(`salt ${++salts}`))
  const store = await openStore(t)
  const heard: Head[] = []
  const watch = async (host: CheatingHost) => {
    const end = await replicate(store, host)
    const heads = () => heard.splice(0)
    const options = { store, address: host.address, patience: LIVE_PATIENCE_MS, heard: heads }
    const follower = await Follower.open(t, options)
    await follower.until('following')
    return { end, follower }
  }
  let watched: Awaited<ReturnType<typeof watch>> | null = null
  const host = await CheatingHost.tell(stage, { cheat, position, kind, salt }, async (deployed) => {
    watched = await watch(deployed)
  })
  const { end, follower } = watched ?? (await watch(host))
  const place = await host.place()
  if (!isBroken(cheat.expect(place, kind, position))) await follower.read(place.length)
  else await arrived(store, host.address, place.length)
  const shown = await cheat.shown?.(t, host)
  heard.push(...(cheat.heads?.(host) ?? []))
  let endShown = end
  if (shown !== undefined) {
    await end()
    const log = shown.store.get({ key: host.address })
    await log.ready()
    // a host takes nothing from others
    log.core.replicator.setPushOnly(true)
    // the newest head is what a host says of an instance when it is asked
    if (log.length > 0) heard.push(await headOf(log))
    const ending = await replicate(store, { keyPair: host.keyPair, ...shown })
    endShown = async () => {
      await ending()
      await log.close()
    }
  }
  const expected = (cheat.live ?? cheat.expect)(place, kind, position, host)
  await follower.found(expected.caught?.length ?? 0)
  const audited = { ...(await follower.stop()), checks: [] }
  await endShown()
  const live = withoutExtra(said(audited, host, expected), expected)
  t.alike(sorted(live), sorted(wanted(expected)), `live: ${position}, ${kind}`)
  return { struck: true, ...summary(expected) }
}

/** What a follower may see or not, as it comes in time, is of no account. */
function withoutExtra<T extends { caught: readonly string[] }>(
  words: T,
  { may = [] }: Expected
): T {
  return {
    ...words,
    caught: words.caught.filter(
      (finding) => !may.some((it) => finding === it || finding.startsWith(`${it} `))
    )
  }
}

/** Whether nothing is read behind what is found. */
function isBroken({ caught = [] }: Expected): boolean {
  return caught.some((finding) => /^(CODE_WRONG|BATCH_TOO_LARGE|ENTRY_)/.test(finding))
}

/** How long a follower waits for the other log, where one is ahead, ms. */
const LIVE_PATIENCE_MS = 1_000

/** Until a copy has the head of so many blocks: who audits a broken log reads no more of it, and is told of its end all the same. */
async function arrived(store: Corestore, key: Uint8Array, length: number): Promise<void> {
  const log = store.get({ key })
  await log.ready()
  while (log.length < length) await sleep(20)
  await log.close()
}

/** What is found as it happens is found in the order in which logs come; and in both logs of the archive, maybe. */
function sorted<T extends { caught: readonly string[]; missing: readonly string[] }>(words: T): T {
  const caught = [...new Set(words.caught)].sort()
  return { ...words, caught, missing: words.missing.toSorted() }
}

/** What there is to be said of an audit, as far as something is expected of it. */
function said(audited: Audited, host: CheatingHost, expected: Expected) {
  const { attested, counts, missing, pending, suspicions, verdict } = audited.verdict
  return {
    verdict,
    caught: found(audited),
    differing:
      expected.differing &&
      audited.findings
        .find(({ differences }) => differences !== undefined)
        ?.differences?.map(({ what }) => what),
    suspected: found({ findings: suspicions }),
    missing: missing.map(({ reason, log, from }) => `${reason} ${log} ${from}`),
    attested: pick(attested, attestedBy(expected)),
    counted: pick(counts, expected.counted ?? {}),
    // behind an entry that has no place nothing is pending
    pending: verdict === 'violation' ? 0 : pending,
    refused: host.refused
  }
}

function wanted(expected: Expected) {
  const {
    caught = [],
    differing,
    suspected = [],
    missing = [],
    counted = {},
    pending = 0
  } = expected
  const innocent = missing.length > 0 ? 'inconclusive' : 'clean'
  return {
    verdict: caught.length > 0 ? 'violation' : innocent,
    caught,
    differing,
    suspected,
    missing,
    attested: attestedBy(expected),
    counted,
    pending,
    refused: expected.refused ?? null
  }
}

/** Aborts and answers of oracles are only there where a host claims them. */
function attestedBy({ caught, attested }: Expected): object {
  return { ...(caught === undefined ? { aborts: 0, oracleAnswers: 0 } : {}), ...attested }
}

function pick(all: object, named: object): object {
  return Object.fromEntries(Object.keys(named).map((name) => [name, Reflect.get(all, name)]))
}

function summary(expected: Expected): { said: string; detail: string } {
  const { caught, suspected, missing, attested, counted, pending, refused, unseen } = expected
  if (caught !== undefined) return { said: 'caught', detail: codesOf(caught) }
  if (suspected !== undefined && suspected.length > 0) {
    return { said: 'suspected', detail: codesOf(suspected) }
  }
  if (missing !== undefined) return { said: 'inconclusive', detail: reasonsOf(missing) }
  if (refused !== undefined) return { said: 'refused', detail: `the host says ${refused}` }
  if (attested !== undefined) return { said: 'attested', detail: countsOf(attested) }
  if (pending !== undefined) return { said: 'pending', detail: `pending: ${pending}` }
  if (counted !== undefined) return { said: 'counted', detail: countsOf(counted) }
  return { said: 'unseen', detail: unseen ?? 'nothing is seen, and nothing has happened' }
}

function codesOf(findings: readonly string[]): string {
  return findings.map((finding) => finding.split(' ')[0]).join(', ')
}

function reasonsOf(missing: readonly string[]): string {
  return missing.map((gap) => gap.replace(/ \d+$/, '')).join(', ')
}

function countsOf(counts: object): string {
  return Object.entries(counts)
    .map(([name, n]) => `${name}: ${n}`)
    .join(', ')
}
