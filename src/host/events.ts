/** What the operator of a host may want to know. */
export type HostEvent =
  | { readonly type: 'deployed'; readonly address: string; readonly deployer: string }
  | { readonly type: 'damaged'; readonly address: string; readonly message: string }
  /** Peers show that more of it was signed than is here: nothing is, from now on. */
  | { readonly type: 'set-back'; readonly address: string; readonly message: string }
  /** A bit that the disk had flipped was turned back. */
  | { readonly type: 'mended'; readonly message: string }
  /** An oracle, or the module of them, has left an error that nobody catches; the host goes on. */
  | { readonly type: 'oracle'; readonly name: string; readonly message: string }
  | { readonly type: 'log'; readonly address: string; readonly line: string }
  | { readonly type: 'refused'; readonly code: string; readonly message: string }
  /** A write has failed for want of room: nothing is written until the host is opened again, and there is room for that. */
  | { readonly type: 'full'; readonly code: string; readonly message: string }
  /** A write has failed for another reason: nothing is written until the host is opened again. */
  | { readonly type: 'stuck'; readonly code: string; readonly message: string }
  /** Nothing can be written any more, or the host is running that this one was restored from: it has to be stopped. */
  | { readonly type: 'fatal'; readonly code: string; readonly message: string }
