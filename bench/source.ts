import { readFile } from 'node:fs/promises'

const CONTRACTS = ['market', 'poll', 'price-bet', 'keyserver', 'forum']

/** A contract of so many bytes, made of those of contracts/; no two with different numbers are the same. */
export async function largeSource(bytes: number, number: number): Promise<string> {
  const parts = await Promise.all(
    CONTRACTS.map((name) => readFile(new URL(`../contracts/${name}.js`, import.meta.url), 'utf8'))
  )
  let source = `const all = [${number}]\nexports.count = async () => all.length\n`
  for (let i = 0; ; i++) {
    const part = `{\nconst exports = {}\n${parts[i % parts.length]}\nall.push(exports)\n}\n`
    if (source.length + part.length > bytes) break
    source += part
  }
  while (source.length < bytes - 100) {
    source += `exports.sum${source.length} = async (list) => list.reduce((sum, each) => sum + each, 0)\n`
  }
  return source
}
