// Runs in the place of an engine and tries to do what an engine must not be able to. Plain JavaScript, since there
// is no WebAssembly without JIT. Arguments: the pid of the host, a port that listens on loopback, a file of the
// host, and directories to write to. One line of JSON goes to descriptor 4; then it waits for the end of descriptor 3.
import { spawnSync } from 'node:child_process'
import { openSync, readdirSync, readFileSync, readSync, writeFileSync, writeSync } from 'node:fs'
import net from 'node:net'
import { networkInterfaces } from 'node:os'
import { Worker } from 'node:worker_threads'

const [, main, host, port, secret, ...folders] = process.argv

const report = {
  env: Object.keys(process.env),
  interfaces: attempt(() => Object.keys(networkInterfaces()).length),
  connect: await connect(Number(port)),
  listen: await listen(),
  spawn: attempt(() => {
    const { error, status } = spawnSync(process.execPath, ['--version'])
    if (error !== undefined) throw error
    return status
  }),
  worker: attempt(() => new Worker('0', { eval: true }) && 'started'),
  readOwn: attempt(() => readFileSync(main).length > 0),
  readPasswd: attempt(() => readFileSync('/etc/passwd').length > 0),
  readSecret: attempt(() => readFileSync(secret, 'utf8')),
  root: attempt(() => readdirSync('/').sort()),
  write: folders.map((dir) => attempt(() => writeFileSync(`${dir}/mivm-probe`, 'written'))),
  signal: attempt(() => process.kill(Number(host), 0)),
  processes: attempt(() => readdirSync('/proc').filter((name) => /^\d+$/.test(name)).length),
  descriptors: countDescriptors()
}
writeSync(4, `${JSON.stringify(report)}\n`)
while (readSync(3, Buffer.alloc(1)) > 0);
process.kill(process.pid, 'SIGKILL')

/** What came of it: the result, or the code of the error. */
function attempt(action) {
  try {
    return { ok: action() ?? null }
  } catch (error) {
    return { code: error.code ?? error.message }
  }
}

function connect(to) {
  return settle((resolve, reject) => {
    const socket = net.connect(to, '127.0.0.1')
    socket.on('connect', () => socket.destroy() && resolve('connected'))
    socket.on('error', reject)
  })
}

function listen() {
  return settle((resolve, reject) => {
    const server = net.createServer()
    server.on('error', reject)
    server.listen(0, () => server.close(() => resolve('listens')))
  })
}

async function settle(executor) {
  try {
    return { ok: await new Promise(executor) }
  } catch (error) {
    return { code: error.code ?? error.message }
  }
}

function countDescriptors() {
  let count = 0
  const { code } = attempt(() => {
    for (; count < 1000; count++) openSync(main)
  })
  return { count, code }
}
