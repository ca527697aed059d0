import { once } from 'node:events'
import { cp, mkdir } from 'node:fs/promises'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type SecretStream from '@hyperswarm/secret-stream'
import { Host } from '../../src/host/host.ts'
import { SetBacks } from '../../src/host/set-back.ts'
import { Network } from '../../src/net/network.ts'
import { openIdentity } from '../../src/state/identity.ts'
import { Supervisor } from '../../src/vm/supervisor.ts'
import { BorrowedVm } from '../borrowed-vm.ts'

/**
 * A host of one key with two directories, in a process of its own: whoever connects meets the one that it shows at that
 * moment. Both are the real host; what lies is around them. They begin with the same deployment, and each goes on with
 * what it is sent. A number on stdin changes the face, and is answered by a line.
 */
async function main(dir: string, bootstrap: readonly string[]): Promise<void> {
  const listeners: ((stream: SecretStream) => void)[] = []
  let showing = 0
  // one of the two is in the network, for both
  let shown: Network | null = null
  const { announce, listen, onConnection } = Network.prototype
  Network.prototype.onConnection = function (listener) {
    listeners.push(listener)
    if (shown !== null) return () => {}
    shown = this
    return onConnection.call(this, (stream) => listeners[showing]?.(stream))
  }
  let listening: ReturnType<typeof listen> | null = null
  Network.prototype.listen = function () {
    listening ??= listen.call(this)
    return listening
  }
  Network.prototype.announce = async function (topic) {
    if (this === shown) await announce.call(this, topic)
  }

  // what it is told that it has signed is nothing to it
  SetBacks.prototype.isSigned = () => false

  const vm = new BorrowedVm()
  Object.assign(Supervisor, { open: async () => vm })

  const names = ['one', 'two'].map((name) => path.join(dir, name))
  const [first = '', second = ''] = names
  await openIdentity(first, 'host')
  await mkdir(second)
  await cp(path.join(first, 'host.key'), path.join(second, 'host.key'))
  const faces: Host[] = []
  for (const name of names) {
    faces.push(await Host.open({ dir: name, bootstrap, engines: 1 }))
  }
  const { deploy } = Host.prototype
  Host.prototype.deploy = async function (request) {
    // what it has committed first is the same for everybody, to the millisecond
    const { now } = Date
    const time = now()
    Date.now = () => time
    const instances = await Promise.all(faces.map((face) => deploy.call(face, request)))
    Date.now = now
    const instance = instances[faces.indexOf(this)]
    if (instance === undefined) throw new Error('a face of another host')
    return instance
  }
  say({ type: 'ready', id: faces[0]?.id })
  createInterface({ input: process.stdin }).on('line', (line) => {
    showing = Number(line)
    say({ type: 'done' })
  })
  await once(process.stdin, 'end')
  await Promise.all(faces.map((face) => face.close()))
  process.exit(0)
}

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

const [, , dir, bootstrap] = process.argv
if (import.meta.main && dir && bootstrap) await main(dir, bootstrap.split(','))
