export const FRAME_MAX: number
