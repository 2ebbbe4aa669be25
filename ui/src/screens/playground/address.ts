/** A blob: address of a file or an answer, given back when it changes. */
import { useEffect, useMemo } from "preact/hooks";

export function useAddress(content: Blob | null): string {
  const address = useMemo(() => (content ? URL.createObjectURL(content) : ""), [content]);
  useEffect(() => () => URL.revokeObjectURL(address), [address]);
  return address;
}
