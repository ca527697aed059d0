// Attacks by builtins: each would take for ever, or all memory, or all of the stack, and ends by its fuel or at a limit
// of ours, in the real engine. None ends by the clock or by what V8 has left, which would be an abort.
import test, { type Test } from 'brittle'
import { LIMITS } from '../src/protocol/limits.ts'
import type { Step } from '../src/vm/vm.ts'
import { briefOf, contractOf, Instance, type Line, openOne } from './vm-helpers.ts'

/** By name: what the method does, and how its call has to end. */
type Attacks = Record<string, readonly [body: string, outcome: string]>

const FUEL = 'error OUT_OF_FUEL'
const ALLOCATION = 'error ALLOCATION_LIMIT'
const NESTING = 'error NESTING_LIMIT'
const ARGUMENTS = 'error ARGUMENTS_LIMIT'
const DEPTH = 'error CALL_DEPTH'
const BUFFERS = 'error BUFFER_TOO_LARGE'
const OK = 'ok null'

/** Two long texts that are equal and not the same, and an object that can only have the one: V8 compares them to their ends. */
const TWINS = "const a='x'.repeat(1e6)+'y',b='x'.repeat(1e6)+'y',o=Object.freeze({a}),d={value:b}"

/** A tenth of what a call has, so that all of it takes a tenth of the time; the clock is far away. */
const limits = { ...LIMITS, fuel: 1_000_000, time: 60_000 }

/** An iterable whose every step is a builtin. */
const ENDLESS = 'const endless = { [Symbol.iterator]: () => ({ next: Object }) }'

async function runAttacks(t: Test, attacks: Attacks, fuel: number = limits.fuel): Promise<void> {
  const vm = await openOne(t)
  const methods = Object.entries(attacks).map(
    ([name, [body]]) => `exports[${JSON.stringify(name)}] = async () => { ${body} }`
  )
  const source = [ENDLESS, 'exports.n = 0', 'exports.inc = () => ++exports.n', ...methods].join(
    '\n'
  )
  const instance = new Instance(contractOf(source, { limits: { ...limits, fuel } }))
  const lines = Object.keys(attacks).flatMap((name) => [[name], ['inc']] as const)
  const [, ...results] = await instance.run(vm, [['init'], ...lines])
  Object.entries(attacks).forEach(([name, [, expected]], index) => {
    t.is(briefOf(results[2 * index]), expected, name)
    t.is(briefOf(results[2 * index + 1]), `ok ${index + 1}`, `the call behind ${name}`)
  })
}

test('vm builtins - attacks: strings', async (t) => {
  await runAttacks(t, {
    repeat: ["'x'.repeat(2 ** 28)", ALLOCATION],
    'repeat loop': ["for (;;) 'x'.repeat(1000)", ALLOCATION],
    pad: ["'x'.padStart(2 ** 28, 'yz')", ALLOCATION],
    padEnd: ["'x'.padEnd(2**29-25)", ALLOCATION],
    concat: ["let s='x'.repeat(1e6); for(;;) s = s.concat(s)", ALLOCATION],
    'replaceAll grow': ["'x'.repeat(2**20).replaceAll('x','y'.repeat(2**10))", FUEL],
    'replaceAll $': ["'x'.repeat(3000).replaceAll('x', '$`'.repeat(1000))", ALLOCATION],
    'replaceAll callback native': ["for(;;)'x'.repeat(1e5).replaceAll('x', String)", FUEL],
    split: ["for(;;)'x'.repeat(1e5).split('')", FUEL],
    'indexOf long': ["const t='a'.repeat(1e6),p='aab'+'a'.repeat(1e5); for(;;) t.indexOf(p)", FUEL],
    'indexOf short': ["const t='a'.repeat(1e6); for(;;) t.indexOf('aaaaab')", FUEL],
    'indexOf mid': [
      "const t='a'.repeat(1e6); for(;;) t.indexOf('a'.repeat(50)+'b'+'a'.repeat(49))",
      FUEL
    ],
    'indexOf 1': ["const t='a'.repeat(1e6); for(;;) t.indexOf('b')", FUEL],
    lastIndexOf: ["const t='a'.repeat(1e6),p='a'.repeat(1000)+'b';for(;;) t.lastIndexOf(p)", FUEL],
    includes: ["const t='ab'.repeat(1e6),p='ab'.repeat(5e5)+'b';for(;;) t.includes(p)", FUEL],
    startsWith: ["const t='a'.repeat(1e6),p=t.slice(0,-1)+'b';for(;;)t.startsWith(p)", FUEL],
    'normalize marks': ["('a'+'\\u0323\\u0307'.repeat(1e5)).normalize()", FUEL],
    normalize: ["const t='\\uac01'.repeat(1e5);for(;;)t.normalize('NFD')", FUEL],
    'normalize fdfa': ["const t='\\ufdfa'.repeat(1e4);for(;;)t.normalize('NFKC')", FUEL],
    'normalize 30 marks': [
      "const t=('a'+'\\u0323\\u0307'.repeat(15)).repeat(3000);for(;;)t.normalize('NFC')",
      FUEL
    ],
    localeCompare: ["const t='\\u00e4'.repeat(1e5);for(;;)t.localeCompare(t+'a')", FUEL],
    upper: ["const t='\\u00e4'.repeat(1e5);for(;;)t.toUpperCase()", FUEL],
    trim: ["const t=' '.repeat(1e6)+'x'+' '.repeat(1e6);for(;;)t.trim()", FUEL],
    isWellFormed: ["const t='\\u0431'.repeat(1e6);for(;;)t.isWellFormed()", FUEL],
    encode: ["const t='\\u0431'.repeat(1e5);for(;;)encodeURIComponent(t)", ALLOCATION],
    decode: ["const t='%41'.repeat(1e5);for(;;)decodeURIComponent(t)", FUEL],
    parseInt: ["const t='1'.repeat(1e6);for(;;)parseInt(t,7)", FUEL],
    parseFloat: ["const t='1'.repeat(1e6);for(;;)parseFloat(t)", FUEL],
    Number: ["const t='1'.repeat(1e6);for(;;)Number(t)", FUEL],
    raw: ['String.raw({raw:{length:2**53-1}})', FUEL],
    html: ["let s='\"'.repeat(1e6);for(;;)s=s.anchor(s)", FUEL],
    'array 1e8': ['Array(1e8).fill(0)', ALLOCATION],
    'array 4e6': ['for(;;) new Array(1e6)', ALLOCATION],
    symbols: ["const t='x'.repeat(1e6);for(let i=0;;i++)Symbol.for(t+i)", ALLOCATION],
    escape: ["const t='+'.repeat(1e5);for(;;)RegExp.escape(t)", ALLOCATION]
  })
  await runAttacks(
    t,
    {
      'replace by a pattern, with a long text': [
        "const t='x'.repeat(1e6);'a'.repeat(64).replace(/a/g,()=>t)",
        ALLOCATION
      ],
      'replace by a pattern, with what is before it': [
        "('x'.repeat(1e6)+'a'.repeat(64)).replace(/a/g,'$`')",
        ALLOCATION
      ],
      'letters that become three': ["'\\u0390'.repeat(6e6).toUpperCase()", ALLOCATION],
      'letters that become eighteen': ["'\\ufdfa'.repeat(1e6).normalize('NFKC')", ALLOCATION],
      'replace by a pattern, with a long template': [
        "('x'.repeat(1e6)+'a').replace(/a/,'$`'.repeat(1000))",
        ALLOCATION
      ]
    },
    LIMITS.fuel
  )
})

