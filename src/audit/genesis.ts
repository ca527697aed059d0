import b4a from 'b4a'
import type Hypercore from 'hypercore'
import { decodeEntry, type Genesis, isNewer, limitsOf } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import { codeHash } from '../protocol/hash.ts'
import { verifyHead } from '../protocol/head.ts'
import { encodeId } from '../protocol/ids.ts'
import { addressOf } from '../protocol/manifest.ts'
import { Tree } from '../protocol/merkle.ts'
import { isOwnVm } from '../protocol/vm-id.ts'
import { headOf } from '../state/head.ts'
import { decode } from './entry.ts'
import type { Report } from './findings.ts'
import { ASKED_MAX, awaitLength, type Patience, reopen } from './patience.ts'

/** Block 0 of a call log that belongs at its address. */
export interface Beginning {
  readonly genesis: Genesis
  readonly block: Uint8Array
  /** Whether an instance can begin with it: else that is found, and there is nothing to go on with. */
  readonly isValid: boolean
}

/**
 * Reads block 0 of the call log of an address; null, with a finding or a gap, where what is there is no genesis, or that of
 * another address.
 */
export async function readGenesis(
  core: Hypercore,
  address: Uint8Array,
  patience: Patience,
  report: Report
): Promise<Beginning | null> {
  const id = encodeId(address)
  await awaitLength(core, 1, patience)
  const block = await firstBlock(core, patience)
  const place = { log: 'call log', block: 0 } as const
  if (block === null) {
    const message = `the call log ${id}: nobody has shown it`
    report.gap({ reason: 'missing', log: 'call log', from: 0, to: null, message })
    return null
  }
  const tree = new Tree()
  tree.append(block)
  const prologue = core.manifest?.prologue
  if (prologue?.length !== 1) {
    // hosts sign archives and users their logs, and whoever asks for one of these as an instance accuses nobody
    const message = `at the address ${id} there is no instance, but another log`
    report.gap({ reason: 'missing', log: 'call log', from: 0, to: null, message })
    return null
  }
  if (!b4a.equals(prologue.hash, tree.treeHash())) {
    const message = 'the call log, block 0: what is on this disk is not what the address names'
    report.gap({ reason: 'damaged', log: 'call log', from: 0, to: 1, message })
    return null
  }
  if (isNewer(block)) {
    const message = 'the call log, block 0: the instance is of a newer format; update MIVM'
    report.gap({ reason: 'unsupported', log: 'call log', from: 0, to: null, message })
    return null
  }
  const entry = decode(block)
  const genesis = typeof entry === 'object' && entry.type === 'genesis' ? entry : null
  const wrong = wrongIn(genesis, block, address)
  if (wrong !== null && isSigned(core)) {
    report.find(wrong.code, place, wrong.message)
  } else if (wrong !== null) {
    // with the key of a host anybody can make up an address, and what it is the hash of is shown without a signature
    const message = `the call log ${id}: ${wrong.message}, and nobody has shown that its host has signed that`
    report.gap({ reason: 'missing', log: 'call log', from: 0, to: null, message })
  }
  if (genesis === null || wrong?.code === 'ADDRESS_WRONG') return null
  return { genesis, block, isValid: wrong === null }
}

/** The code that genesis names, from the log that it begins; null where that block is not here, or not whole. */
export async function readCode(callLog: Hypercore, genesis: Genesis): Promise<string | null> {
  try {
    const block = await callLog.get(1, { wait: false })
    const entry = block === null ? null : decodeEntry(block)
    if (entry?.type !== 'code') return null
    return b4a.equals(codeHash(entry.source), genesis.codeHash) ? entry.source : null
  } catch {
    return null
  }
}

async function firstBlock(core: Hypercore, { ms }: Patience): Promise<Uint8Array | null> {
  for (let asked = 0; asked < ASKED_MAX; asked++) {
    if (asked > 0) reopen(core)
    const block = await core
      .get(0, ms === 0 ? { wait: false } : { wait: true, timeout: ms })
      .catch(() => null)
    if (block !== null) return block
  }
  return null
}

/** What is wrong with block 0 of a log at this address; null where nothing is. `genesis` is null where it is none. */
function wrongIn(
  genesis: Genesis | null,
  block: Uint8Array,
  address: Uint8Array
): { readonly code: 'ADDRESS_WRONG' | 'GENESIS_INVALID'; readonly message: string } | null {
  if (genesis === null) {
    return { code: 'ADDRESS_WRONG', message: 'at this address there is no instance' }
  }
  if (!b4a.equals(addressOf(genesis.host, block), address)) {
    return { code: 'ADDRESS_WRONG', message: 'the address is not that of its genesis' }
  }
  if (hasLimits(genesis)) return null
  return { code: 'GENESIS_INVALID', message: 'genesis asks for higher limits than the VM has' }
}

/** Whether the head of a log that is here is signed by whoever may write it. */
function isSigned(core: Hypercore): boolean {
  const [signer] = core.manifest?.signers ?? []
  const head = headOf(core)
  return signer !== undefined && head !== null && verifyHead(head, core.key, signer.publicKey)
}

/** Whether its limits are allowed, as far as this version knows the VM that they are limits of. */
function hasLimits(genesis: Genesis): boolean {
  if (!isOwnVm(genesis.vm)) return true
  try {
    limitsOf(genesis)
    return true
  } catch (error) {
    if (error instanceof MivmError) return false
    throw error
  }
}
