/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The harness for contract authors: a contract in the real VM, in memory.
 *
 * ```js
 * import { deploy } from 'mivm/testing'
 *
 * const forum = await deploy(source)
 * await forum.as('alice').addTopic('Hello world') // 1
 * await forum.files() // { '/topics/1/title': 'Hello world' }
 * await forum.close()
 *
 * const shop = await deploy(await bundle('shop.ts'))
 * ```
 */
export { type Bundle, bundle } from '../bundle/bundle.ts'
export { ContractError, MivmError } from '../protocol/errors.ts'
export type { Value } from '../protocol/values.ts'
export { callerId } from './contract.ts'
export {
  type DeployOptions,
  deploy,
  type Method,
  type Methods,
  type TestInstance
} from './instance.ts'
export { type LoadCost, loadCost } from './load-cost.ts'