test('vm builtins - attacks: arrays', async (t) => {
  await runAttacks(t, {
    'arrays 1e4': ['for(;;) new Array(1e4)', ALLOCATION],
    'a constructor': ['[].constructor(4e7)', ALLOCATION],
    'join sparse': ['const a=[];a.length=2**32-1;a.join()', ALLOCATION],
    'join Array': ['Array(2**32-1).join()', ALLOCATION],
    'indexOf like': ['[].indexOf.call({length:2**53-1},1)', FUEL],
    'fill like': ['[].fill.call({length:2**53-1},1)', FUEL],
    'forEach like': ['[].forEach.call({length:2**53-1},()=>{})', FUEL],
    'slice like': ['[].slice.call({length:2**32-1})', ALLOCATION],
    'splice like': ['[].splice.call({length:2**53-1},0,1)', ALLOCATION],
    'reverse like': ['[].reverse.call({length:2**53-1})', FUEL],
    'sort like': ['[].sort.call({length:2**53-1})', FUEL],
    'unshift like': ['[].unshift.call({length:2**53-2},1)', FUEL],
    'copyWithin like': ['[].copyWithin.call({length:2**53-1},0,1)', FUEL],
    'concat like': ['[].concat({length:2**53-1,[Symbol.isConcatSpreadable]:true})', FUEL],
    'flat like': ['[].flat.call({length:2**53-1})', FUEL],
    toSorted: ['[].toSorted.call({length:2**32-1})', ALLOCATION],
    with: ['[].with.call({length:2**32-1},0,1)', ALLOCATION],
    'at like ok': ['return [].at.call({length:2**53-1,0:5},0)', 'ok 5'],
    'includes holes': ['const a=[];a.length=4e9;a.includes(1)', ALLOCATION],
    'from like': ['Array.from({length:1e9})', ALLOCATION],
    'from endless': ['Array.from(endless)', FUEL],
    'from mapper': ['Array.from({length:2**53-1},Number)', ALLOCATION],
    fromAsync: ['Array.fromAsync({length:2**53-1}).catch(()=>{});return 1', 'ok 1'],
    'sort native': [
      "const a=Array.from({length:1e5},(_, i)=>'x'+i);for(;;)a.sort('b'.localeCompare.call.bind('b'.localeCompare))",
      FUEL
    ],
    'sort default long': [
      "const t='a'.repeat(1e5);const a=[];for(let i=0;i<40;i++)a[i]=t.slice(1)+t.slice(0,-2)+i;for(;;)a.sort()",
      FUEL
    ],
    'sort ints': [
      'const a=Array.from({length:1e5},(_, i)=>i*7919%100003);for(;;)a.toSorted()',
      FUEL
    ],
    'sort cmp': [
      'const a=Array.from({length:1e5},(_, i)=>i*7919%100003);for(;;)a.toSorted(Math.max)',
      FUEL
    ],
    'shift loop': ['const a=Array(1e5).fill(0);for(;;){a.shift();a.push(1)}', FUEL],
    'unshift loop': ['const a=Array(1e5).fill(0);for(;;)a.unshift(1)', FUEL],
    'splice mid': ['const a=Array(1e5).fill(0);for(;;){a.splice(5,1);a.push(1)}', FUEL],
    'splice accessor': [
      'const a=Array(1e5).fill(0);class B extends Array{};Object.setPrototypeOf(a,B.prototype);for(;;)a.splice(5,1,1)',
      FUEL
    ],
    'concat loop': ['const a=Array(1e4).fill(0);for(;;)a.concat(a)', FUEL],
    'slice loop': ['const a=Array(1e4).fill(0);for(;;)a.slice()', ALLOCATION],
    'indexOf str': [
      "const a=[],t='a'.repeat(1e5);for(let i=0;i<50;i++)a[i]=t.slice(0,-1)+String.fromCharCode(65+i);for(;;)a.indexOf(t.slice(0,-1)+'z')",
      FUEL
    ],
    reverse: ['const a=Array(1e5).fill(0);for(;;)a.reverse()', FUEL],
    copyWithin: ['const a=Array(1e5).fill(0);for(;;)a.copyWithin(1,0)', FUEL],
    fill: ['const a=Array(1e5);for(;;)a.fill(0)', FUEL],
    'flat deep': ['let a=[1];for(let i=0;i<1e5;i++)a=[a];a.flat(Infinity)', NESTING],
    'flat wide': ['const a=Array(1e3).fill(Array(1e3).fill(1));for(;;)a.flat()', FUEL],
    'flat exp': ['let a=[1];for(let i=0;i<60;i++)a=[a,a];a.flat(Infinity)', FUEL],
    'join deep': ["let a=[1];for(let i=0;i<1e5;i++)a=[a];''+a", NESTING],
    'join exp': ["let a=['x'];for(let i=0;i<60;i++)a=[a,a];a.join()", FUEL],
    join: ["const a=Array(1e6).fill('y'.repeat(100));a.join()", FUEL],
    'locale text': ['let a=[1];for(let i=0;i<1e4;i++)a=[a];a.toLocaleString()', NESTING],
    'flatMap native': ['for(;;)[1].flatMap(()=>Array(1e5).fill(0))', FUEL]
  })
})

test('vm builtins - attacks: JSON', async (t) => {
  await runAttacks(t, {
    'json deep': ['let a=[];for(let i=0;i<1e5;i++)a=[a];JSON.stringify(a)', NESTING],
    'json parse deep': [
      "const t='['.repeat(1e5)+']'.repeat(1e5);return typeof JSON.parse(t)",
      'ok "object"'
    ],
    'json reviver deep': [
      "const t='['.repeat(1e5)+']'.repeat(1e5);JSON.parse(t,(k,v)=>v)",
      NESTING
    ],
    'json reviver array': [
      "JSON.parse('[1,[]]',function(k,v){if(k==='0')this[1]=new Proxy([],{get:(t,k)=>k==='length'?2**53-1:undefined});return v})",
      FUEL
    ],
    'json exp': ['let a={x:1};for(let i=0;i<60;i++)a={a,b:a};JSON.stringify(a)', FUEL],
    'json parse shapes': [
      "let t='[';for(let i=0;i<2e4;i++)t+='{\"a'+i+'\":1},';t+='1]';for(;;)JSON.parse(t)",
      FUEL
    ],
    'json brackets': ["JSON.parse('['.repeat(97e4))", ALLOCATION],
    'json braces': ["JSON.parse('{'.repeat(97e4))", ALLOCATION],
    'json parse': ['const t=JSON.stringify(Array(1e4).fill([]));for(;;)JSON.parse(t)', FUEL],
    'json indented': [
      'let a=Array(1e5).fill(0);for(let i=0;i<55;i++)a=[a];JSON.stringify(a,null,10)',
      FUEL
    ],
    'json indented, again and again': [
      'let a=Array(25e3).fill(0);for(let i=0;i<55;i++)a=[a];for(;;)JSON.stringify(a,null,10)',
      FUEL
    ],
    'json indented for a replacer': [
      'let a=Array(3e4).fill(0);for(let i=0;i<55;i++)a=[a];JSON.stringify(a,(k,v)=>v,10)',
      FUEL
    ],
    'json string': ["const t='\\n'.repeat(1e6);for(;;)JSON.stringify(t)", FUEL],
    'json replacer': ["JSON.stringify({},new Proxy([],{get:(t,k)=>k==='length'?2**53-1:k}))", FUEL],
    'json of a function that says what it is, and changes what comes behind it': [
      "const f=()=>{},o={f,x:1};let a=['x'.repeat(64)];for(let i=0;i<16;i++)a=[a,a];f.toJSON=()=>{o.x=a};JSON.stringify(o)",
      FUEL
    ]
  })
  // as much of it as one call can pay for would be more than its memory
  await runAttacks(
    t,
    {
      indented: [
        'let a=Array(15e4).fill(0);for(let i=0;i<55;i++)a=[a];JSON.stringify(a,null,10)',
        ALLOCATION
      ],
      'indented for a replacer': [
        'let a=Array(15e4).fill(0);for(let i=0;i<55;i++)a=[a];JSON.stringify(a,(k,v)=>v,10)',
        ALLOCATION
      ],
      'letters that become six': ["JSON.stringify('\\0'.repeat(15e6))", ALLOCATION],
      'letters that become six, in a list': [
        "const s='\\0'.repeat(3e6);JSON.stringify([s,s])",
        ALLOCATION
      ],
      'short ones that become six': [
        "JSON.stringify(Array(25e4).fill('\\0'.repeat(48)))",
        ALLOCATION
      ],
      'keys that become six': [
        "const o={['\\0'.repeat(48)]:0};JSON.stringify(Array(25e4).fill(o))",
        ALLOCATION
      ],
      'letters that become six, for a replacer': [
        "const s='\\0'.repeat(3e6);JSON.stringify([s,s],(k,v)=>v)",
        ALLOCATION
      ],
      'letters that become six, many times': [
        "const s='\\0'.repeat(1e6),l=[];for(;;)l.push(JSON.stringify(s))",
        ALLOCATION
      ],
      'many properties': ["JSON.parse('{'+'\"a\":0,'.repeat(1.2e6)+'\"a\":0}')", ALLOCATION],
      'many long keys': [
        "const o={};for(let i=0;i<10;i++)o['k'.repeat(60)+i]=0;JSON.stringify(Array(1e5).fill(o))",
        ALLOCATION
      ]
    },
    LIMITS.fuel
  )
})

test('vm builtins - attacks: maps and sets', async (t) => {
  await runAttacks(t, {
    'set endless': ['new Set(endless)', FUEL],
    'map endless': [
      'const e={[Symbol.iterator]:()=>({next:()=>({value:[1,2],done:false})})};new Map(e)',
      FUEL
    ],
    'set union': ['new Set([1]).union({size:1,has(){},keys:()=>({next:Object})})', FUEL],
    'set isSuperset': [
      'new Set([undefined]).isSupersetOf({size:0,has:Object,keys:()=>({next:Object})})',
      FUEL
    ],
    'set isSubset': [
      'const s=new Set(Array.from({length:1e5},(_, i)=>i));for(;;)s.isSubsetOf(s)',
      FUEL
    ],
    'map forEach grow': [
      'const m=new Map([[1,1]]);let i=0;m.forEach((v,k)=>{m.delete(k);m.set(++i,1)})',
      FUEL
    ],
    'set forEach native': ['const s=new Set(Array(1e5).keys());for(;;)s.forEach(Object)', FUEL],
    'map long keys': [
      "const m=new Map();const t='x'.repeat(1e5);for(let i=0;;i++)m.has(t.slice(1)+(i%10))",
      FUEL
    ],
    'map bigints': ['const m=new Map();for(let i=0n;;i++)m.set(i<<64n,1)', FUEL],
    'groupBy endless': ['Object.groupBy(endless,Number)', FUEL],
    'map groupBy': ['Map.groupBy(endless,Number)', FUEL]
  })
})

