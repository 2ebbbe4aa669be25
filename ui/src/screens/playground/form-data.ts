/** Fields and a file as multipart; lists as OpenAI's clients send them. */
export function formData(fields: Record<string, string | string[]>, file: File): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === "string") data.set(name, value);
    else for (const one of value) data.append(`${name}[]`, one);
  }
  data.set("file", file);
  return data;
}
