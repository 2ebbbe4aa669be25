/** Saves what stands at a blob: or data: address. */
import { Icon } from "../../parts/icon";
import { text } from "../../text";

export function DownloadLink({ address, name }: { address: string; name: string }) {
  return (
    <a class="button ghost small" href={address} download={name}>
      <Icon name="download" size={14} />
      {text.playground.download}
    </a>
  );
}
