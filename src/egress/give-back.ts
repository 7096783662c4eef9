/** Less is not worth the call. */
const worthwhile = 4096

/**
 * Gives the memory of these bytes back now, instead of at some collection: V8 counts what buffers hold outside of its
 * heap, and at 64 KiB a read it would mark the whole heap several times a second. The bytes are gone then, so this is
 * for bytes that nobody else has and that no write has yet to read. A piece of something larger is left alone.
 */
export function giveBack({ buffer, byteLength }: Uint8Array): void {
  if (byteLength < worthwhile || buffer.byteLength !== byteLength) return
  if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}

/** For the callback of a write: only one that has succeeded is over. One that failed may still be under way. */
export function giveBackWritten(bytes: Uint8Array): (error?: Error | null) => void {
  return (error) => {
    if (!error) giveBack(bytes)
  }
}