test('vm builtins - attacks: objects, proxies and chains of prototypes', async (t) => {
  await runAttacks(t, {
    'keys string': ["Object.keys('x'.repeat(1e7))", ALLOCATION],
    'keys bytes': ['Object.keys(new Uint8Array(1e7))', ALLOCATION],
    'keys array': ['for(;;)Object.keys(Array(1e5).fill(1))', FUEL],
    entries: [
      "const o=Object.fromEntries(Array.from({length:2e4},(_, i)=>['k'+i,i]));for(;;)Object.entries(o)",
      FUEL
    ],
    assign: [
      "const o=Object.fromEntries(Array.from({length:2e4},(_, i)=>['k'+i,i]));for(;;)Object.assign({},o)",
      FUEL
    ],
    'assign length': ['Object.assign([],{length:3e7})', ALLOCATION],
    'reflect length': ["Reflect.set([],'length',3e7)", ALLOCATION],
    'define length': ["Object.defineProperty([],'length',{value:3e7})", ALLOCATION],
    freeze: ['for(;;)Object.freeze(Array(1e5).fill(1))', FUEL],
    'fromEntries endless': [
      'const e={[Symbol.iterator]:()=>({next:()=>({value:[1,2],done:false})})};Object.fromEntries(e)',
      FUEL
    ],
    descriptors: [
      "const o=Object.fromEntries(Array.from({length:2e4},(_, i)=>['k'+i,i]));for(;;)Object.getOwnPropertyDescriptors(o)",
      FUEL
    ],
    'long keys': ["const o={},t='x'.repeat(1e6);for(let i=0;;i++)Object.hasOwn(o,t+i)", FUEL],
    'define again': [`${TWINS};for(let i=0;i<1e3;i++)Object.defineProperty(o,'a',d)`, FUEL],
    'define by a getter': [
      `${TWINS};for(let i=0;i<1e3;i++){const p={},e={get value(){Object.defineProperty(p,'a',{value:a});return b}};Reflect.defineProperty(p,'a',e)}`,
      FUEL
    ],
    'define all again': [`${TWINS};for(let i=0;i<1e3;i++)Object.defineProperties(o,{a:d})`, FUEL],
    'a trap that answers the same': [
      `${TWINS};const p=new Proxy(o,{get:()=>b});for(let i=0;i<1e3;i++)p.a`,
      FUEL
    ],
    'what is no array, with ropes': [
      "const a='x'.repeat(1e6)+'y',b='x'.repeat(1e6)+'y';for(let i=0;i<50;i++)[].indexOf.call({0:a,length:1},b)",
      FUEL
    ],
    'a bound builtin that fails with a long text': [
      "const f=Map.prototype.get.bind('x'.repeat(1e6));for(let i=0;i<200;i++)Promise.resolve().then(f);await 0",
      FUEL
    ],
    'a builtin that fails with a long text': [
      "const p=Promise.resolve('x'.repeat(1e6));for(let i=0;i<200;i++)p.then(Object.create);await 0",
      FUEL
    ],
    'a trap that takes the same': [
      `${TWINS};const p=new Proxy(o,{set:()=>true});for(let i=0;i<1e3;i++)p.a=b`,
      FUEL
    ],
    chain: ['let o={};for(;;)o=Object.create(o)', NESTING],
    'chain ends': [
      "const os=Array.from({length:1e4},()=>({}));for(let i=0;i<1e4-1;i++)Object.setPrototypeOf(os[i],os[i+1]);for(;;)'x' in os[0]",
      NESTING
    ],
    'chain proto': ['let o={};for(;;){const p={};p.__proto__=o;o=p}', NESTING],
    'chain by generators': ['function*g(){};let o={};for(;;){g.prototype=o;o=g()}', NESTING],
    'chain by async generators': [
      "async function*g(){};let o={};for(;;){g['prototype']=o;o=g()}",
      NESTING
    ],
    'chain by a computed key': [
      "const k='proto'+'type';function*g(){};let o={};for(;;){g[k]=o;o=g()}",
      NESTING
    ],
    'chain by super': [
      'const h={m(v){super.prototype=v}};function*g(){};let o={};for(;;){h.m.call(g,o);o=g()}',
      NESTING
    ],
    'chain by a pattern': ['function*g(){};let o={};for(;;){[g.prototype]=[o];o=g()}', NESTING],
    'chain by a loop': ['function*g(){};let o={};for(;;){for(g.prototype of [o]);o=g()}', NESTING],
    'chain by assign': [
      'function*g(){};let o={};for(;;){Object.assign(g,{prototype:o});o=g()}',
      NESTING
    ],
    'chain by defineProperty': [
      "function*g(){};let o={};for(;;){Object.defineProperty(g,'prototype',{value:o});o=g()}",
      NESTING
    ],
    'chain by defineProperties': [
      'function*g(){};let o={};for(;;){Object.defineProperties(g,{prototype:{value:o}});o=g()}',
      NESTING
    ],
    'chain by Reflect.set': [
      "function*g(){};let o={};for(;;){Reflect.set({},'prototype',o,g);o=g()}",
      NESTING
    ],
    'chain by Reflect.construct': [
      'class C{};function F(){};let o={};for(;;){F.prototype=o;o=Reflect.construct(C,[],F)}',
      NESTING
    ],
    'chain by the get of a proxy': [
      "class C{};let o={};const p=new Proxy(function(){},{get:(t,k)=>k==='prototype'?o:t[k]});for(;;)o=Reflect.construct(C,[],p)",
      NESTING
    ],
    'chain by classes of a proxy': [
      "let o={};const p=new Proxy(function(){},{get:(t,k)=>k==='prototype'?o:t[k]});for(;;)o=(class extends p{}).prototype",
      NESTING
    ],
    'chain by a bound function': [
      "class C{};let o={};const b=C.bind();Object.defineProperty(b,'prototype',{get:()=>o});for(;;)o=Reflect.construct(C,[],b)",
      'error null'
    ],
    'chain by classes of a bound function': [
      "let o={};const b=(class{}).bind();Object.defineProperty(b,'prototype',{get:()=>o});for(;;)o=(class extends b{}).prototype",
      'error null'
    ],
    'chain by a proxy of a bound function': [
      "let o={};const b=(class{}).bind();Object.defineProperty(b,'prototype',{get:()=>o});const p=new Proxy(b,{});for(;;)o=new p()",
      'error null'
    ],
    'chain by functions for a bound one': [
      "function F(){};let o={};const b=F.bind();Object.defineProperty(b,'prototype',{get:()=>o});for(;;)o=Reflect.construct(F,[],b)",
      NESTING
    ],
    'chain by classes of a bound function that is given a prototype': [
      'let o={};const b=(class{}).bind();for(;;){b.prototype=o;o=(class extends b{}).prototype}',
      NESTING
    ],
    'no chain by a bound function': [
      'function F(){this.by=new.target};const b=F.bind();return Reflect.construct(b.bind(),[],b).by===F',
      'ok true'
    ],
    'no chain by a bound function that is extended': [
      'function F(){};const b=F.bind();b.prototype=F.prototype;class C extends b{};return new C() instanceof F',
      'ok true'
    ],
    'no chain by a proxy of a bound class': [
      'class A{};class C extends A{};const p=new Proxy(new Proxy(A.bind(),{}),{});return Reflect.construct(p,[],C) instanceof C',
      'ok true'
    ],
    proxies: ['let o={};for(;;)o=new Proxy(o,{})', NESTING],
    'proxy chain by prototypes': [
      'const ps=Array.from({length:1e4},()=>({}));for(let i=0;i<9999;i++)Object.setPrototypeOf(ps[i],new Proxy(ps[i+1],{}));ps[0].x',
      NESTING
    ],
    'proxy handlers': ['let h={};for(let i=0;i<1e3;i++)h=new Proxy({},h);h.x', NESTING],
    'proxy ownKeys': ['Reflect.ownKeys(new Proxy({},{ownKeys:()=>({length:2**53-1})}))', FUEL],
    'proxy self': ['const t={};const p=new Proxy(t,{get(t,k,r){return p[k]}});p.x', NESTING],
    'proxy native self': [
      "const o={};const p=new Proxy(o,{get:Reflect.get});Object.defineProperty(o,'x',{get:Reflect.get.bind(null,p,'x')});p.x",
      NESTING
    ]
  })
})

