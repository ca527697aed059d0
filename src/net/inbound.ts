import type SecretStream from '@hyperswarm/secret-stream'
import { remoteAddressOf } from './remote-address.ts'

/**
 * Connections that others have opened to us, so many at most. Where one more comes, one of the address that has most of them has
 * to go, any: whoever takes all there are takes them from itself, and nobody can be sure to keep the others out.
 */
export class Inbound {
  readonly #max: number
  readonly #addresses = new Map<string, Set<SecretStream>>()
  #size = 0

  constructor(max: number) {
    this.#max = max
  }

  add(stream: SecretStream): void {
    if (this.#size >= this.#max) this.#makeRoom()
    const address = remoteAddressOf(stream) ?? ''
    const streams = this.#addresses.get(address) ?? new Set()
    this.#addresses.set(address, streams.add(stream))
    this.#size++
    stream.once('close', () => this.#delete(address, stream))
  }

  #makeRoom(): void {
    const [largest] = [...this.#addresses].sort(([, a], [, b]) => b.size - a.size)
    if (largest === undefined) return
    const [address, streams] = largest
    const stream = [...streams][Math.floor(Math.random() * streams.size)]
    if (stream === undefined) return
    this.#delete(address, stream)
    stream.destroy()
  }

  #delete(address: string, stream: SecretStream): void {
    const streams = this.#addresses.get(address)
    if (!streams?.delete(stream)) return
    this.#size--
    if (streams.size === 0) this.#addresses.delete(address)
  }
}
