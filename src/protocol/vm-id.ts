/** Name of the VM, and its id once it is released. */
const VM_NAME = 'js-1'

/**
 * Id of the VM that this version has. What `js-1` does to a contract may change until it is released, so that till then its id
 * ends with a hash of what is behind it: nobody executes a call with another VM than it was executed with, and takes
 * what has changed for a cheat. `scripts/vm-digest.js` writes it.
 */
export const VM_ID = 'js-1@8569b35bf47abca8'

/** Whether this version has the VM of that id. Logs of before do not say which build it was. */
export function isOwnVm(id: string): boolean {
  return id === VM_ID || id === VM_NAME
}

/** What to say where it does not. */
export function otherVm(id: string): string {
  const advice = id.startsWith(VM_NAME)
    ? 'use the version of MIVM that it was deployed with'
    : 'update MIVM'
  return `there is no VM ${JSON.stringify(id)} in this version, only ${VM_ID}: ${advice}`
}