test('vm builtins - attacks: functions, and builtins that call builtins', async (t) => {
  await runAttacks(t, {
    'bind chain': ['let f=()=>1;for(;;)f=f.bind()', NESTING],
    'bind args': ['let f=()=>1;f.bind(...Array(1000).fill(1))', ARGUMENTS],
    'apply many': ['Math.max.apply(null,Array(2e5).fill(1))', ARGUMENTS],
    'apply like': ['Math.max.apply(null,{length:2**53-1})', FUEL],
    'apply nested': ['const a=Array(1000).fill(1);const f=(...x)=>f.apply(null,a);f()', ARGUMENTS],
    construct: ['Reflect.construct(Array,{length:1e9})', FUEL],
    'native recursion': ['const a=[];a[0]=[].forEach.bind(a,Reflect.apply);a[0]()', NESTING],
    'getter chain': [
      "let o={x:1};for(let i=0;i<2e3;i++){const p={};Object.defineProperty(p,'x',{get:Reflect.get.bind(null,o,'x')});o=p}o.x",
      NESTING
    ],
    'valueOf chain': [
      'let o={valueOf:()=>1};for(let i=0;i<2e3;i++)o={valueOf:Math.abs.bind(null,o)};Math.abs(o)',
      NESTING
    ],
    'toString chain': [
      "let o='x';for(let i=0;i<2e3;i++)o={toString:String.prototype.trim.bind(o)};String(o)",
      NESTING
    ],
    'error names': [
      "let e='x';for(let i=0;i<1e5;i++){const f=new Error();f.name=e;e=f}String(e)",
      NESTING
    ]
  })
})

test('vm builtins - attacks: buffers and typed arrays', async (t) => {
  await runAttacks(t, {
    'typed endless': ['new Uint8Array(endless)', FUEL],
    'typed like': ['new Uint8Array({length:2**53-1})', FUEL],
    'typed from': ['Uint8Array.from(endless)', FUEL],
    bytes: ['for(;;)new Uint8Array(1e6)', BUFFERS],
    'typed sort': [
      'const u=new Float64Array(1e6);for(let i=0;i<1e6;i++)u[i]=i*7919%1000003;for(;;)u.sort().reverse()',
      FUEL
    ],
    'typed fill': ['const u=new Uint8Array(1e7);for(;;)u.fill(1)', FUEL],
    'typed indexOf': ['const u=new Float64Array(1e6);for(;;)u.indexOf(5)', FUEL],
    'typed join': [
      'const u=new Float64Array(5e5).fill(1.2345678901234567e-300);for(;;)u.join()',
      FUEL
    ],
    'typed set': ['const u=new Float64Array(1e5),a=Array(1e5).fill(1);for(;;)u.set(a)', FUEL],
    base64: ['const u=new Uint8Array(1e6);for(;;)u.toBase64()', FUEL],
    hex: ['const u=new Uint8Array(1e5);for(;;)u.setFromHex(u.toHex())', FUEL],
    'typed slice': ['const u=new Uint8Array(1e5);for(;;)u.slice()', BUFFERS],
    'typed map': ['const u=new Uint8Array(1e5);for(;;)u.forEach(Object)', FUEL]
  })
  // what they come to would be more than their memory
  await runAttacks(
    t,
    {
      'typed join, of long numbers': [
        'new Float64Array(1e6).fill(1.2345678901234567e-300).join()',
        ALLOCATION
      ],
      'typed join, of long big integers': [
        'new BigInt64Array(1e6).fill(-(2n**63n)).join()',
        ALLOCATION
      ],
      'typed text, of long big integers': [
        'new BigInt64Array(1e6).fill(-(2n**63n)).toLocaleString()',
        ALLOCATION
      ]
    },
    LIMITS.fuel
  )
})

test('vm builtins - attacks: numbers and big integers', async (t) => {
  await runAttacks(t, {
    'BigInt text': ["BigInt('7'.repeat(1e6))", ALLOCATION],
    'BigInt digits': ["const t='7'.repeat(1e5);for(;;)BigInt(t)", FUEL],
    'big toString': ["const b=BigInt('0x'+'f'.repeat(1e5));for(;;)b.toString()", FUEL],
    asUintN: ['BigInt.asUintN(2**40,-1n)', ALLOCATION],
    'asUintN loop': ['for(;;)BigInt.asUintN(1e5,-1n)', ALLOCATION],
    toFixed: ['for(;;)(1.5e-300).toFixed(100)', FUEL],
    'toString 2': ['for(;;)(5e-324).toString(2)', FUEL],
    toPrecision: ['for(;;)(1.1e308).toPrecision(100)', FUEL]
  })
})

/** What V8 makes a number or a text of by itself takes as long as it is long. */
const TEXT = "const s = '1'.repeat(1e5), u = new Uint8Array(9);"
const DIGITS = "const s = '1'.repeat(1e4), u = new BigInt64Array(9);"
const BIG = 'const b = 2n ** 200000n;'

test('vm builtins - attacks: conversions', async (t) => {
  const attacks: Attacks = {
    'Math.abs': [`${TEXT}for(;;)Math.abs(s)`, FUEL],
    'Math.floor': [`${TEXT}for(;;)Math.floor(s)`, FUEL],
    'Math.sqrt': [`${TEXT}for(;;)Math.sqrt(s)`, FUEL],
    'Math.clz32': [`${TEXT}for(;;)Math.clz32(s)`, FUEL],
    'Math.fround': [`${TEXT}for(;;)Math.fround(s)`, FUEL],
    'Math.max': [`${TEXT}for(;;)Math.max(1,s)`, FUEL],
    'Math.imul': [`${TEXT}for(;;)Math.imul(1,s)`, FUEL],
    'Math.pow': [`${TEXT}for(;;)Math.pow(1,s)`, FUEL],
    'Math.atan2': [`${TEXT}for(;;)Math.atan2(1,s)`, FUEL],
    'Math.hypot': [`${TEXT}for(;;)Math.hypot(1,s)`, FUEL],
    'an object that is a text': [`${TEXT}const o={valueOf:()=>s};for(;;)+o`, FUEL],
    'an object that is a big integer': [`${BIG}const o={toString:()=>b};for(;;)\`\${o}\``, FUEL],
    'an element': [`${TEXT}for(;;)u[0]=s`, FUEL],
    'an element that is an object': [`${TEXT}const o={valueOf:()=>s};for(;;)u[0]=o`, FUEL],
    'an element by an unknown key': [`${TEXT}let k='0';for(;;)u[k]=s`, FUEL],
    'an element that is added to': [`${TEXT}for(;;)u[0]+=s`, FUEL],
    'an element that is assigned if it is nothing': [`${TEXT}for(;u[0]=0,true;)u[0]||=s`, FUEL],
    'an element in a pattern': [`${TEXT}for(;;)[u[0]]=[s]`, FUEL],
    'an element in the head of a loop': [`${TEXT}for(;;)for(u[0] of [s]);`, FUEL],
    'an element of super': [
      `${TEXT}const o={__proto__:u,m(){super[0]=s}};for(;;)o.m.call(u)`,
      FUEL
    ],
    'an element that is a field': [
      `${TEXT}class A{constructor(){return u}}class C extends A{0=s}for(;;)new C()`,
      FUEL
    ],
    'an element that is a computed field': [
      `${TEXT}const o={valueOf:()=>s};class A{constructor(){return u}}class C extends A{[0]=o}for(;;)new C()`,
      FUEL
    ],
    'an element by a name': [`${TEXT}for(;;)u.NaN=s`, FUEL],
    'an element behind a proxy': [`${TEXT}const p=new Proxy(u,{});for(;;)p[0]=s`, FUEL],
    'an element that is a big integer': [`${DIGITS}for(;;)u[0]=s`, FUEL],
    'typed fill': [`${TEXT}for(;;)u.fill(s)`, FUEL],
    'typed with': [`${TEXT}for(;;)u.with(0,s)`, FUEL],
    'typed set': [`${TEXT}for(;;)u.set([s])`, FUEL],
    'typed of': [`${TEXT}for(;;)Uint8Array.of(s)`, FUEL],
    'typed from': [`${TEXT}for(;;)Uint8Array.from([s])`, FUEL],
    'typed new': [`${TEXT}for(;;)new Uint8Array([s])`, FUEL],
    'typed map': [`${TEXT}for(;;)u.map(()=>s)`, FUEL],
    'typed sort': [`${TEXT}for(;;)u.sort(()=>s)`, FUEL],
    'typed at': [`${TEXT}for(;;)u.at(s)`, FUEL],
    'typed indexOf': [`${TEXT}for(;;)u.indexOf(1,s)`, FUEL],
    'typed subarray': [`${TEXT}for(;;)u.subarray(s)`, FUEL],
    'Reflect.set': [`${TEXT}for(;;)Reflect.set({},0,s,u)`, FUEL],
    defineProperty: [`${TEXT}for(;;)Object.defineProperty(u,0,{value:s})`, FUEL],
    defineProperties: [`${TEXT}for(;;)Object.defineProperties(u,{0:{value:s}})`, FUEL],
    assign: [`${TEXT}for(;;)Object.assign(u,{0:s})`, FUEL],
    push: [
      `${TEXT}Object.defineProperty(u,'length',{value:0,writable:true});for(;;u.length=0)Array.prototype.push.call(u,s)`,
      FUEL
    ],
    'Array.of': [`${TEXT}for(;;)try{Array.of.call(function(){return u},s)}catch{}`, FUEL],
    species: [
      `${TEXT}class A extends Array{static get [Symbol.species](){return function(){return u}}}const a=new A(1,2);for(;;)a.map(()=>s)`,
      FUEL
    ],
    sort: [`${TEXT}const a=[1,2,3];for(;;)a.sort(()=>s)`, FUEL],
    at: [`${TEXT}for(;;)[].at(s)`, FUEL],
    slice: [`${TEXT}for(;;)[1].slice(s)`, FUEL],
    splice: [`${TEXT}for(;;)[1].splice(s)`, FUEL],
    fill: [`${TEXT}for(;;)[1].fill(1,s)`, FUEL],
    indexOf: [`${TEXT}for(;;)[1].indexOf(1,s)`, FUEL],
    drop: [`${TEXT}for(;;)[].values().drop(s)`, FUEL],
    'size of a set': [
      `${TEXT}const o={size:s,has(){},keys:()=>[].values()};for(;;)new Set([1]).union(o)`,
      FUEL
    ],
    DataView: [`${TEXT}const v=new DataView(u.buffer);for(;;)v.setInt8(0,s)`, FUEL],
    'DataView of floats': [`${TEXT}const v=new DataView(u.buffer);for(;;)v.setFloat64(0,s)`, FUEL],
    'DataView of big integers': [
      `${DIGITS}const v=new DataView(u.buffer);for(;;)v.setBigInt64(0,s)`,
      FUEL
    ],
    'a place in a DataView': [
      `${TEXT}const v=new DataView(u.buffer);for(;;)try{v.getInt8(s)}catch{}`,
      FUEL
    ],
    'Date.UTC': [`${TEXT}for(;;)Date.UTC(s)`, FUEL],
    'new Date': [`${TEXT}for(;;)new Date(s,1)`, FUEL],
    setTime: [`${TEXT}const d=new Date();for(;;)d.setTime(s)`, FUEL],
    setHours: [`${TEXT}const d=new Date();for(;;)d.setHours(s)`, FUEL],
    'Date.parse': [`${BIG}for(;;)Date.parse(b)`, FUEL],
    fromCharCode: [`${TEXT}for(;;)String.fromCharCode(s)`, FUEL],
    String: [`${BIG}for(;;)String(b)`, FUEL],
    'new String': [`${BIG}for(;;)new String(b)`, FUEL],
    'new Error': [`${BIG}for(;;)new Error(b)`, FUEL],
    fromEntries: [`${BIG}for(;;)Object.fromEntries([[b,1]])`, FUEL],
    groupBy: [`${BIG}for(;;)Object.groupBy([1],()=>b)`, FUEL],
    replacement: [`${BIG}for(;;)'x'.replace('x',()=>b)`, FUEL],
    'matched text': [`${BIG}for(;;)/x/.test(b)`, FUEL],
    lastIndex: [`${TEXT}const r=/a/g;for(;;){r.lastIndex=s;r.test('b')}`, FUEL],
    'a boxed number in JSON': [
      `${TEXT}class N extends Number{valueOf(){return s}}const n=new N(1);for(;;)JSON.stringify(n)`,
      FUEL
    ],
    'the length of a proxy in JSON': [
      `${TEXT}const p=new Proxy([],{get:(_,k)=>k==='length'?s:undefined});for(;;)try{JSON.stringify(p)}catch{}`,
      FUEL
    ],
    'captures of an exec': [
      "class R extends RegExp{exec(){return{length:2**53-1,0:'',index:0}}}'x'.replace(new R('x'),'')",
      FUEL
    ],
    'captures of an exec that splits': [
      "class R extends RegExp{exec(){this.lastIndex=1;return{length:2**53-1,0:'',index:0}}}'xy'.split(new R('x'))",
      FUEL
    ]
  }
  await runAttacks(t, attacks, 100_000)
})

