import type SecretStream from '@hyperswarm/secret-stream'

/** Where a stream comes from, as far as that can be seen: the other end or a relay. */
export function remoteAddressOf(stream: SecretStream): string | null {
  const { rawStream } = stream
  if (rawStream === null || !('remoteHost' in rawStream)) return null
  const { remoteHost } = rawStream
  return typeof remoteHost === 'string' && remoteHost !== '' ? remoteHost : null
}
