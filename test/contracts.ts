import { readFileSync } from 'node:fs'
import { type DeployOptions, deploy, type TestInstance } from 'mivm/testing'
import type { Teardown } from './helpers.ts'

/** The source of one of the contracts in contracts/. */
export function readContract(name: string): string {
  return readFileSync(new URL(`../contracts/${name}.js`, import.meta.url), 'utf8')
}

/** One of the contracts in contracts/, deployed in memory until the test ends. */
export async function deployContract<Name extends string>(
  t: Teardown,
  name: string,
  options: DeployOptions = {}
): Promise<TestInstance<Name>> {
  const instance = await deploy<Name>(readContract(name), options)
  t.teardown(() => instance.close())
  return instance
}