/** V8 keeps it as a table. */
const TABLE =
  'const a = Array(5000).fill(1); Object.defineProperty(a, 1, { get: () => 1, set() {}, configurable: true });'
const CLOSED = 'const a = Object.preventExtensions(Array(5000).fill(1));'
const STAYING =
  'const a = Array(5000).fill(1); Object.defineProperty(a, 4999, { configurable: false });'
const GAP = 'const a = Array(5000).fill(1); a[9000] = 1;'

test('vm builtins - attacks: arrays that are no blocks', async (t) => {
  const rounds = (array: string, body: string): readonly [string, string] => [
    `${array} for (let i = 0; i < 100; i++) { ${body} }`,
    FUEL
  ]
  const attacks: Attacks = {
    shift: rounds(TABLE, 'a.shift()'),
    unshift: rounds(TABLE, 'a.unshift(1)'),
    fill: rounds(TABLE, 'a.fill(1)'),
    slice: rounds(TABLE, 'a.slice()'),
    splice: rounds(TABLE, 'a.splice(1, 1)'),
    pop: rounds(TABLE, 'a.pop()'),
    spread: rounds(TABLE, '[...a]'),
    from: rounds(TABLE, 'Array.from(a)'),
    concat: rounds(TABLE, 'a.concat(1)'),
    'shift of one that is closed': rounds(CLOSED, 'a.shift()'),
    'length of one with something that stays': rounds(STAYING, "Reflect.set(a, 'length', 0)"),
    'length of one with something that stays, assigned': rounds(
      STAYING,
      'try { a.length = 0 } catch {}'
    ),
    'spread with a gap': rounds(GAP, '[...a]'),
    'from with a gap': rounds(GAP, 'Array.from(a)')
  }
  await runAttacks(t, attacks, 25_000)
})

test('vm builtins - attacks: exports that have an index for a name', async (t) => {
  const vm = await openOne(t)
  const lists = { bytes: 'new Uint8Array(200_000)', text: "new String('x'.repeat(200_000))" }
  for (const [name, list] of Object.entries(lists)) {
    const source = `module.exports = Object.assign(${list}, { main() {} })`
    const instance = new Instance(contractOf(source, { address: name, limits }))
    const [init] = await instance.run(vm, [['init']])
    t.is(briefOf(init), FUEL, name)
  }
})

test('vm builtins - attacks: templates with a tag, which V8 looks for among all of them', async (t) => {
  const many = (count: number) => `const tag = () => 1; ${'tag`x`;'.repeat(count)}`
  await runAttacks(t, { many: [many(5000), FUEL], few: [many(500), OK] })
})

test('vm builtins - attacks: texts that V8 puts into messages', async (t) => {
  const many = (body: string): readonly [string, string] => [
    `const s = 'x'.repeat(1e6); for (let i = 0; i < 10; i++) try { ${body} } catch {}`,
    FUEL
  ]
  const attacks: Attacks = {
    in: many("'a' in s"),
    'a property': many('s.x = 1'),
    'a receiver': many('Map.prototype.get.call(s)'),
    'a prototype': many('Object.setPrototypeOf({}, s)'),
    'a parent': many('void class extends s {}')
  }
  await runAttacks(t, attacks, 60_000)
})

test('vm builtins - attacks: what is taken last', async (t) => {
  const made = 'for (let i = 0; i < 200_000; i++) new Object();'
  // a wait, and the end of a function, pay for the promises before them: more than there is left
  const fuel = 802_500
  await runAttacks(t, { wait: [`${made} await new Promise(() => {})`, FUEL] }, fuel)
  const later = `(async () => { ${made} await 1; return {} })(); throw new Error('x')`
  await runAttacks(t, { end: [later, FUEL] }, fuel + 1_500)
})

test('vm builtins - attacks: operations that ask nothing of the state', async (t) => {
  const attacks: Attacks = {
    mkdir: ["const p = '/a'.repeat(500); for (let i = 0; i < 1000; i++) state.mkdir(p)", FUEL]
  }
  await runAttacks(t, attacks, 100_000)
})

test('vm builtins - attacks: iterators and promises', async (t) => {
  await runAttacks(t, {
    'iterator helpers': [
      'let it=[1].values();for(let i=0;i<1e4;i++)it=it.map(Number);it.next()',
      NESTING
    ],
    'iterator endless': ['const it={__proto__:Iterator.prototype,next:Object};it.toArray()', FUEL],
    'iterator drop': [
      'const it={__proto__:Iterator.prototype,next:Object};it.drop(Infinity).next()',
      FUEL
    ],
    'iterator every': [
      'const it={__proto__:Iterator.prototype,next:Object};it.some(Boolean)',
      FUEL
    ],
    'iterator filter': [
      'const it={__proto__:Iterator.prototype,next:Object};it.filter(Boolean).next()',
      FUEL
    ],
    'iterator flatMap': [
      'const it={__proto__:Iterator.prototype,next:Object};it.flatMap(()=>[]).next()',
      FUEL
    ],
    'iterator concat': [
      'Iterator.concat(...Array(1e4).fill([1,2,3]),{[Symbol.iterator]:()=>({next:Object})}).drop(Infinity).next()',
      FUEL
    ],
    stacks: [
      'let s=new DisposableStack();for(let i=0;i<1e5;i++){const t=new DisposableStack();t.use(s);s=t}s.dispose()',
      NESTING
    ],
    'resolve in resolve': [
      "const o={};Object.defineProperty(o,'then',{get:Promise.resolve.bind(Promise,o)});Promise.resolve(o);return 1",
      'ok 1'
    ],
    'stacks that are awaited': [
      'const s=new AsyncDisposableStack();for(;;)s.defer(()=>Promise.reject(1))',
      FUEL
    ],
    aggregate: ['new AggregateError(endless)', FUEL],
    thenables: ['const t=[];t[0]=t;t.then=[].forEach;Promise.resolve(t);return 1', FUEL],
    'promise all': ['Promise.all(endless).catch(()=>{});return 1', FUEL],
    'promise race': ['Promise.race(endless).catch(()=>{});return 1', FUEL]
  })
})

