/** Round ticks for an axis that starts at zero; whole numbers where only those are drawn. */

export function ticks(max: number, whole: boolean, wanted = 4): number[] {
  if (!(max > 0)) return [0, 1];
  const raw = whole ? Math.max(1, max / wanted) : max / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ((whole ? [1, 2, 5, 10] : [1, 2, 2.5, 5, 10]).find((factor) => factor * power >= raw) ?? 10) * power;
  const top = Math.ceil(max / step - 1e-9);
  return Array.from({ length: top + 1 }, (_, n) => n * step);
}

/** At most `wanted` of the positions 0…n-1, evenly spread. */
export function spread(n: number, wanted: number): number[] {
  if (n <= wanted) return Array.from({ length: n }, (_, i) => i);
  const step = Math.ceil(n / wanted);
  return Array.from({ length: Math.ceil(n / step) }, (_, i) => i * step);
}
