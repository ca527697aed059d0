import test, { type Test } from 'brittle'
import { callerId } from 'mivm/testing'
import { deployContract } from './contracts.ts'

type Name = 'addAdmin' | 'removeAdmin' | 'setKey' | 'getKey' | 'removeKey' | 'listKeys'

async function open(t: Test) {
  const keyserver = await deployContract<Name>(t, 'keyserver', { caller: 'alice' })
  return { keyserver, alice: keyserver.as('alice'), bob: keyserver.as('bob') }
}

test('contracts - the key server: an admin sets keys, everybody reads them', async (t) => {
  const { keyserver, alice, bob } = await open(t)
  t.alike(keyserver.variables, { admins: [callerId('alice')] })
  await alice.setKey('carol@example.org', 'ssh-ed25519 AAAA')
  t.is(await bob.getKey('carol@example.org'), 'ssh-ed25519 AAAA')
  await alice.setKey('carol@example.org', 'ssh-ed25519 BBBB')
  t.is(await bob.getKey('carol@example.org'), 'ssh-ed25519 BBBB')
  await alice.removeKey('carol@example.org')
  await t.exception(bob.getKey('carol@example.org'), { code: 'KEY_UNKNOWN' })
  await t.exception(alice.removeKey('carol@example.org'), { code: 'KEY_UNKNOWN' })
  t.alike(await keyserver.files(), {})
})

test('contracts - the key server: others change nothing', async (t) => {
  const { keyserver, alice, bob } = await open(t)
  await alice.setKey('carol', 'key')
  const before = [await keyserver.files(), keyserver.variables]
  await t.exception(bob.setKey('carol', 'stolen'), { code: 'NOT_ADMIN' })
  await t.exception(bob.removeKey('carol'), { code: 'NOT_ADMIN' })
  await t.exception(bob.addAdmin(callerId('bob')), { code: 'NOT_ADMIN' })
  await t.exception(bob.removeAdmin(callerId('alice')), { code: 'NOT_ADMIN' })
  t.alike([await keyserver.files(), keyserver.variables], before)
})

test('contracts - the key server: admins come and go, and one stays', async (t) => {
  const { keyserver, alice, bob } = await open(t)
  await alice.addAdmin(callerId('bob'))
  await alice.addAdmin(callerId('bob'))
  t.alike(keyserver.variables['admins'], [callerId('alice'), callerId('bob')])
  await bob.removeAdmin(callerId('alice'))
  await t.exception(alice.setKey('carol', 'key'), { code: 'NOT_ADMIN' })
  await t.exception(bob.removeAdmin(callerId('alice')), { code: 'ADMIN_UNKNOWN' })
  await t.exception(bob.removeAdmin(callerId('bob')), { code: 'LAST_ADMIN' })
  await t.exception(bob.addAdmin('bob'), { code: 'ID_INVALID' })
  await bob.setKey('carol', 'key')
  t.is(await alice.getKey('carol'), 'key')
})

test('contracts - the key server: names and keys are checked', async (t) => {
  const { alice } = await open(t)
  for (const name of ['', 'a/b', '../admins', '.hidden', 'Carol', 'x'.repeat(101), 7, null]) {
    await t.exception(alice.setKey(name, 'key'), { code: 'NAME_INVALID' })
    await t.exception(alice.getKey(name), { code: 'NAME_INVALID' })
  }
  for (const key of ['', 7, null, 'x'.repeat(16385)]) {
    await t.exception(alice.setKey('carol', key), { code: 'KEY_INVALID' })
  }
  await t.exception(alice.listKeys(7), { code: 'NAME_INVALID' })
})

test('contracts - the key server: names are listed by the hundred', async (t) => {
  const { alice, bob } = await open(t)
  t.alike(await bob.listKeys(), [])
  const names = Array.from({ length: 130 }, (_, i) => `user-${String(i).padStart(3, '0')}`)
  await Promise.all(names.toReversed().map((name) => alice.setKey(name, 'key')))
  t.alike(await bob.listKeys(), names.slice(0, 100))
  t.alike(await bob.listKeys('user-099'), names.slice(100))
  t.alike(await bob.listKeys('user-129'), [])
})