test('vm builtins - attacks: operators', async (t) => {
  await runAttacks(t, {
    rest: ['const [a,...b]=endless', FUEL],
    length: ['const a=[];a.length=3e7', ALLOCATION],
    'length destructured': ['const a=[];[a.length]=[3e7]', ALLOCATION],
    'length of a loop': ['const a=[];for(a.length of [3e7]);', ALLOCATION],
    'length added to': ['const a=[];a.length+=3e7', ALLOCATION],
    'length computed': ["const a=[];a['len'+'gth']=3e7", ALLOCATION],
    'prototypes by new': ['let p={};for(;;){const F=function(){};F.prototype=p;p=new F}', NESTING],
    spread: ['[...endless]', FUEL],
    arguments: ['Math.max(...endless)', FUEL],
    'for of': ['for (const x of endless);', FUEL],
    'yield*': ['function* g(){yield* endless} for(const x of g());', FUEL],
    'arguments many': ['Math.max(...Array(1e5).fill(1))', ARGUMENTS],
    'spread object': [
      "const o=Object.fromEntries(Array.from({length:2e4},(_, i)=>['k'+i,i]));for(;;)({...o})",
      FUEL
    ],
    'rest object': [
      "const o=Object.fromEntries(Array.from({length:2e4},(_, i)=>['k'+i,i]));for(;;){const {a,...b}=o}",
      FUEL
    ],
    'spread string': ["({...'x'.repeat(1e6)})", FUEL],
    rope: ["const s='x'.repeat(1e6);for(let i=0;;i++)(s+i)[0]", FUEL],
    'rope template': ["const s='x'.repeat(1e6);for(let i=0;;i++)`${s}${i}`[0]", FUEL],
    double: ["let s='x';for(;;)s+=s", ALLOCATION],
    compare: ["const a='x'.repeat(1e6)+'y',b='x'.repeat(1e6)+'z';for(;;)a<b", FUEL],
    equal: ["const a='x'.repeat(1e6)+'y',b='x'.repeat(1e6)+'z';for(;;)a===b", FUEL],
    key: ["const s='x'.repeat(1e6),o={};for(let i=0;;i++)o[s+i]", FUEL],
    in: ["const s='x'.repeat(1e6),o={};for(let i=0;;i++)(s+i) in o", FUEL],
    'number of text': ["const s='1'.repeat(1e6);for(;;)+s", FUEL],
    'times text': ["const s='1'.repeat(1e6);for(;;)s*1", FUEL],
    'big power': ['for(;;)2n**100000n', FUEL],
    'big power 3': ['3n**(2n**40n)', ALLOCATION],
    'big mul': ['let x=3n**10000n;for(;;)x=x*x', ALLOCATION],
    'big mul loop': ['const x=3n**100000n;for(;;)x*x', FUEL],
    'big div': ['const x=3n**100000n,y=3n**50000n;for(;;)x/y', FUEL],
    'big mod': ['const x=3n**10000n,y=3n**5000n;for(;;)x%y', FUEL],
    'big shift': ['1n<<(2n**40n)', ALLOCATION],
    'big shift loop': ['for(;;)1n<<100000n', ALLOCATION],
    'big add': ['const x=3n**100000n;for(;;)x+x', ALLOCATION],
    'big and': ['const x=3n**100000n;for(;;)x&x', ALLOCATION],
    'big neg': ['const x=3n**100000n;for(;;)-x', ALLOCATION],
    'big inc': ['let x=3n**100000n;for(;;)x++', ALLOCATION],
    'big text': ["const x=3n**10000n;for(;;)x+''", FUEL],
    'big template': ['const x=3n**10000n;for(;;)`${x}`', FUEL],
    'big parse': ["const t='7'.repeat(1e5);for(;;)1n<t", FUEL],
    'big compare': ['const x=3n**100000n,y=x+1n;for(;;)x===y', ALLOCATION],
    'class chain': ['let A=class{};for(;;)A=class extends A{}', NESTING],
    'proto literal': ['let p={};for(;;)p={__proto__:p}', NESTING],
    switch: [
      "const a='x'.repeat(1e6)+'y',b='x'.repeat(1e6)+'z';for(;;)switch(a){case b:case b:case b:}",
      FUEL
    ],
    'for in': [
      "const o=Object.fromEntries(Array.from({length:2e4},(_, i)=>['k'+i,i]));for(;;)for(const k in o)break",
      FUEL
    ]
  })
})

test('vm builtins - attacks: contracts and builtins that call each other', async (t) => {
  await runAttacks(t, {
    'recursion map': ['const f=()=>[1].map(()=>f());f()', NESTING],
    'recursion sort': ['const f=()=>[1,2].sort(()=>f());f()', NESTING],
    'recursion replace': ["const f=()=>'x'.replace('x',f);f()", NESTING],
    'recursion toJSON': ['const o={toJSON(){return JSON.stringify(o)}};JSON.stringify(o)', NESTING],
    'recursion reviver': ["const f=()=>JSON.parse('[1]',f);f()", NESTING],
    'recursion get': ['const p=new Proxy({},{get(t,k,r){return r.x}});p.x', NESTING],
    'recursion valueOf': ['const o={valueOf(){return +o}};+o', NESTING],
    'recursion from': ['const f=()=>Array.from([1],f);f()', NESTING],
    'recursion flatMap': ['const f=()=>[1].flatMap(f);f()', NESTING],
    'recursion apply': ['const f=(...a)=>f.apply(null,a);f(1,2,3)', NESTING],
    'recursion construct': ['const C=function(){Reflect.construct(C,[])};new C()', NESTING],
    'recursion Map': [
      'const it={*[Symbol.iterator](){new Map(it);yield [1,1]}};new Map(it)',
      NESTING
    ],
    'recursion locals': [
      'const f=(a)=>{const {a0,a1,a2,a3,a4,a5,a6,a7,a8,a9,b0,b1,b2,b3,b4,b5,b6,b7,b8,b9,...c}=a;return [1].map(()=>f(c)).concat([1,2,3].reduce((x,y)=>x+y,f(c)))};f({})',
      DEPTH
    ],
    'recursion args': ['const f=(...a)=>[1].map(()=>f(...a));f(...Array(1000).fill(1))', DEPTH],
    'recursion bound args': [
      'let g;const f=(...a)=>g();g=f.bind(null,...Array(60).fill(1));g()',
      DEPTH
    ],
    'recursion regexp': ["const f=()=>'x'.replace(/x/,f);f()", NESTING],
    'recursion generator': ['function* g(){yield* g()};[...g()]', DEPTH],
    'recursion getter': ['class A{get x(){return this.x}};new A().x', DEPTH],
    'recursion tag': ['const f=()=>String({toString:f});f()', NESTING],
    'recursion hasInstance': [
      'const C={[Symbol.hasInstance](x){return x instanceof C}};1 instanceof C',
      DEPTH
    ],
    'recursion species': [
      'class A extends Array{static get [Symbol.species](){new A(1,2).map(x=>x);return A}};new A(1,2).map(x=>x)',
      NESTING
    ],
    'recursion dispose': [
      'const s=()=>{const d=new DisposableStack();d.defer(s);d.dispose()};s()',
      NESTING
    ],
    'recursion await': ['const f=async()=>{await f()};await f()', DEPTH],
    'recursion in sort tag': [
      'const o={toString(){return [o,o].sort().join()}};[o,o].sort()',
      NESTING
    ],
    'recursion getOwn': [
      'const p=new Proxy({},{ownKeys(){return Object.keys(p)}});Object.keys(p)',
      NESTING
    ],
    'recursion Set': [
      'const s=new Set([1]);const l={get size(){return 1},has(){return s.isSubsetOf(l)},keys(){}};s.isSubsetOf(l)',
      NESTING
    ]
  })
})

/** By name: what the method does, and units that it has to cost at least. */
type Priced = Record<string, readonly [body: string, least: number]>

const LONG = '(1n << 1_000_000n)'

