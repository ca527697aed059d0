import { spawn } from 'node:child_process'
import { once } from 'node:events'
import b4a from 'b4a'
import crypto, { type KeyPair } from 'hypercore-crypto'
import { audit } from '../src/audit/audit.ts'
import type { AuditEvent } from '../src/audit/events.ts'
import type { Finding } from '../src/audit/findings.ts'
import { encodeEntry, encodeUserEntry } from '../src/protocol/entries.ts'
import { codeHash } from '../src/protocol/hash.ts'
import { type Head, signHead } from '../src/protocol/head.ts'
import { decodeId } from '../src/protocol/ids.ts'
import { addressOf, manifestKey, userLogManifest } from '../src/protocol/manifest.ts'
import { Tree } from '../src/protocol/merkle.ts'
import type { DeployRequest, UserBlocks } from '../src/protocol/messages.ts'
import { encodeArgs } from '../src/protocol/values.ts'
import { VM_ID } from '../src/protocol/vm-id.ts'
import { openStore } from '../src/state/store.ts'
import type { VirtualMachine } from '../src/vm/vm.ts'
import { type Teardown, tempDir } from './helpers.ts'
import { lendVm } from './lent-vm.ts'

/** A user that signs a log by hand, and hands it to an instance without a client or a network between them. */
export class BareUser {
  readonly keyPair: KeyPair
  readonly blocks: Uint8Array[] = []
  readonly #address: Uint8Array

  /** The same name is the same user, in every process. */
  constructor(address: Uint8Array, name: string) {
    this.keyPair = keyPairOf(name)
    this.#address = address
  }

  get key(): Uint8Array {
    return this.keyPair.publicKey
  }

  call(method: string, ...args: unknown[]): this {
    return this.write(encodeUserEntry({ type: 'call', method, args: encodeArgs(args), head: null }))
  }

  write(block: Uint8Array): this {
    this.blocks.push(block)
    return this
  }

  /** The log from a block on, as it is sent. */
  log(start = 0): UserBlocks & { readonly head: Head } {
    const tree = new Tree()
    for (const block of this.blocks) tree.append(block)
    const key = manifestKey(userLogManifest(this.key, this.#address))
    const head = signHead(
      { length: tree.length, fork: 0, treeHash: tree.treeHash() },
      key,
      (message) => crypto.sign(message, this.keyPair.secretKey)
    )
    return { user: this.key, start, blocks: this.blocks.slice(start), head }
  }
}

/** A deployment by the user `deployer`; the same arguments make the same address. */
export function deployment(
  host: string,
  source: string,
  vm = VM_ID
): { readonly address: Uint8Array; readonly deployer: BareUser; readonly request: DeployRequest } {
  const genesis = encodeEntry({
    type: 'genesis',
    vm,
    host: decodeId(host),
    deployer: keyPairOf('deployer').publicKey,
    salt: b4a.alloc(32),
    codeHash: codeHash(source),
    limits: {}
  })
  const address = addressOf(decodeId(host), genesis)
  const deployer = new BareUser(address, 'deployer').call('init')
  return { address, deployer, request: { genesis, source, log: deployer.log() } }
}

/** Audits what a host that is closed has left on its disk. */
export async function auditStore(
  t: Teardown,
  dir: string,
  address: Uint8Array,
  openVm: (id: string) => Promise<VirtualMachine> = () => lendVm(t)
): Promise<{
  readonly findings: readonly Finding[]
  readonly verdict: Extract<AuditEvent, { type: 'verdict' }> | undefined
}> {
  const store = await openStore(dir)
  const events: AuditEvent[] = []
  try {
    const options = { address, store, dir: await tempDir(t), patience: 0, openVm }
    for await (const event of audit(options)) events.push(event)
  } finally {
    await store.close()
  }
  return {
    findings: events.flatMap((event) => (event.type === 'finding' ? [event.finding] : [])),
    verdict: events.find((event) => event.type === 'verdict')
  }
}

/** Runs a script of these tests that ends by killing itself; throws where it ends in any other way. */
export async function runToItsDeath(script: URL, ...args: string[]): Promise<void> {
  const child = spawn(process.execPath, ['--conditions=mivm-source', script.pathname, ...args], {
    stdio: ['ignore', 'ignore', 'inherit']
  })
  const [code, signal] = await once(child, 'exit')
  if (signal !== 'SIGKILL') throw new Error(`the script ended with ${code ?? signal}`)
}

function keyPairOf(name: string): KeyPair {
  return crypto.keyPair(crypto.hash(b4a.from(name)))
}
