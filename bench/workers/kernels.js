/** Bodies of functions that compute, each something else: what a unit of fuel takes should be about the same in all. */
export const KERNELS = {
  'matrix product': `
    const n = 40, a = [], b = [], c = []
    for (let i = 0; i < n * n; i++) { a.push(i % 7 + 0.5); b.push(i % 5 - 1.5); c.push(0) }
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) {
      let sum = 0
      for (let k = 0; k < n; k++) sum += a[i * n + k] * b[k * n + j]
      c[i * n + j] = sum
    }
    return c[77]`,
  'sieve of Eratosthenes': `
    const n = 60000, composite = new Uint8Array(n + 1)
    let count = 0
    for (let i = 2; i <= n; i++) {
      if (composite[i] === 1) continue
      count++
      for (let j = i * i; j <= n; j += i) composite[j] = 1
    }
    return count`,
  'recursive Fibonacci': `
    const fib = (n) => n < 2 ? n : fib(n - 1) + fib(n - 2)
    return fib(20)`,
  'hash of bytes': `
    const bytes = new Uint8Array(20000).map((_, i) => i * 31)
    let h = 0x811c9dc5
    for (const byte of bytes) h = Math.imul(h ^ byte, 0x01000193) >>> 0
    let crc = -1
    for (let i = 0; i < bytes.length; i++) { crc ^= bytes[i]; for (let k = 0; k < 4; k++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1 }
    return [h, crc]`,
  'words of a text': `
    const text = 'the quick brown fox jumps over the lazy dog and runs away '.repeat(60)
    const counts = {}
    for (const word of text.split(' ')) counts[word] = (counts[word] ?? 0) + 1
    let out = ''
    for (const [word, count] of Object.entries(counts).sort(([a], [b]) => a < b ? -1 : 1)) out += word + ': ' + count + ', '
    let vowels = 0
    for (let i = 0; i < text.length; i++) { const c = text[i]; if (c === 'a' || c === 'e' || c === 'i' || c === 'o' || c === 'u') vowels++ }
    return [out, vowels]`,
  'objects and classes': `
    class Account { #balance = 0; constructor(owner) { this.owner = owner; this.log = [] }
      deposit(amount) { if (!(amount > 0)) throw new Error('amount'); this.#balance += amount; this.log.push({ amount }); return this.#balance }
      get balance() { return this.#balance } }
    const accounts = []
    for (let i = 0; i < 300; i++) accounts.push(new Account('user ' + i))
    for (let round = 0; round < 10; round++) for (const account of accounts) account.deposit(round + 1)
    let total = 0
    for (const { balance, log } of accounts) total += balance + log.length
    return total`,
  'functions of arrays': `
    const items = Array.from({ length: 4000 }, (_, i) => ({ id: i, price: i % 97, tags: ['t' + i % 5] }))
    return items.filter(({ price }) => price > 40).map((item) => ({ ...item, total: item.price * 2 }))
      .reduce((sum, { total, tags: [tag] }) => sum + (tag === 't3' ? total : 1), 0)`,
  interpreter: `
    const code = [0, 0, 1, 1, 2, 3, 4, 5]
    let stack = [0, 0, 0], acc = 0, pc = 0
    for (let steps = 0; steps < 30000; steps++) {
      switch (code[pc]) {
        case 0: stack[0] = acc + 1; pc++; break
        case 1: acc = (acc ^ stack[0]) & 0xffff; pc++; break
        case 2: stack[1] = stack[0] - acc; pc++; break
        case 3: if (stack[1] > 0) { acc += 3; pc++ } else pc += 2; break
        case 4: stack[2] = stack[1] | acc; pc++; break
        default: acc = acc + stack[2] & 0xfff; pc = 0
      }
    }
    return acc`,
  'big integers': `
    let a = 1n, b = 1n
    const m = 2n ** 127n - 1n
    for (let i = 1n; i < 4000n; i++) { a = a * (i * i + 7n) % m; b = (b + a) % m }
    return [String(a), String(b)]`,
  'maps and generators': `
    function* numbers(n) { for (let i = 0; i < n; i++) yield (i * 7919) % 1009 }
    const seen = new Map()
    for (const n of numbers(6000)) seen.set(n, (seen.get(n) ?? 0) + 1)
    let sum = 0
    for (const [n, count] of seen) sum += n * count
    return [seen.size, sum]`,
  'search in a graph': `
    const n = 1500, edges = Array.from({ length: n }, (_, i) => [(i * 17 + 1) % n, (i * 31 + 7) % n, (i + 1) % n])
    const distance = new Array(n).fill(-1), queue = [0]
    distance[0] = 0
    for (let head = 0; head < queue.length; head++) {
      const at = queue[head]
      for (const to of edges[at]) if (distance[to] < 0) { distance[to] = distance[at] + 1; queue.push(to) }
    }
    return distance.reduce((a, b) => Math.max(a, b))`,
  'parser and JSON': `
    const text = '(1+2)*3-4*(5+6*(7-8))+9*(10-(11+12))'
    let at = 0, value = 0
    const factor = () => { if (text[at] === '(') { at++; const v = sum(); at++; return v } const start = at; while (text[at] >= '0' && text[at] <= '9') at++; return Number(text.slice(start, at)) }
    const product = () => { let v = factor(); while (text[at] === '*') { at++; v *= factor() } return v }
    const sum = () => { let v = product(); for (;;) { if (text[at] === '+') { at++; v += product() } else if (text[at] === '-') { at++; v -= product() } else return v } }
    for (let i = 0; i < 60; i++) { at = 0; value += sum(); value += JSON.parse(JSON.stringify({ value, list: [1, 2, { a: 'x' }] })).list.length }
    return value`
}

export const CALL = `exports.topicCounter = 0
exports.postCounter = 0
exports.init = async () => {
  state.mkdir('/topics')
}
exports.addTopic = async (title) => {
  const id = ++exports.topicCounter
  await state.mkdir(\`/topics/\${id}\`)
  await state.writeFile(\`/topics/\${id}/title\`, title)
  return id
}`
