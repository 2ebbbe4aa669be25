/** Images that a person adds to a message: checked here, sent as data URLs. */
import { bytes } from "../../../format/numbers";
import { text } from "../../../text";

/** Source: row A002-19; the API itself takes 20 MB. */
const MAX_BYTES = 10 * 2 ** 20;
const FORMATS = ["image/png", "image/jpeg", "image/webp", "image/gif"];

export interface Picture {
  name: string;
  url: string;
}

/** Throws an Error whose message says what is wrong with the file. */
export async function readPicture(file: File): Promise<Picture> {
  if (!FORMATS.includes(file.type)) throw new Error(text.playground.chat.imageFormat(file.name));
  if (file.size > MAX_BYTES) throw new Error(text.playground.chat.imageTooLarge(file.name, bytes(file.size)));
  return { name: file.name, url: await dataUrl(file) };
}

export function dataUrl(file: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

export function filesOf(data: DataTransfer | null): File[] {
  return [...(data?.files ?? [])];
}
