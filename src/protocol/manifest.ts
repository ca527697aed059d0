import b4a from 'b4a'
import crypto from 'hypercore-crypto'
import { hash } from './hash.ts'
import { Tree } from './merkle.ts'

/**
 * A Hypercore manifest, version 1, as far as our logs use it: one Ed25519 signer with a namespace of ours, no
 * patches. The key of a core is the hash of its manifest. Encoding: hypercore, lib/messages.js.
 */
export interface Manifest {
  readonly version: 1
  readonly hash: 'blake2b'
  readonly allowPatch: false
  readonly quorum: 1
  readonly signers: readonly [
    {
      readonly signature: 'ed25519'
      readonly namespace: Uint8Array
      readonly publicKey: Uint8Array
    }
  ]
  readonly prologue: { readonly hash: Uint8Array; readonly length: number } | null
}

/** The call log of an instance: signed by the host, and beginning with this very genesis block. */
export function callLogManifest(host: Uint8Array, genesisBlock: Uint8Array): Manifest {
  const tree = new Tree()
  tree.append(genesisBlock)
  return manifest(host, hash('call-log'), { hash: tree.treeHash(), length: 1 })
}

/** Whether a log is the call log of an instance on a host. */
export function isCallLog(
  {
    signers,
    prologue
  }: {
    readonly signers: readonly Pick<Manifest['signers'][0], 'namespace' | 'publicKey'>[]
    readonly prologue?: Manifest['prologue'] | undefined
  },
  host: Uint8Array
): boolean {
  const [signer] = signers
  if (signer === undefined || prologue?.length !== 1) return false
  return b4a.equals(signer.namespace, hash('call-log')) && b4a.equals(signer.publicKey, host)
}

export function stateManifest(host: Uint8Array, address: Uint8Array): Manifest {
  return manifest(host, hash('state', address), null)
}

/** The blobs of a state archive, as Hyperdrive derives them (hyperdrive, index.js, getContentManifest). */
export function blobsManifest(host: Uint8Array, address: Uint8Array): Manifest {
  const namespace = crypto.hash([BLOBS, stateKey(host, address), hash('state', address)])
  return manifest(host, namespace, null)
}

/** The key of the files of a state archive. */
export function stateKey(host: Uint8Array, address: Uint8Array): Uint8Array {
  return manifestKey(stateManifest(host, address))
}

/** The key of what is in them. */
export function blobsKey(host: Uint8Array, address: Uint8Array): Uint8Array {
  return manifestKey(blobsManifest(host, address))
}

export function userLogManifest(user: Uint8Array, address: Uint8Array): Manifest {
  return manifest(user, hash('user-log', address), null)
}

/** The key of the log of a user, an identity's key, for an instance. */
export function userLogKey(user: Uint8Array, address: Uint8Array): Uint8Array {
  return manifestKey(userLogManifest(user, address))
}

/** The address of an instance: the key of its call log. */
export function addressOf(host: Uint8Array, genesisBlock: Uint8Array): Uint8Array {
  return manifestKey(callLogManifest(host, genesisBlock))
}

/** The key of a core: the hash of its manifest (hypercore, lib/verifier.js, manifestHash). */
export function manifestKey(m: Manifest): Uint8Array {
  return crypto.hash([MANIFEST, encodeManifest(m)])
}

/** The topic on which an instance is found in the swarm, and on which its auditors meet. */
export function topicOf(address: Uint8Array): Uint8Array {
  return hash('topic', address)
}

function manifest(
  publicKey: Uint8Array,
  namespace: Uint8Array,
  prologue: Manifest['prologue']
): Manifest {
  return {
    version: 1,
    hash: 'blake2b',
    allowPatch: false,
    quorum: 1,
    signers: [{ signature: 'ed25519', namespace, publicKey }],
    prologue
  }
}

function encodeManifest(m: Manifest): Uint8Array {
  const [signer] = m.signers
  const parts = [
    // version, flags, hash blake2b, quorum, one signer, ed25519
    Uint8Array.of(1, m.prologue === null ? 0 : HAS_PROLOGUE, 0, 1, 1, 0),
    signer.namespace,
    signer.publicKey
  ]
  if (m.prologue !== null) parts.push(m.prologue.hash, Uint8Array.of(m.prologue.length))
  return b4a.concat(parts)
}

const HAS_PROLOGUE = 2
/** The first of Hyperdrive's namespaces. */
const [BLOBS = new Uint8Array()] = crypto.namespace('hyperdrive', 1)
/** The fourth of Hypercore's own namespaces (hypercore, lib/caps.js). */
const [, , , MANIFEST = new Uint8Array()] = crypto.namespace('hypercore', 4)
