// Reads the files of an instance without any code of MIVM: the state archive is a plain Hyperdrive, signed by the
// host, and its key follows from the two ids in the link. MIVM_BOOTSTRAP names another network than the public one.
//
//   node examples/read-archive.ts mivm://<host>/<address>
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import Corestore from 'corestore'
import Hypercore from 'hypercore'
import crypto from 'hypercore-crypto'
import { decode } from 'hypercore-id-encoding'
import Hyperdrive from 'hyperdrive'
import Hyperswarm from 'hyperswarm'

const [, host = '', address = ''] = /^mivm:\/\/(.+)\/(.+)$/.exec(process.argv[2] ?? '') ?? []
const bootstrap = process.env['MIVM_BOOTSTRAP']?.split(',')

const key = Hypercore.key({
  version: 1,
  hash: 'blake2b',
  allowPatch: false,
  quorum: 1,
  signers: [
    {
      signature: 'ed25519',
      namespace: crypto.hash([Buffer.from('mivm/1/state'), decode(address)]),
      publicKey: decode(host)
    }
  ],
  prologue: null
})

const dir = await mkdtemp(path.join(tmpdir(), 'archive-'))
const drive = new Hyperdrive(new Corestore(dir), key)
await drive.ready()

const swarm = new Hyperswarm({ ...(bootstrap && { bootstrap }) })
swarm.on('connection', (stream) => drive.replicate(stream))
const done = drive.findingPeers()
swarm.joinPeer(decode(host))
swarm.flush().then(done, done)
await drive.update({ wait: true })

for await (const { key: file } of drive.list('/')) {
  const content = await drive.get(file)
  console.log(file, JSON.stringify(content?.toString()))
}

await swarm.destroy()
await drive.close()
await rm(dir, { recursive: true })
