/** JSON in lines where it is JSON, any other text as it is. */
export function pretty(body: string | null | undefined): string {
  if (!body) return "";
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}
