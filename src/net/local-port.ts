/** Port of the network that `--local` runs on this machine. In a file of its own: most commands need no network. */
export const LOCAL_PORT = 49_801
