// A host whose directory can be set back to an older copy of itself, and somebody to call it.
import { cp, rm } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'brittle'
import crypto from 'hypercore-crypto'
import { Client } from '../src/client/client.ts'
import { Mirror, type MirrorEvent, type MirrorOptions } from '../src/copies/mirror.ts'
import { askOthers } from '../src/host/asking.ts'
import type { HostEvent } from '../src/host/events.ts'
import { Host } from '../src/host/host.ts'
import { Network } from '../src/net/network.ts'
import { decodeId, encodeId } from '../src/protocol/ids.ts'
import { topicOf } from '../src/protocol/manifest.ts'
import { readIdentity } from '../src/state/identity.ts'
import { openStore } from '../src/state/store.ts'
import { auditStore } from './bare-user.ts'
import { codeOf, tempDir } from './helpers.ts'
import { shareVm } from './lent-vm.ts'
import { localNetwork } from './local-network.ts'

export const SOURCE = `
exports.count = 0
exports.add = async (text) => {
  if (text !== undefined) await state.writeFile('/texts/' + ++exports.count, text)
  return text === undefined ? ++exports.count : exports.count
}
exports.read = async (n) => state.readFile('/texts/' + n)
`

export interface Started {
  readonly host: Host
  readonly events: HostEvent[]
}

export interface Mirrored {
  readonly mirror: Mirror
  readonly events: MirrorEvent[]
  /** Resolves when the mirror has so much of an instance. */
  whole(address: string, blocks: number): Promise<void>
  /** Resolves when it is found where the instance is looked for: it announces it beside copying it. */
  found(address: string): Promise<void>
}

export class Scene {
  readonly root: string
  dir: string
  readonly bootstrap: readonly string[]
  readonly #t: Test

  #host = ''

  private constructor(t: Test, root: string, bootstrap: readonly string[]) {
    this.#t = t
    this.root = root
    this.dir = path.join(root, 'host')
    this.bootstrap = bootstrap
  }

  static async open(t: Test): Promise<Scene> {
    const root = await tempDir(t)
    const bootstrap = await localNetwork(t)
    shareVm(t)
    return new Scene(t, root, bootstrap)
  }

  /** With a host that is running, and an instance that alice has deployed there. */
  static async deployed(t: Test, timeout?: number) {
    const scene = await Scene.open(t)
    const { host, events } = await scene.start()
    const alice = await scene.client('alice', timeout)
    const { link, address } = await alice.deploy({ host: host.id, source: SOURCE })
    return { scene, host, events, alice, link, address }
  }

  async start(): Promise<Started> {
    const events: HostEvent[] = []
    const { dir, bootstrap } = this
    const onEvent = (event: HostEvent) => events.push(event)
    const host = await Host.open({ dir, bootstrap, engines: 1, onEvent })
    this.#t.teardown(() => host.close(), { order: 5 })
    this.#host = host.id
    return { host, events }
  }

  /** Waits for a client to reach the host again: who looks for it while it is away may do so for longer than a call waits. */
  async reached(client: Client): Promise<void> {
    while ((await codeOf(client.status(this.#host))) !== 'none') await sleep(100)
  }

  async client(name: string, timeout = 60_000): Promise<Client> {
    const { bootstrap } = this
    const client = await Client.open({ dir: path.join(this.root, name), bootstrap, timeout })
    this.#t.teardown(() => client.close(), { order: 1 })
    return client
  }

  async mirror(
    instances: readonly string[],
    options: Partial<MirrorOptions> = {}
  ): Promise<Mirrored> {
    const events: MirrorEvent[] = []
    const { root, bootstrap } = this
    const onEvent = (event: MirrorEvent) => events.push(event)
    const dir = path.join(root, 'mirror')
    const mirror = await Mirror.open({ dir, bootstrap, instances, onEvent, ...options })
    this.#t.teardown(() => mirror.close(), { order: 2 })
    const whole = async (address: string, blocks: number) => {
      await until(() => mirror.status().some((it) => it.address === address && it.blocks >= blocks))
    }
    const found = async (address: string) => {
      const network = new Network(crypto.keyPair(), bootstrap)
      this.#t.teardown(() => network.close(), { order: 1 })
      const isFound = () =>
        network.streams.some(({ remotePublicKey }) => encodeId(remotePublicKey) === mirror.id)
      while (!isFound()) await network.find(topicOf(decodeId(address)))
      await network.close()
    }
    return { mirror, events, whole, found }
  }

  /** What a backup of the host, which is closed, would have. */
  async keep(name = 'old'): Promise<void> {
    await copyDirectory(this.dir, path.join(this.root, name))
  }

  /** Sets the host, which is closed, back to that. */
  async setBack(name = 'old'): Promise<void> {
    await rm(this.dir, { recursive: true })
    await copyDirectory(path.join(this.root, name), this.dir)
  }

  /** What the host, which is closed, has of its call log, and how an audit of it ends. */
  async look(address: Uint8Array): Promise<{ length: number; verdict: string | undefined }> {
    const store = path.join(this.dir, 'store')
    const { findings, verdict } = await auditStore(this.#t, store, address)
    for (const { code, message } of findings) this.#t.comment(`${code}: ${message}`)
    const cores = await openStore(store)
    try {
      const log = cores.get({ key: address })
      await log.ready()
      return { length: log.length, verdict: verdict?.verdict }
    } finally {
      await cores.close()
    }
  }

  async hostKey(): Promise<Uint8Array> {
    return (await readIdentity(this.dir, 'host')).keyPair.publicKey
  }
}

/** As a snapshot of a virtual machine does, and not as a copy of files that the store would notice. */
export async function copyDirectory(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true })
  await rm(path.join(to, 'store', 'CORESTORE'), { force: true })
}

export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(20)
}

/** Resolves when somebody can be found who has seen something of an instance: users meet a second after they have come. */
export async function someoneKnows({ bootstrap }: Scene, address: Uint8Array): Promise<void> {
  const { signal } = new AbortController()
  for (let heard = 0; heard === 0; ) {
    await askOthers([address], bootstrap, signal, async () => {
      heard++
    })
  }
}