test('vm builtins - what takes V8 long costs as much', async (t) => {
  await checkPrices(t, {
    'for-in of a text': ["const s = 'x'.repeat(1e5); for (const _ in s) break", 1e5],
    'shift of a table': ['const a = []; a[1e5] = 1; a.shift()', 1e5],
    'unshift of a table': ['const a = []; a[1e5] = 1; a.unshift(1)', 1e5],
    'shift of a table that inherits': [
      'class A extends Array {} const a = new A(); a[1e5] = 1; a.shift()',
      1e5
    ],
    'big integers in a switch': [
      `const n = ${LONG}, m = -n; switch (n) { ${'case m:'.repeat(100)} }`,
      2e4
    ],
    'big integers in an array': [`Array(100).fill(${LONG}).includes(-${LONG})`, 2e4],
    'big integers in an array, from behind': [
      `Array(100).fill(${LONG}).lastIndexOf(${LONG} + 1n)`,
      2e4
    ],
    'big integers in a set': [
      `const n = ${LONG}, s = new Set([n]); for (let i = 0; i < 100; i++) s.has(n)`,
      2e4
    ],
    'big integers in two sets': [
      `const a = new Set(), b = new Set(); for (let i = 0n; i < 8n; i++) { a.add(${LONG} + (i << 64n)); b.add(${LONG} + (i << 64n)) } a.isSubsetOf(b)`,
      3e4
    ],
    'texts of one hash in a set': [
      "const s = new Set(); for (let i = 0; i < 100; i++) s.add(`${i}`.padStart(16_384, 'x'))",
      3e5
    ],
    'texts of one hash as keys': [
      "const o = {}; for (let i = 0; i < 10; i++) o[`${i}`.padStart(16_384, 'x')] = i",
      5e5
    ],
    'a length that is a text': [
      "const a = [], n = '0'.repeat(1e5); Reflect.set(a, 'length', n); Object.assign(a, { length: n }); Object.defineProperty(a, 'length', { value: n }); Object.defineProperties(a, { length: { value: n } }); Reflect.defineProperty(a, 'length', { value: n }); new Proxy(a, {}).length = n",
      6 * 3000
    ],
    'a length that is a field': [
      "class A extends Array { length = '0'.repeat(1e5) } try { new A() } catch {}",
      3000
    ],
    'what is like an array, as arguments': ['Math.max.apply(null, { length: 1e4 })', 2e4],
    'what is like an array, as numbers': ['new Uint8Array({ length: 1e4 })', 2e4],
    'raw JSON': [
      "const r = JSON.rawJSON('1'.repeat(1e5)); for (let i = 0; i < 9; i++) JSON.stringify([r])",
      2e5
    ],
    'raw JSON of some keys': [
      "const r = JSON.rawJSON('1'.repeat(1e5)); for (let i = 0; i < 9; i++) JSON.stringify([r], ['x'])",
      2e5
    ],
    'a long text that is normalized, of which V8 might make eighteen times as much': [
      "'x'.repeat(7e4).normalize('NFKC')",
      14e4
    ],
    'concat of iterators': ['Iterator.concat(...Array(1000).fill([]))', 1e4]
  })
  const room = 'const a = []; for (;;) { const b = []; a.push(b); '
  await runAttacks(
    t,
    {
      'lengths that are texts': [`${room} Reflect.set(b, 'length', '4000000') }`, ALLOCATION],
      'lengths that are getters': [
        `${room} Object.assign(b, { get length() { return 4e6 } }) }`,
        ALLOCATION
      ],
      'lengths that are inherited': [
        `${room} Object.defineProperty(b, 'length', Object.create({ value: 4e6 })) }`,
        ALLOCATION
      ],
      'lengths of proxies': [`${room} new Proxy(b, {}).length = 4e6 }`, ALLOCATION],
      'lengths that a proxy makes up': [
        `${room} [].pop.call(new Proxy(b, { get: (o, key) => (key === 'length' ? 4e6 : o[key]) })) }`,
        ALLOCATION
      ],
      'raw JSON that grows': [
        "const r = JSON.rawJSON('1'.repeat(1e6)); JSON.stringify(Array(100).fill(r))",
        ALLOCATION
      ]
    },
    LIMITS.fuel
  )
})

test('vm builtins - what V8 does for the syntax around some code costs as much', async (t) => {
  const names = (count: number) => Array.from({ length: count }, (_, i) => `a${i}`).join(', ')
  const many = (expression: string) => `${hundred} { ${`${expression}; `.repeat(10)} }`
  const ten = 'for (let i = 0; i < 10; i++)'
  const hundred = 'for (let i = 0; i < 100; i++)'
  const thousand = 'for (let i = 0; i < 1000; i++)'
  const nested = (count: number, code: string) => {
    return Array(count)
      .fill(0)
      .reduce((inner, _, i) => `{ let b${i}; (() => b${i})(); ${inner} }`, code)
  }
  const handlers = `let z = 0; if (z) { ${'try { z() } catch {} '.repeat(2000)} }`
  const caught = `${hundred} { try { throw 1 } catch {} }`
  await checkPrices(t, {
    'variables of each turn': [
      `let f; for (let i = 0, ${names(1000)}; i < 10; i++) f ??= () => [${names(1000)}]`,
      2000
    ],
    'constants of each turn': [
      `let f, i = 0; for (const [${names(1000)}] = []; i < 10; i++) f ??= () => [${names(1000)}]`,
      2000
    ],
    'variables of a case that it is not': [
      `${ten} switch (i) { case -1: let ${names(1000)}; (() => [${names(1000)}])() }`,
      2000
    ],
    'functions of a case that it is not': [
      `${ten} switch (i) { case -1: ${Array.from({ length: 100 }, (_, i) => `function f${i}() {}`).join(' ')} }`,
      10_000
    ],
    'variables of a branch that is not taken': [
      `const f = (z) => { if (z) { var ${names(1000)}; return () => [${names(1000)}] } }; ${ten} f()`,
      2000
    ],
    'variables of a generator': [
      `function* g() { let ${names(1000)}; ${ten} yield } for (const _ of g());`,
      1000
    ],
    'variables of an async function': [
      `const f = async () => { let ${names(1000)}; ${ten} await 0 }; return f()`,
      1000
    ],
    'variables around yield*': [
      `function* g() { let ${names(1000)}; yield* Array(10) } for (const _ of g());`,
      1000
    ],
    'variables around for await': [
      `const f = async () => { let ${names(1000)}; for await (const _ of Array(10)); }; return f()`,
      1000
    ],
    'what loops without a turn look at': [
      `const o = {}; ${hundred} { while (${'o.x, '.repeat(100)}0); for (; ${'o.x, '.repeat(100)}0; ); }`,
      100 * 2 * 12
    ],
    'loops over nothing': [`const a = []; ${many('for (const _ of a);')}`, 2500],
    'places of a function that is left at once': [
      `const f = (z) => { if (z) { let ${names(6400)} } }; ${hundred} f()`,
      100 * 25
    ],
    'variables that are many lists away': [
      `let x = 0; const keep = () => x; ${nested(900, `(() => { ${thousand} { x; x; x; x } })()`)}`,
      300_000
    ],
    'parameters of a generator that are many lists away': [
      `let x = 0; const keep = () => x; ${nested(900, `function* g(a = (${'x, '.repeat(100)}0)) {} ${thousand} g()`)}`,
      900_000
    ],
    'this, which is many lists away': [
      `return function () { ${nested(900, `(() => { ${thousand} { this; this } })()`)} }.call(1)`,
      300_000
    ],
    'parameters of generators that are never entered': [
      `const o = {}; function* g(a = (${'o.x, '.repeat(1000)}0)) {} ${hundred} g()`,
      100 * 125
    ],
    'literals as parameters of generators that are never entered': [
      `async function* g(a = [${'{}, '.repeat(100)}]) {} ${hundred} g()`,
      100 * 300
    ],
    'keys that a pattern leaves out': [
      `const o = {}; for (let i = 0; i < 1000; i++) o[i] = i; const { ${names(1000)}, ...r } = o`,
      60_000
    ],
    'handlers that an error is not for': [`${handlers} ${caught}`, 15_000],
    'handlers of a static block': [`class A { static { ${handlers} ${caught} } }`, 15_000],
    'loops that an error closes, and handlers': [
      `const f = () => { ${'for (const _ of [0]) '.repeat(50)} { ${handlers} throw 1 } }; try { f() } catch {}`,
      9000
    ],
    'keys that are computed': [
      `${ten} ({ ${Array.from({ length: 100 }, (_, i) => `['k' + ${i}]: 1`).join(', ')} })`,
      3000
    ],
    'elements that a pattern passes over': [
      `const [${','.repeat(1000)}] = Array(1000).fill(1)`,
      400
    ],
    'holes that are written out': [`${hundred} [${','.repeat(1000)}]`, 100 * 60],
    'elements that a pattern takes': [`const [${names(1000)}] = 'x'.repeat(1000)`, 500],
    'short texts in other letters': [
      `const s = '\\u0390'.repeat(20); ${hundred} { s.toUpperCase(); s.toLowerCase() }`,
      2000
    ],
    'short texts that are replaced by what is around them': [
      `const s = 'a'.repeat(23); ${hundred} s.replaceAll('a', "$'$\`")`,
      8000
    ],
    'push inside of push': [
      `const a = [], p = Object.create(Array.prototype); Object.defineProperty(p, '0', { set: a.push }); Object.setPrototypeOf(a, p); ${ten} try { a.push(1) } catch {}`,
      15_000
    ],
    'at inside of at': [
      `const a = [1]; Object.defineProperty(a, 0, { get: a.at }); ${ten} try { a.at(0) } catch {}`,
      15_000
    ],
    'texts that are compared': [`const s = 'x'.repeat(500), t = s + 'y'; ${many('s < t')}`, 3000],
    'a text and one that is written out': [
      `const s = 'x'.repeat(500); ${many(`s < '${'x'.repeat(100)}'`)}`,
      1000
    ],
    'texts that are the same': [
      `const s = 'x'.repeat(300), t = 'y'.repeat(300).replaceAll('y', 'x'); ${many('s === t')}`,
      1500
    ],
    'a text and a number': [
      `const s = '1.2345678901234567e300', n = [5][0]; ${many('s < n')}`,
      3000
    ],
    'a text that equals a number': [`const s = '1e300', n = [5][0]; ${many('s == n')}`, 3000],
    'a number that equals a big integer': [
      `const b = 2n ** 500n, n = [5][0]; ${many('b == n')}`,
      3000
    ],
    'what is no number': [`const [u] = [undefined]; ${many('u * u')}`, 6000],
    'a sum of what is no number': [`const [u] = [null]; ${many('u + u')}`, 3000],
    'bits of what is no number': [`const [u] = [true]; ${many('~u')}`, 3000],
    'a number of what is none': [`const [u] = [null]; ${many('+u')}`, 3000],
    'a text of what is none': [`const [u, s] = [null, 'x']; ${many('s + u')}`, 3000],
    'a text that is multiplied': [`const s = '1.2345678901234567e300'; ${many('s * 2')}`, 3000],
    'a length that stays': [`const a = []; ${many('a.length = 5')}`, 3000],
    'elements that are no numbers': [`const a = [1], [i] = [0]; ${many('a[i] = a')}`, 700],
    'texts of cases': [
      `const s = 'x'.repeat(500), t = s + 'y'; ${hundred} switch (t) { ${'case s: '.repeat(10)} }`,
      900
    ],
    'arrays of bytes that others make': [
      `const u = new Uint8Array(0), f = () => 0; ${hundred} { u.map(f); u.filter(f); u.slice(); u.toSorted(); u.toReversed(); Uint8Array.of(); Uint8Array.from('') }`,
      100 * 7 * 16
    ],
    'keys that are fractions': [`const o = {}; let n = 0.1; ${many('o[n += 0.1]')}`, 4000],
    'keys of more than 32 bits': [`const o = {}; let n = 2 ** 40; ${many('n++ in o')}`, 4000],
    'keys below zero': [`const a = []; let n = 0; ${many('a[n--]')}`, 4000],
    'keys that come to more than 32 bits': [
      `const o = {}; let n = -1 >>> 0; ${many('o[n += 8]')}`,
      4000
    ],
    'texts of fractions': [`let n = 0.1; ${many("'' + (n += 0.1)")}`, 1000],
    'methods of arrays without elements': [
      `const a = []; ${hundred} { a.includes(1); a.indexOf(1); a.splice(0, 0); a.toSpliced(0, 0); a.toReversed(); a.sort(); Array() }`,
      100 * 25
    ],
    'methods of buffers of a few bytes': [
      `const u = new Uint8Array(4); ${hundred} { u.set(u); u.fill(0); u.includes(1); u.reverse(); u.buffer }`,
      100 * 25
    ],
    'builtins that have nothing to do': [
      `const f = () => 0, d = new Date(0); ${hundred} { Object.fromEntries([]); Object.groupBy([], f); Date.UTC(2020, 1, 1, 1, 1, 1, 1); d.setTime(0); JSON.stringify({}); ''.split() }`,
      100 * 45
    ],
    'errors and symbols without a call of them': [
      `const o = {}; for (const get of [Error, TypeError, SuppressedError, Symbol]) { Object.defineProperty(o, 'x', { get, configurable: true }); ${many('o.x')} }`,
      4 * 1000 * 2
    ],
    'names of oracles': [many('oracle.price'), 5000],
    'what is disposed of': [many('{ using a = null }'), 1000],
    'codes of a text': [`${hundred} String.fromCharCode(${'65,'.repeat(100)})`, 5000],
    'what is left of far exponents': [`for (let i = 0; i < 1000; i++) 1e308 % 5e-324`, 1000]
  })
})

