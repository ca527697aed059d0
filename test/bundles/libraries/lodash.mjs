import { cloneDeep, debounce, groupBy, isEqual, merge, orderBy, template } from 'lodash-es'

export let people = []

export function add(person) {
  people = orderBy([...people, cloneDeep(person)], ['age', 'name'], ['desc', 'asc'])
  return isEqual(people, cloneDeep(people))
}

export const byCity = () =>
  Object.fromEntries(
    Object.entries(groupBy(people, 'address.city')).map(([k, v]) => [k, v.map((p) => p.name)])
  )

export const change = (name, by) =>
  merge(
    people.find((person) => person.name === name),
    by
  )

// needs setTimeout, and code from strings: neither is there
export const late = () => debounce(() => 1)()
export const text = () => template('<%= a %>')({ a: 1 })
