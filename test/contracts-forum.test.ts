import { readFileSync } from 'node:fs'
import test, { type Test } from 'brittle'
import { deployContract, readContract } from './contracts.ts'

const open = (t: Test) => deployContract<'addTopic' | 'addPost'>(t, 'forum')

test('contracts - the forum is the example of 2018, and its sequence makes those files', async (t) => {
  const forum = await open(t)
  const bob = forum.as('bob')
  t.is(await bob.addTopic('Hello world'), 1)
  t.is(await bob.addPost(1, 'My name is bob'), 1)
  t.alike(await forum.files(), {
    '/topics/1/1': 'My name is bob',
    '/topics/1/title': 'Hello world'
  })
  t.alike(forum.variables, { postCounter: 1, topicCounter: 1 })
  t.alike(forum.methods, ['init', 'addTopic', 'addPost'])
})

test('contracts - the forum counts on over callers and topics', async (t) => {
  const forum = await open(t)
  const [alice, bob] = [forum.as('alice'), forum.as('bob')]
  t.alike(await Promise.all([alice.addTopic('a'), bob.addTopic('b')]), [1, 2])
  t.alike(
    await Promise.all([bob.addPost(1, 'x'), alice.addPost(2, 'y'), bob.addPost(2, 'z')]),
    [1, 2, 3]
  )
  t.alike(Object.keys(await forum.files()), [
    '/topics/1/1',
    '/topics/1/title',
    '/topics/2/2',
    '/topics/2/3',
    '/topics/2/title'
  ])
})

test('contracts - a topic without a title is refused, and its number given to the next one', async (t) => {
  const forum = await open(t)
  const bob = forum.as('bob')
  await t.exception(bob.addTopic(), { code: 'EINVAL' })
  await t.exception(bob.addTopic({ title: 'no text' }), { code: 'EINVAL' })
  t.alike(await forum.files(), {})
  t.is(forum.variables['topicCounter'], 0)
  t.is(await bob.addTopic('a text'), 1)
})

test('contracts - the README of the contracts has the forum as it is', (t) => {
  const readme = readFileSync(new URL('../contracts/README.md', import.meta.url), 'utf8')
  t.ok(readme.includes(readContract('forum')))
})
