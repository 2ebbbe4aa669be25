/** Cosine of every pair of vectors; 0 where one has no length. */
export function similarities(vectors: number[][]): number[][] {
  const lengths = vectors.map((vector) => Math.sqrt(dot(vector, vector)));
  return vectors.map((a, n) => vectors.map((b, m) => {
    const scale = (lengths[n] ?? 0) * (lengths[m] ?? 0);
    return scale === 0 ? 0 : dot(a, b) / scale;
  }));
}

function dot(a: number[], b: number[]): number {
  return a.reduce((sum, value, n) => sum + value * (b[n] ?? 0), 0);
}
