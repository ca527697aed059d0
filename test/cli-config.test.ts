// The file of settings of a host.
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import test from 'brittle'
import { CONFIG_NAME, readConfig } from '../src/cli/config.ts'
import { DEFAULT_QUOTAS, withDefaults } from '../src/host/quotas.ts'
import { Cli, startHost } from './cli.ts'
import { tempDir } from './helpers.ts'

const KEY = '9ndyghmjucdw6jqs5xb3hey6rmm9ety5g5jtnocrnuwxkngdfmzy'

/** What is written, and what has to be said of it. */
const WRONG: [written: string, problem: string][] = [
  ['{"engines": "two"}', 'engines: expected a whole number from 1 to 1024, found "two"'],
  ['{"engines": 1.5}', 'engines: expected a whole number from 1 to 1024, found 1.5'],
  ['{"engines": 0}', 'engines: expected a whole number from 1 to 1024, found 0'],
  ['{"engine": 2}', 'engine is unknown: did you mean "engines"?'],
  ['{"zzz": 2}', 'zzz is unknown'],
  ['{"__proto__": 2}', '__proto__ is unknown'],
  [
    '{"isolateBy": "user"}',
    'isolateBy: expected one of "deployer", "instance", "none", found "user"'
  ],
  ['{"requireSandbox": 1}', 'requireSandbox: expected true or false, found 1'],
  [
    '{"allowDeploy": "all"}',
    'allowDeploy: expected a list, each an id of an identity, found "all"'
  ],
  [
    `{"allowDeploy": ["${KEY}", "eve"]}`,
    'allowDeploy[1]: expected an id of an identity, found "eve"'
  ],
  ['{"metrics": "x:y"}', 'metrics: expected a port, or an address and a port, found "x:y"'],
  ['{"metrics": 65536}', 'metrics: expected a port, or an address and a port, found "65536"'],
  [
    '{"logLevel": "all"}',
    'logLevel: expected one of "error", "warn", "info", "debug", found "all"'
  ],
  ['{"oracle": ""}', 'oracle: expected a text, found ""'],
  ['{"quotas": {"usr": {}}}', 'quotas.usr is unknown: did you mean "user"?'],
  [
    '{"quotas": {"user": {"callsPerSecond": "many"}}}',
    'quotas.user.callsPerSecond: expected a number from 0.001 to 9007199254740991, or null, found "many"'
  ],
  [
    '{"quotas": {"user": {"callsPerSecond": 1e308}}}',
    'quotas.user.callsPerSecond: expected a number from 0.001 to 9007199254740991, or null, found 1e+308'
  ],
  [
    '{"quotas": {"user": {"callsPerSecond": 1e309}}}',
    'quotas.user.callsPerSecond: expected a number from 0.001 to 9007199254740991, or null, found Infinity'
  ],
  ['{"quotas": {"user": {"callPerSecond": 1}}}', 'quotas.user.callPerSecond is unknown: did you'],
  [
    '{"quotas": {"deployer": {"instances": -1}}}',
    'quotas.deployer.instances: expected a whole number from 0 to 9007199254740991, or null, found -1'
  ],
  ['{"quotas": {"burstSeconds": 0}}', 'quotas.burstSeconds: expected a number from 0.1 to 3600'],
  ['[]', 'expected an object with allowDeploy'],
  ['null', 'expected an object with allowDeploy'],
  ['{"engines": 2,}', 'is not JSON'],
  ['', 'is not JSON']
]

test('config - what is wrong is named with its path and what was expected', async (t) => {
  const dir = await tempDir(t)
  const file = path.join(dir, CONFIG_NAME)
  for (const [written, problem] of WRONG) {
    await writeFile(file, written)
    const error = await readConfig(dir, undefined).catch((error) => error)
    t.is(error.code, 'CONFIG_INVALID', written)
    t.ok(error.message.startsWith(`${file}: ${problem}`), error.message)
  }
})

test('config - all that is wrong is said at once', async (t) => {
  const dir = await tempDir(t)
  await writeFile(
    path.join(dir, CONFIG_NAME),
    '{"engines": true, "patience": -1, "sandbx": "auto"}'
  )
  const { message } = await readConfig(dir, undefined).catch((error) => error)
  for (const name of ['engines: expected', 'patience: expected', 'sandbx is unknown']) {
    t.ok(message.includes(name), message)
  }
})

test('config - a file that is not there is none, unless it was named', async (t) => {
  const dir = await tempDir(t)
  t.alike(await readConfig(dir, undefined), { config: {}, file: null })
  const error = await readConfig(dir, path.join(dir, 'other.json')).catch((error) => error)
  t.is(error.code, 'CONFIG_INVALID')
})

test('config - quotas are what is said, and else as by default', async (t) => {
  const dir = await tempDir(t)
  const said = { user: { callsPerSecond: null, bytesStored: 5 }, burstSeconds: 2.5 }
  await writeFile(path.join(dir, CONFIG_NAME), JSON.stringify({ quotas: said }))
  const { config } = await readConfig(dir, undefined)
  const { user, deployer, burstSeconds } = withDefaults(config.quotas)
  t.alike(user, { ...DEFAULT_QUOTAS.user, ...said.user })
  t.alike(deployer, DEFAULT_QUOTAS.deployer)
  t.is(burstSeconds, 2.5)
})

test('config - paths are relative to the file', async (t) => {
  const dir = await tempDir(t)
  await writeFile(path.join(dir, CONFIG_NAME), '\uFEFF{"oracle": "lib/oracles.js"}')
  const { config } = await readConfig(dir, undefined)
  t.is(config.oracle, path.join(dir, 'lib', 'oracles.js'))
})

test('config - a host takes its settings from the file', async (t) => {
  const dir = await tempDir(t)
  const file = path.join(dir, 'settings.json')
  await writeFile(
    file,
    `{"sandbox": "none", "allowDeploy": ["${KEY}"], "metrics": 0, "logLevel": "error"}`
  )
  const host = await startHost(t, dir, ['--config', file])
  let log = ''
  host.child.stderr?.on('data', (text: string) => {
    log += text
  })
  t.ok(Object.values(host.events[0]?.['sandbox'] ?? {}).includes('off'), 'as the file says')
  const url = String(host.events[0]?.['metrics'])
  t.ok(url.startsWith('http://127.0.0.1:'), url)
  t.is((await fetch(`${url}/healthz`)).status, 200)
  await host.stop()
  t.is(log, '', 'nothing went wrong')
  await writeFile(file, '{"patience": 2, "engines": 4096}')
  const refused = await new Cli(dir, '').run(['host', '--config', file])
  t.is(refused.status, 64)
  t.is(refused.stdout, '')
  t.ok(/^mivm: CONFIG_INVALID: .*: engines: expected .*\n$/.test(refused.stderr), refused.stderr)
})

test('config - what the command line says as well goes before', async (t) => {
  const dir = await tempDir(t)
  await writeFile(path.join(dir, CONFIG_NAME), '{"sandbox": "none"}')
  const host = await startHost(t, dir, ['--sandbox', 'auto'])
  t.absent(Object.values(host.events[0]?.['sandbox'] ?? {}).includes('off'))
})