test('vm builtins - an error in a static part of a class takes no longer than one elsewhere', async (t) => {
  const vm = await openOne(t)
  // V8 would read all of this again for each error
  const long = `if (z) { ${'z();'.repeat(40_000)} }`
  const throws = 'for (let i = 0; i < 8000; i++) try { throw 1 } catch {}'
  const source = `exports.f = () => { let z = 0; class A { static { ${long} ${throws} } } }`
  const instance = new Instance(contractOf(source, { limits: { ...LIMITS, time: 60_000 } }))
  await instance.run(vm, [['init']])
  const before = performance.now()
  const [result] = await instance.run(vm, [['f']])
  t.is(briefOf(result), 'ok null')
  t.ok(performance.now() - before < 5000, 'a few milliseconds, and not ten seconds')
})

test('vm builtins - instanceof a function takes no longer however often it was bound', async (t) => {
  const vm = await openOne(t)
  const source = `exports.f = (n) => {
    let f = function () {}
    for (let i = 0; i < n; i++) f = f.bind()
    const o = {}
    for (let i = 0; i < 20000; i++) { ${'o instanceof f; '.repeat(10)} }
  }`
  const instance = new Instance(contractOf(source, { limits: { ...LIMITS, time: 60_000 } }))
  await instance.run(vm, [['init']])
  // the shortest, since what else the machine does only takes time
  const timeOf = async (layers: number) => {
    let least = Number.POSITIVE_INFINITY
    for (let i = 0; i < 5; i++) {
      const before = performance.now()
      t.is(briefOf((await instance.run(vm, [['f', layers]]))[0]), 'ok null')
      least = Math.min(least, performance.now() - before)
    }
    return least
  }
  const once = await timeOf(1)
  const often = await timeOf(32)
  t.ok(often < once * 8 + 200, `${often.toFixed()} ms, and ${once.toFixed()} where it is once`)
})

test('vm builtins - what is undefined in a queue is no hole in it', async (t) => {
  const vm = await openOne(t)
  const queue = (fill: string) =>
    `() => { const a = ${fill}; for (let i = 0; i < 200; i++) a.shift(); return a.length }`
  const source = `
    exports.numbers = ${queue('Array(500).fill(1)')}
    exports.nothing = ${queue('[...Array(499).fill(1), undefined]')}
    exports.holes = ${queue('Array(500).fill(1, 0, 499)')}`
  const instance = new Instance(contractOf(source))
  const fuel: number[] = []
  const onStep = (step: Step) => fuel.push(step.fuel)
  const overrides = { onStep }
  const lines: Line[] = [['init'], ['numbers'], ['nothing'], ['holes']]
  const [, ...results] = await instance.run(vm, lines, { overrides })
  t.alike(results.map(briefOf), ['ok 300', 'ok 300', 'ok 300'])
  const [, numbers = 0, nothing = 0, holes = 0] = fuel
  t.ok(nothing < numbers + (200 * 500) / 2, `${numbers}, ${nothing}`)
  t.ok(holes > 200 * 300 * 4, `${holes}`)
})

test('vm builtins - the length of an array is what was given, however it was given', async (t) => {
  const vm = await openOne(t)
  const source = `
    exports.f = () => {
      const a = Array(100).fill(1)
      const lengths = []
      const note = (done) => lengths.push(a.length, done)
      note(Reflect.set(a, 'length', '90'))
      Object.assign(a, { length: { valueOf: () => 80 }, x: 1, 3: 2 })
      note(a[3] + a.x)
      Object.defineProperty(a, 'length', { value: 70n ** 1n === 70n ? '70' : 0 })
      note(Reflect.defineProperty(a, 'length', { value: 60, writable: true }))
      const p = new Proxy(a, {})
      p.length = 50
      p.push(7)
      note(p.pop())
      note(Reflect.set({}, 'length', 40, a))
      for (const bad of [-1, 1.5, 'x', 5n, undefined, Symbol()]) {
        try { Reflect.set(a, 'length', bad); note('kept') } catch (error) { note(error.name) }
      }
      Object.defineProperties(a, { length: { value: 30, writable: false }, 2: { value: 5 } })
      note(Reflect.set(a, 'length', 20))
      return lengths
    }`
  const [, result] = await new Instance(contractOf(source)).run(vm, [['init'], ['f']])
  const range = Array.from({ length: 3 }, () => [40, 'RangeError']).flat()
  const lengths = [90, true, 80, 3, 60, true, 50, 7, 40, true, ...range]
  lengths.push(40, 'TypeError', 40, 'RangeError', 40, 'TypeError', 30, false)
  t.is(briefOf(result), `ok ${JSON.stringify(lengths)}`)
})

async function checkPrices(t: Test, priced: Priced): Promise<void> {
  const vm = await openOne(t)
  const entries = Object.entries(priced)
  const methods = entries.map(([, [body]], i) => `exports.m${i} = () => { ${body} }`)
  const fuel: number[] = []
  const lines = entries.map((_, i) => [`m${i}`] as const)
  const [, ...results] = await new Instance(contractOf(methods.join('\n'))).run(
    vm,
    [['init'], ...lines],
    { overrides: { onStep: (step) => fuel.push(step.fuel) } }
  )
  entries.forEach(([name, [, least]], i) => {
    const used = fuel[i + 1] ?? 0
    t.is(results[i]?.status, 'ok', `${name}: ${briefOf(results[i])}`)
    t.ok(used >= least, `${name}: ${used} of ${least} units`)
  })
}
