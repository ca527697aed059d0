// Declares everything that is signed, stored or sent, and writes the encodings to src/protocol/schema/.
// Run by hand (npm run schema) after a change; the result is checked in. Only optional fields may be added.
import { fileURLToPath } from 'node:url'
import Hyperschema from 'hyperschema'

const dir = fileURLToPath(new URL('../src/protocol/schema', import.meta.url))
const schema = Hyperschema.from(dir)
const mivm = schema.namespace('mivm')

const field = (name, type, rest = {}) => ({ name, type, required: true, ...rest })
const optional = (name, type) => ({ name, type })
const list = (name, type) => ({ name, type, required: true, array: true })
const struct = (name, ...fields) => mivm.register({ name, compact: true, fields })

struct(
  'head',
  field('length', 'uint'),
  field('fork', 'uint'),
  field('treeHash', 'fixed32'),
  field('signature', 'buffer')
)
struct('node', field('index', 'uint'), field('size', 'uint'), field('hash', 'fixed32'))
struct('proof-item', optional('block', 'buffer'), optional('node', '@mivm/node'))
struct(
  'proof',
  field('start', 'uint'),
  list('items', '@mivm/proof-item'),
  field('length', 'uint'),
  field('fork', 'uint'),
  field('signature', 'buffer')
)
struct('thrown', field('name', 'string'), field('message', 'string'), optional('code', 'string'))
struct('version', field('length', 'uint'), field('treeHash', 'fixed32'))
struct(
  'limits',
  ...[
    'fuel',
    'memory',
    'time',
    'depth',
    'code',
    'args',
    'result',
    'exports',
    'file',
    'writes',
    'written',
    'path'
  ].map((name) => optional(name, 'uint'))
)

// entries of the call log
struct(
  'genesis',
  field('vm', 'string'),
  field('host', 'fixed32'),
  field('deployer', 'fixed32'),
  field('salt', 'fixed32'),
  field('codeHash', 'fixed32'),
  field('limits', '@mivm/limits')
)
struct('code', field('source', 'string'))
struct(
  'ack',
  field('seq', 'uint'),
  field('user', 'fixed32'),
  field('entry', 'uint'),
  field('call', 'buffer'),
  field('time', 'uint'),
  optional('previous', 'uint')
)
struct(
  'result',
  field('ack', 'uint'),
  field('outcome', 'uint'),
  field('fuel', 'uint'),
  field('writes', 'fixed32'),
  optional('value', 'string'),
  optional('error', '@mivm/thrown')
)
struct(
  'oracle-request',
  field('ack', 'uint'),
  field('index', 'uint'),
  field('name', 'string'),
  field('args', 'string')
)
struct(
  'oracle-answer',
  field('ack', 'uint'),
  field('index', 'uint'),
  optional('value', 'string'),
  optional('error', '@mivm/thrown')
)
struct(
  'user-head',
  field('length', 'uint'),
  field('treeHash', 'fixed32'),
  field('signature', 'buffer')
)
struct(
  'commit',
  field('archive', '@mivm/version'),
  field('blobs', '@mivm/version'),
  list('heads', '@mivm/user-head')
)

// entries of a user log
struct('call', field('method', 'string'), field('args', 'string'), optional('head', '@mivm/head'))
struct('answer', field('entry', 'uint'), field('index', 'uint'), field('result', 'buffer'))
struct('user-ack', list('answers', '@mivm/answer'), field('head', '@mivm/head'))

// what proves a result
struct('receipt', field('genesis', 'buffer'), field('proof', '@mivm/proof'))

// what proves that somebody has cheated
struct('signed-head', field('log', 'uint'), field('head', '@mivm/head'))
struct('user-proof', field('user', 'fixed32'), field('proof', '@mivm/proof'))
struct('state-proof', list('archive', '@mivm/proof-item'), list('blobs', '@mivm/proof-item'))
struct(
  'evidence',
  field('code', 'string'),
  field('genesis', 'buffer'),
  list('heads', '@mivm/signed-head'),
  optional('callLog', '@mivm/proof'),
  optional('userLog', '@mivm/user-proof'),
  optional('state', '@mivm/state-proof'),
  optional('otherLog', '@mivm/proof')
)

// what peers ask each other; not signed, not stored
struct(
  'user-blocks',
  field('user', 'fixed32'),
  field('start', 'uint'),
  list('blocks', 'buffer'),
  optional('head', '@mivm/head')
)
struct('info-request', field('address', 'fixed32'))
struct(
  'info-reply',
  field('genesis', 'buffer'),
  list('methods', 'string'),
  field('head', '@mivm/head')
)
struct(
  'deploy-request',
  field('genesis', 'buffer'),
  field('source', 'string'),
  field('log', '@mivm/user-blocks')
)
struct('deploy-reply', field('address', 'fixed32'))
struct(
  'call-request',
  field('address', 'fixed32'),
  field('log', '@mivm/user-blocks'),
  field('from', 'uint'),
  field('to', 'uint'),
  field('known', 'uint'),
  field('anchored', 'bool')
)
struct(
  'call-reply',
  field('length', 'uint'),
  field('through', 'uint'),
  optional('proof', '@mivm/proof'),
  optional('behind', '@mivm/user-blocks')
)
struct(
  'prove-request',
  field('address', 'fixed32'),
  field('user', 'fixed32'),
  field('entry', 'uint')
)
struct('prove-reply', field('proof', '@mivm/proof'))
struct('consistency-request', field('address', 'fixed32'), list('lengths', 'uint'))
struct('consistency-reply', field('proof', '@mivm/proof'))
struct('known-request', field('address', 'fixed32'), field('head', '@mivm/head'))
struct('known-reply', optional('signed', '@mivm/head'))
struct(
  'range-request',
  field('key', 'fixed32'),
  field('start', 'uint'),
  field('length', 'uint'),
  field('blocks', 'uint')
)
struct('range-reply', list('blocks', 'buffer'), list('nodes', '@mivm/node'))
struct('status-request', optional('verbose', 'bool'))
struct('status-reply', field('json', 'string'))

// what peers tell each other of the heads that they hold
struct('heads-ask', list('lengths', 'uint'))
struct('heads-proof', optional('proof', '@mivm/proof'))

Hyperschema.toDisk(schema, dir, { esm: true })
