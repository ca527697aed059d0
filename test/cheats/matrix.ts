import b4a from 'b4a'
import type { Test } from 'brittle'
import crypto from 'hypercore-crypto'
import { type Audited, found, run } from '../audit-writer.ts'
import { type Cheat, type Expected, POSITIONS, type Position } from './cheat.ts'
import { KINDS, type Kind } from './contract.ts'
import { CheatingHost, type Stage } from './host.ts'

/** A cheat at one call: what a whole audit says of it, or why it cannot be. */
export type Cell =
  | { readonly struck: true; readonly said: string; readonly detail: string }
  | { readonly struck: false; readonly why: string }

/** One cheat at every call, in the order of positions, and of kinds in each. */
export interface Line {
  readonly cheat: Cheat
  readonly cells: readonly Cell[]
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
  return { cheat, cells }
}

/** The matrix as text, a row for each cheat. A live audit has no place in it yet: there is no monitor. */
export function table(lines: readonly Line[]): string[] {
  const heads = PLACES.map(({ position, kind }) => `${position}: ${kind}`)
  const text = [`row | class | cheat | ${heads.join(' | ')} | live`]
  for (const { cheat, cells } of lines) {
    const marks = cells.map((cell) => (cell.struck ? cell.said : '–'))
    text.push(
      `${cheat.row} | ${cheat.class} | ${cheat.what} | ${marks.join(' | ')} | no monitor yet`
    )
    const details = new Set(cells.flatMap((cell) => (cell.struck ? [cell.detail] : [])))
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

/** What there is to be said of an audit, as far as something is expected of it. */
function said(audited: Audited, host: CheatingHost, expected: Expected) {
  const { attested, counts, missing, pending, suspicions, verdict } = audited.verdict
  return {
    verdict,
    caught: found(audited),
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
  const { caught = [], suspected = [], missing = [], counted = {}, pending = 0 } = expected
  const innocent = missing.length > 0 ? 'inconclusive' : 'clean'
  return {
    verdict: caught.length > 0 ? 'violation' : innocent,
    caught,
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
