declare module 'flat-tree' {
  const api: {
    index(depth: number, offset: number): number
    parent(index: number): number
    sibling(index: number): number
    children(index: number): [number, number] | null
    leftSpan(index: number): number
    rightSpan(index: number): number
    spans(index: number): [number, number]
    countLeaves(index: number): number
  }
  export default api
}
